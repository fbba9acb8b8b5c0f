"""A head and a calibration as nodes of an ONNX graph: the twins of what numpy reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import NOISY_OR_FLOOR, Head

OPSET = 18
"""The first version of the operators in which ``ScatterElements`` keeps the maximum."""

# onnx.TensorProto.FLOAT; onnx itself is loaded only where a node is made.
_FLOAT = 1
# Of the series of atanh: the next term is below float32's rounding at 1/3.
_LAST_POWER = 13


class Nodes:
    """Nodes and constants as they are added, under names that no encoder has."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One more node; returns the name of its output."""
        from onnx import helper

        name = f"plotgenre/{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: Any) -> str:
        """One more constant, a numpy array or number; returns its name."""
        from onnx import numpy_helper

        name = f"plotgenre/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def number(self, value: float) -> str:
        """A float32 constant that fits any shape."""
        return self.constant(np.float32(value))


class FilmNodes:
    """Reductions over each film's own slices.

    Parameters
    ----------
    nodes
        Where nodes are added.
    films
        Name of the input that says of each slice which film it is of, (n_slices,), from 0.
    """

    def __init__(self, nodes: Nodes, films: str) -> None:
        self._nodes, self._films = nodes, films
        highest = nodes.add("ReduceMax", films, keepdims=0)
        self._count = nodes.add("Add", highest, nodes.constant(np.int64(1)))
        self._column = nodes.add("Unsqueeze", films, nodes.constant(np.array([1], np.int64)))

    def reduce(self, x: str, how: str) -> str:
        """(n_slices, k) to (n, k): ``add`` or ``max`` of each film's rows."""
        nodes = self._nodes
        first = np.float32(0 if how == "add" else -np.inf)
        width = nodes.add("Shape", x, start=1, end=2)
        count = nodes.add("Unsqueeze", self._count, nodes.constant(np.array([0], np.int64)))
        shape = nodes.add("Concat", count, width, axis=0)
        empty = nodes.add("Expand", nodes.constant(first), shape)
        rows = nodes.add("Expand", self._column, nodes.add("Shape", x))
        return nodes.add("ScatterElements", empty, rows, x, axis=0, reduction=how)

    def mean(self, x: str) -> str:
        """(n_slices, k) to (n, k)."""
        nodes = self._nodes
        # A one for each slice, as a column.
        ones = nodes.add("Cast", nodes.add("Equal", self._column, self._column), to=_FLOAT)
        return nodes.add("Div", self.reduce(x, "add"), self.reduce(ones, "add"))

    def spread(self, x: str) -> str:
        """(n, k) to (n_slices, k): each film's row for each of its slices."""
        return self._nodes.add("Gather", x, self._films, axis=0)


def add_head(nodes: Nodes, head: Head, vectors: str, films: str) -> str:
    """From slice vectors (n_slices, d) to logits (n, g), as `Head.logits`; returns their name."""
    of, settings = FilmNodes(nodes, films), head.settings
    if settings.pooling == "mean":
        return _slice_logits(nodes, head, of.mean(vectors))
    if settings.pooling == "max":
        return _slice_logits(nodes, head, of.reduce(vectors, "max"))
    logits = _slice_logits(nodes, head, vectors)
    if settings.kind == "attention":
        weighted = nodes.add("Mul", _attention(nodes, head, vectors, of), logits)
        return of.reduce(weighted, "add")
    if settings.combine == "mean":
        return of.mean(logits)
    if settings.combine == "max":
        return of.reduce(logits, "max")
    return _noisy_or(nodes, logits, of)


def add_calibration(nodes: Nodes, calibration: Calibration, logits: str) -> str:
    """One branch's logits (n, g) to calibrated ones, as `Calibration.logits`."""
    (weights,) = calibration.weights
    scaled = nodes.add("Mul", logits, nodes.constant(weights))
    return nodes.add("Add", scaled, nodes.constant(calibration.biases))


def _slice_logits(nodes: Nodes, head: Head, vectors: str) -> str:
    if head.settings.kind != "linear":
        vectors = nodes.add("Relu", _linear(nodes, head, "hidden", vectors))
    return _linear(nodes, head, "output", vectors)


def _linear(nodes: Nodes, head: Head, layer: str, x: str) -> str:
    weight, bias = (nodes.constant(head.tensors[f"{layer}.{name}"]) for name in ("weight", "bias"))
    return nodes.add("Gemm", x, weight, bias, transB=1)


def _attention(nodes: Nodes, head: Head, vectors: str, of: FilmNodes) -> str:
    """Softmax over each film's slices, (n_slices, g), as `softmax_over_slices`."""
    key, query = (nodes.constant(head.tensors[f"{name}.weight"].T) for name in ("key", "query"))
    scores = nodes.add("MatMul", nodes.add("Tanh", nodes.add("MatMul", vectors, key)), query)
    highest = of.spread(of.reduce(scores, "max"))
    exponentials = nodes.add("Exp", nodes.add("Sub", scores, highest))
    return nodes.add("Div", exponentials, of.spread(of.reduce(exponentials, "add")))


def _noisy_or(nodes: Nodes, logits: str, of: FilmNodes) -> str:
    """As in `combine_slices`: z + log(1 - e^-z), with z the sum of the slices' softplus.

    ONNX has neither log1p nor expm1, and runtimes may simplify the compensated sums that stand for
    them elsewhere. Both are written so that nothing cancels.
    """
    floored = nodes.add("Max", logits, nodes.number(NOISY_OR_FLOOR))
    # softplus(l) = max(l, 0) + log(1 + e^-|l|)
    small = nodes.add("Exp", nodes.add("Neg", nodes.add("Abs", floored)))
    softplus = nodes.add("Add", nodes.add("Relu", floored), _log_of_one_plus(nodes, small))
    z = of.reduce(softplus, "add")
    # 1 - e^-z = 2 t / (1 + t) with t = tanh(z / 2)
    t = nodes.add("Tanh", nodes.add("Mul", z, nodes.number(0.5)))
    doubled, more = nodes.add("Add", t, t), nodes.add("Add", t, nodes.number(1))
    return nodes.add("Add", z, nodes.add("Log", nodes.add("Div", doubled, more)))


def _log_of_one_plus(nodes: Nodes, u: str) -> str:
    """log(1 + u) of u in [0, 1]: 2 atanh(s) with s = u / (2 + u) <= 1/3, by its series."""
    s = nodes.add("Div", u, nodes.add("Add", u, nodes.number(2)))
    square = nodes.add("Mul", s, s)
    series = nodes.number(1 / _LAST_POWER)
    for power in range(_LAST_POWER - 2, 0, -2):
        series = nodes.add("Add", nodes.add("Mul", series, square), nodes.number(1 / power))
    return nodes.add("Mul", nodes.add("Add", s, s), series)
