"""Heads and calibrations as ONNX nodes: the same numbers as in numpy."""

import numpy as np
import pytest

from plotgenre.embedding.bags import Bags
from plotgenre.embedding.encoders import graph as graph_module
from plotgenre.embedding.encoders.graph import load_graph
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import Head, HeadSettings
from plotgenre.model.onnx_graph import OPSET, Nodes, add_calibration, add_head

onnx = pytest.importorskip("onnx")

SIZES = [1, 3, 7, 1, 2]
D, G = 6, 4


@pytest.fixture(params=["onnxruntime", "openvino"])
def logits_of(request, tmp_path, monkeypatch):
    """Runs a head's and a calibration's nodes on bags, under either runtime."""
    pytest.importorskip(request.param)
    if request.param == "onnxruntime":
        monkeypatch.setattr(graph_module, "find_spec", lambda _: None)

    def logits_of(head, bags, calibration=None):
        from onnx import TensorProto, helper

        nodes = Nodes()
        end = add_head(nodes, head, "vectors", "films")
        if calibration is not None:
            end = add_calibration(nodes, calibration, end)
        inputs = [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["slices", head.dimension]),
            helper.make_tensor_value_info("films", TensorProto.INT64, ["slices"]),
        ]
        output = helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", head.n_genres])
        graph = helper.make_graph(nodes.nodes, "head", inputs, [output], nodes.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(tmp_path / "head.onnx"))
        films = np.repeat(np.arange(len(bags)), bags.sizes)
        given = {"vectors": bags.vectors, "films": films}
        return load_graph(tmp_path / "head.onnx", "float32").run(given)

    return logits_of


def bags_of(sizes, dimension, seed=0):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Bags(rng.standard_normal((offsets[-1], dimension)).astype(np.float32), offsets)


def head_of(**settings):
    chosen = HeadSettings(**settings)
    rng = np.random.default_rng(1)
    shapes = chosen.shapes(D, G)
    return Head(
        chosen,
        D,
        G,
        {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()},
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": kind, **way}
        for kind in ("linear", "mlp")
        for way in (
            {"pooling": "mean"},
            {"pooling": "max"},
            {"combine": "mean"},
            {"combine": "max"},
            {"combine": "noisy_or"},
        )
    ]
    + [{"kind": "attention", "attention_dim": 5}],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_head(logits_of, settings):
    head, bags = head_of(**settings), bags_of(SIZES, D)
    np.testing.assert_allclose(logits_of(head, bags), head.logits(bags), atol=1e-5)


def plain(combine):
    """A head whose slice logits are the slice vectors."""
    tensors = {"output.weight": np.eye(2, dtype=np.float32), "output.bias": np.zeros(2, np.float32)}
    return Head(HeadSettings(kind="linear", combine=combine), 2, 2, tensors)


TWO_FILMS = Bags(np.array([[1, -1], [3, -5], [-2, 4]], np.float32), np.array([0, 2, 3]))


@pytest.mark.parametrize(
    ("combine", "expected"), [("mean", [[2, -3], [-2, 4]]), ("max", [[3, -1], [-2, 4]])]
)
def test_by_hand(logits_of, combine, expected):
    np.testing.assert_array_equal(logits_of(plain(combine), TWO_FILMS), expected)


def test_calibration_by_hand(logits_of):
    calibration = Calibration(np.array([[2, 0.5]], np.float32), np.array([1, -1], np.float32))
    found = logits_of(plain("max"), TWO_FILMS, calibration)
    np.testing.assert_array_equal(found, [[7, -1.5], [-3, 1]])


@pytest.mark.parametrize("size", [1, 3])
def test_noisy_or_neither_cancels_nor_overflows(logits_of, size):
    ladder = np.array([-200, -80, -60, -20, -12, -3, -0.5, 0, 1, 9, 30, 80, 200], np.float32)
    vectors = np.repeat(np.stack([ladder, ladder[::-1]], axis=1), size, axis=0)
    bags = Bags(vectors, np.arange(0, len(vectors) + 1, size))
    head = plain("noisy_or")
    found = logits_of(head, bags)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, head.logits(bags), atol=1e-4)
    # 1 - (1 - p)^3 of p = 1/2 is 7/8, whose logit is log 7.
    if size == 3:
        assert found[7, 0] == pytest.approx(np.log(7), abs=1e-6)
