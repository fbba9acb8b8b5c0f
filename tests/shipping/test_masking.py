"""Masks of zeros go, causal masks stay, and no vector changes."""

from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.encoders.export import export_encoder
from plotgenre.embedding.encoders.graph import load_graph

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="session")
def remove_idle_masks():
    from masking import remove_idle_masks

    return remove_idle_masks


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    def exported(source: Path) -> Path:
        folder = tmp_path_factory.mktemp("exported") / "encoder"
        export_encoder(EncoderSettings(name=str(source)), folder)
        return folder

    return exported


def operations(folder: Path) -> list[str]:
    return [node.op_type for node in onnx.load(folder / "model.onnx").graph.node]


def feeding_softmaxes(folder: Path) -> set[str]:
    graph = onnx.load(folder / "model.onnx").graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    return {made_by[node.input[0]] for node in graph.node if node.op_type == "Softmax"}


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_an_encoder_that_reads_both_ways_needs_no_mask(
    exported, tiny_masked, sentences, tmp_path, weights
) -> None:
    from masking import without_idle_masks

    folder = tmp_path / "encoder"
    source = EncoderSettings(kind="onnx", name=str(exported(tiny_masked)))
    load_encoder(source).save(folder, weights)
    ours = EncoderSettings(kind="onnx", name=str(folder), precision="float32")
    before = load_encoder(ours).encode(sentences)
    assert without_idle_masks(folder) == 2
    assert feeding_softmaxes(folder) == {"MatMul"}
    assert "IsNaN" not in operations(folder)
    np.testing.assert_allclose(load_encoder(ours).encode(sentences), before, atol=1e-6)


def test_a_causal_mask_stays(exported, remove_idle_masks, tiny_causal) -> None:
    folder = exported(tiny_causal)
    assert remove_idle_masks(folder / "model.onnx") == 0
    assert feeding_softmaxes(folder) <= {"Add", "Where"}


def scores_graph(path: Path, slope: float) -> Path:
    """softmax(ids as numbers + slope * position): a mask of zeros if the slope is 0."""
    from onnx import TensorProto, helper, numpy_helper

    ids, kept = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "tokens"])
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["scores"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["ones"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ones", "slope"], ["mask"]),
        helper.make_node("Add", ["mask", "scores"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["weights"], axis=0),
        helper.make_node("IsNaN", ["weights"], ["lost"]),
        helper.make_node("Where", ["lost", "slope", "weights"], ["out"]),
    ]
    constants = [numpy_helper.from_array(np.float32([slope]), "slope")]
    graph = helper.make_graph(nodes, "scores", [ids, kept], [out], constants)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_a_mask_of_another_number_stays(remove_idle_masks, tmp_path: Path) -> None:
    assert remove_idle_masks(scores_graph(tmp_path / "model.onnx", -2.0)) == 0
    assert operations(tmp_path).count("Add") == 1


def test_a_mask_of_zeros_goes_and_nothing_changes(remove_idle_masks, tmp_path: Path) -> None:
    path = scores_graph(tmp_path / "model.onnx", 0.0)
    ids = np.array([[1, 3], [2, 1]])
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    before = load_graph(path, "float32", "onnxruntime").run(inputs)
    # The output is the guard itself: it stays an output, so only the mask goes.
    assert remove_idle_masks(path) == 1
    assert operations(tmp_path) == ["Cast", "Softmax", "IsNaN", "Where"]
    after = load_graph(path, "float32", "onnxruntime")
    np.testing.assert_array_equal(after.run({n: inputs[n] for n in after.inputs}), before)
    np.testing.assert_allclose(before[:, 0], [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-6)
