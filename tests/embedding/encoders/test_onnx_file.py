"""What a graph may be, before any runtime opens it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import EncoderSettings, load_encoder, save_encoder
from plotgenre.embedding.encoders.onnx_file import data_files
from plotgenre.errors import EncoderError

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

IDS = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
OUT = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "tokens", 4])


@pytest.fixture
def outside(exported_masked: Path, tmp_path: Path) -> Path:
    """An encoder folder in the Hub's layout whose weights lie in a file beside its graph."""
    folder = tmp_path / "outside"
    (folder / "onnx").mkdir(parents=True)
    shutil.copy(exported_masked / "tokenizer.json", folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    table = np.random.default_rng(0).standard_normal((4096, 4)).astype(np.float32)
    node = helper.make_node("Gather", ["table", "input_ids"], ["out"])
    save(folder / "onnx" / "model.onnx", [node], [numpy_helper.from_array(table, "table")])
    return folder


def save(path: Path, nodes: list, tensors: list, functions: list = (), data: str = "w/a") -> None:
    (path.parent / data).parent.mkdir(exist_ok=True)
    graph = helper.make_graph(nodes, "g", [IDS], [OUT], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)
    onnx.save(
        model, str(path), save_as_external_data=bool(tensors), location=data, size_threshold=0
    )


def test_weights_beside_a_graph_count(outside: Path, tmp_path: Path) -> None:
    """Two encoders that differ in them alone are two, and a copy has them too."""
    settings = EncoderSettings(kind="onnx", name=str(outside))
    first = load_encoder(settings)
    vectors = first.encode(["a house"])
    save_encoder(settings, tmp_path / "copy")
    data = outside / "onnx" / "w" / "a"
    data.write_bytes((-np.frombuffer(data.read_bytes(), np.float32)).tobytes())
    assert load_encoder(settings).card.fingerprint != first.card.fingerprint
    copied = EncoderSettings(kind="onnx", name=str(tmp_path / "copy"))
    assert load_encoder(copied).card.fingerprint == first.card.fingerprint
    np.testing.assert_array_equal(load_encoder(copied).encode(["a house"]), vectors)
    (tmp_path / "copy" / "w" / "a").write_bytes(data.read_bytes())
    with pytest.raises(EncoderError, match="is damaged: data_sha256 is not the one"):
        load_encoder(copied)


def test_rounded_weights_lie_in_the_graph(outside: Path, tmp_path: Path) -> None:
    settings = EncoderSettings(kind="onnx", name=str(outside))
    save_encoder(settings, tmp_path / "small", "int8")
    names = {path.name for path in (tmp_path / "small").rglob("*") if path.is_file()}
    assert names == {"model.onnx", "tokenizer.json", "encoder.json"}


def test_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.ones((9, 4), np.float32), "table")
    node = helper.make_node("Gather", ["table", "input_ids"], ["out"])
    save(tmp_path / "model.onnx", [node], [table], data="weights")
    assert data_files(tmp_path / "model.onnx") == ["weights"]
    content = (tmp_path / "model.onnx").read_bytes()
    for name in (b"../etc/", b"/etc/hs", b"missing"):
        (tmp_path / "model.onnx").write_bytes(content.replace(b"weights", name))
        with pytest.raises(EncoderError, match="expected a file that lies beside it"):
            data_files(tmp_path / "model.onnx")


def test_graphs_that_may_run_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    body = helper.make_graph([], "body", [], [])
    loop = helper.make_node("Loop", ["n", "", "input_ids"], ["out"], body=body)
    save(path, [loop], [])
    with pytest.raises(EncoderError, match="has a Loop, which may run without end"):
        data_files(path)
    inner = helper.make_graph([helper.make_node("Scan", [], [])], "inner", [], [])
    save(path, [helper.make_node("If", ["input_ids"], ["out"], then_branch=inner)], [])
    with pytest.raises(EncoderError, match="has a Scan"):
        data_files(path)
    node = helper.make_node("Identity", ["x"], ["y"])
    function = helper.make_function("own", "f", ["x"], ["y"], [node], [helper.make_opsetid("", 17)])
    save(path, [helper.make_node("f", ["input_ids"], ["out"], domain="own")], [], [function])
    with pytest.raises(EncoderError, match="has functions of its own"):
        data_files(path)


def test_any_prefix_of_a_graph_is_refused_or_read(exported_masked: Path, tmp_path: Path) -> None:
    content = (exported_masked / "model.onnx").read_bytes()
    assert data_files(exported_masked / "model.onnx") == []
    for size in (0, 1, 7, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.onnx").write_bytes(content[:size])
        with pytest.raises(EncoderError, match="cannot be loaded as an ONNX graph"):
            data_files(tmp_path / "cut.onnx")


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda told: told.update(dimension=10**12), "gives vectors of 32 numbers"),
        (lambda told: told.update(dimension="many"), "dimension: input should be a valid integer"),
        (lambda told: told.update(max_tokens=10**30), "max_tokens: "),
        (lambda told: told.update(weights="int3"), "weights: input should be"),
        (lambda told: told.pop("pooling"), "lacks pooling"),
    ],
)
def test_a_description_of_what_is_not_there_is_one_sentence(
    exported_masked: Path, tmp_path: Path, edit: Callable[[dict], object], sentence: str
) -> None:
    from plotgenre.json_files import read_json, write_digested

    copy = Path(shutil.copytree(exported_masked, tmp_path / "copy"))
    told = read_json(copy / "encoder.json")
    edit(told)
    write_digested(copy / "encoder.json", told)
    with pytest.raises(EncoderError, match=sentence) as caught:
        load_encoder(EncoderSettings(kind="onnx", name=str(copy)))
    assert len(str(caught.value).splitlines()) == 1
