"""Rounding by hand, in small graphs of our own, and in exported encoders."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import EncoderSettings, Weights, load_encoder, save_encoder
from plotgenre.embedding.encoders.compression import compress_file, quantized
from plotgenre.embedding.encoders.export import export_encoder
from plotgenre.embedding.encoders.graph import load_graph
from plotgenre.errors import EncoderError, MissingExtraError

onnx = pytest.importorskip("onnx")
Settings = Callable[..., EncoderSettings]

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((64, 32)).astype(np.float32)
WEIGHT = RNG.standard_normal((32, 40)).astype(np.float32)
OUT = RNG.standard_normal((40, 40)).astype(np.float32)


def test_quantized_by_hand() -> None:
    matrix = np.array([[1.0, -127.0, 0.0], [0.5, 63.4, 0.0]], dtype=np.float32)
    whole, scales = quantized(matrix, axis=1)
    # Columns: 1/127 a step, 1 a step, and zeros. 0.5 is 63.5 steps, which rounds to the even 64.
    np.testing.assert_allclose(scales, [1 / 127, 1.0, 1.0])
    np.testing.assert_array_equal(whole, [[127, -127, 0], [64, 63, 0]])
    whole, scales = quantized(matrix, axis=0)
    np.testing.assert_allclose(scales, [1.0, 63.4 / 127])
    np.testing.assert_array_equal(whole, [[1, -127, 0], [1, 127, 0]])


def graph(path: Path, *, opset: int = 17, tied: bool = False) -> Path:
    """ids -> rows of TABLE -> times WEIGHT -> Gemm with OUT turned; or the table multiplied too."""
    from onnx import TensorProto, helper, numpy_helper

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 32 if tied else 40])
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["found"])]
    constants = {"table": TABLE}
    if tied:
        constants["back"] = np.eye(32, 64, dtype=np.float32)
        nodes += [
            helper.make_node("MatMul", ["found", "back"], ["wide"]),
            helper.make_node("MatMul", ["wide", "table"], ["out"]),
        ]
    else:
        constants |= {"weight": WEIGHT, "last": OUT}
        nodes += [
            helper.make_node("MatMul", ["found", "weight"], ["wide"]),
            helper.make_node("Gemm", ["wide", "last"], ["out"], transB=1),
        ]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "graph", [ids], [out], initializers),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    onnx.save(model, path)
    return path


def answer(path: Path, ids: list[int]) -> np.ndarray:
    return load_graph(path, "float32").run({"input_ids": np.array(ids, dtype=np.int64)})


def rounded(matrix: np.ndarray, axis: int, weights: str) -> np.ndarray:
    if weights == "float16":
        return matrix.astype(np.float16).astype(np.float32)
    whole, scales = quantized(matrix, axis)
    return whole * np.expand_dims(scales, 1 - axis)


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_a_compressed_graph_computes_with_the_rounded_matrices(
    tmp_path: Path, weights: str, runtime: str
) -> None:
    path = graph(tmp_path / "model.onnx")
    whole, ids = answer(path, [3, 60, 3]), [3, 60, 3]
    size = path.stat().st_size
    compress_file(path, weights)
    # Tables have a scale a row, matrices one for each output, which are Gemm's rows if turned.
    expected = rounded(TABLE, 0, weights)[ids] @ rounded(WEIGHT, 1, weights)
    expected = expected @ rounded(OUT, 0, weights).T
    np.testing.assert_allclose(answer(path, ids), expected, rtol=1e-4, atol=1e-3)
    assert not np.allclose(answer(path, ids), whole, rtol=1e-6, atol=1e-6)
    assert path.stat().st_size < size * (0.6 if weights == "float16" else 0.4)
    with pytest.raises(EncoderError, match="no float32 matrix to compress"):
        compress_file(path, weights)


def test_no_activation_is_rounded(tmp_path: Path) -> None:
    path = graph(tmp_path / "model.onnx")
    compress_file(path, "int8")
    operations = {node.op_type for node in onnx.load(path).graph.node}
    assert operations == {"Gather", "Cast", "Mul", "DequantizeLinear", "MatMul", "Gemm"}


def test_a_table_that_is_multiplied_too_stays_as_it_is(tmp_path: Path, runtime: str) -> None:
    path = graph(tmp_path / "model.onnx", tied=True)
    whole = answer(path, [5, 9])
    compress_file(path, "int8")
    # Zeros and ones are rounded without loss.
    np.testing.assert_allclose(answer(path, [5, 9]), whole, atol=1e-4)


def test_an_old_opset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="has opset 11; compressing needs 13"):
        compress_file(graph(tmp_path / "model.onnx", opset=11), "int8")


def test_numbers_too_large_for_half_precision_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "WEIGHT", WEIGHT * 1e5)
    with pytest.raises(EncoderError, match="'weight' has numbers too large for float16"):
        compress_file(graph(tmp_path / "model.onnx"), "float16")


def test_without_onnx_the_install_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[export\]'"):
        compress_file(tmp_path / "model.onnx", "int8")


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_a_rounded_encoder_is_another_one_and_close(
    pair: tuple[Path, Path],
    runtime: str,
    settings: Settings,
    tmp_path: Path,
    sentences: list[str],
    weights: str,
) -> None:
    # From the export of before: neither torch nor the model is needed.
    export_encoder(settings(pair[1], kind="onnx"), tmp_path / "small", weights)
    whole = load_encoder(settings(pair[1], kind="onnx"))
    small = load_encoder(settings(tmp_path / "small", kind="onnx"))
    assert (small.card.weights, small.card.source) == (weights, whole.card.fingerprint)
    assert small.card.fingerprint != whole.card.fingerprint
    a, b = whole.encode(sentences), small.encode(sentences)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(a, b)
    alone = np.concatenate([small.encode([text]) for text in sentences])
    np.testing.assert_allclose(
        small.encode(sentences[::-1] * 2)[: len(alone)][::-1], alone, atol=1e-5
    )
    other: Weights = "int8" if weights == "float16" else "float16"
    with pytest.raises(EncoderError, match=f"has {weights} weights already"):
        save_encoder(settings(tmp_path / "small", kind="onnx"), tmp_path / "again", other)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    save_encoder(settings(tmp_path / "small", kind="onnx"), tmp_path / "copy", weights)
    copy = load_encoder(settings(tmp_path / "copy", kind="onnx"))
    assert copy.card == small.card
    np.testing.assert_array_equal(copy.encode(sentences), small.encode(sentences))


def test_both_ways_to_a_rounded_encoder_end_at_one_fingerprint(
    tiny_masked: Path, exported_masked: Path, settings: Settings, tmp_path: Path
) -> None:
    direct = export_encoder(settings(tiny_masked), tmp_path / "direct", "int8").card
    later = export_encoder(settings(exported_masked, kind="onnx"), tmp_path / "later", "int8").card
    assert direct.fingerprint == later.fingerprint
    shorter = {
        load_encoder(settings(tmp_path / name, kind="onnx", max_tokens=16)).card.source
        for name in ("direct", "later")
    }
    whole = load_encoder(settings(exported_masked, kind="onnx", max_tokens=16)).card
    assert shorter == {whole.fingerprint}


def test_products_in_int8_are_close_and_know_no_neighbour(
    exported_masked: Path, settings: Settings, tmp_path: Path, runtime: str, sentences: list[str]
) -> None:
    export_encoder(settings(exported_masked, kind="onnx"), tmp_path / "small", "int8")
    exact, rounded = (
        load_encoder(settings(tmp_path / "small", kind="onnx", precision=one))
        for one in ("float32", "int8")
    )
    # OpenVINO multiplies some widths in bfloat16, or wrongly, on some processors.
    assert rounded.card.precision == "int8" or runtime == "openvino"
    assert rounded.card.fingerprint == exact.card.fingerprint
    a, b = exact.encode(sentences), rounded.encode(sentences)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosines.min() > 0.99
    assert np.allclose(a, b, atol=1e-5) == (rounded.card.precision == "float32")
    alone = np.concatenate([rounded.encode([text]) for text in sentences])
    np.testing.assert_allclose(b, alone, atol=1e-5)


def test_int8_wants_an_onnx_folder_with_such_weights(
    exported_masked: Path, tiny_masked: Path, settings: Settings
) -> None:
    with pytest.raises(EncoderError, match="has float32 weights, which are not multiplied in int8"):
        load_encoder(settings(exported_masked, kind="onnx", precision="int8"))
    with pytest.raises(EncoderError, match="cannot run in int8; expected an ONNX folder"):
        load_encoder(settings(tiny_masked, precision="int8"))


def test_a_static_encoder_is_not_rounded(tiny_static: Path, tmp_path: Path) -> None:
    asked = EncoderSettings(kind="static", name=str(tiny_static))
    with pytest.raises(EncoderError, match="keeps its weights in float32"):
        save_encoder(asked, tmp_path / "small", "int8")
