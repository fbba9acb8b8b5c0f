"""Compression: an ONNX graph's large weights kept in 8 or 16 bits, all arithmetic left in float32.

Weights alone are rounded. Rounding activations too (DynamicQuantizeLinear) would take its scale
from the whole batch, so that a text's vector would depend on the texts beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.encoders.encoder import Weights
from plotgenre.errors import EncoderError, MissingExtraError

# Biases, norms and other small things are not worth rounding.
_LEAST_SIZE = 1024
# From here on DequantizeLinear has an axis.
_LEAST_OPSET = 13
# TensorProto.FLOAT; onnx itself is loaded only to compress.
_FLOAT = 1
_NARROW, _SCALES = "/narrow", "/scales"

_Matrix = npt.NDArray[np.float32]


def quantized(matrix: _Matrix, axis: int) -> tuple[npt.NDArray[np.int8], _Matrix]:
    """A matrix as whole numbers from -127 to 127, and one scale for each index of ``axis``.

    Symmetric and per channel: Jacob et al. 2018, "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference", with the zero point held at 0.

    Parameters
    ----------
    matrix
        Shape (r, c).
    axis
        The axis that keeps its own scales.

    Returns
    -------
    The whole numbers (r, c), and the scales (r,) or (c,): their product is off by at most half a
    scale.
    """
    largest = np.abs(matrix).max(axis=1 - axis)
    # A channel of zeros has any scale.
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    spread = np.expand_dims(scales, 1 - axis)
    return np.clip(np.rint(matrix / spread), -127, 127).astype(np.int8), scales


def compress_file(path: Path, weights: Weights) -> None:
    """Rewrite an ONNX file with its large matrices in ``float16`` or ``int8``.

    Matrices that are multiplied get one scale for each output; tables that are looked up get one
    for each row and are made float32 after the look-up, so that they stay small in memory.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    EncoderError
        If the file holds no matrix to compress, or is of an opset before 13.
    """
    try:
        import onnx
    except ImportError as missing:
        raise MissingExtraError("Rounding an encoder's weights", "export") from missing
    model = onnx.load(str(path))
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if opset < _LEAST_OPSET:
        raise EncoderError(f"{path} has opset {opset}; compressing needs {_LEAST_OPSET} or later")
    found = _matrices(model.graph)
    if not found:
        raise EncoderError(f"{path} has no float32 matrix to compress; is it compressed already?")
    graph = model.graph
    first = [node for name in found.multiplied for node in _widened(graph, name, found, weights)]
    for name in sorted(found.looked_up):
        _narrowed(graph, name, 0, weights, column=True)
    rest = [part for node in graph.node for part in _looked_up(node, found, weights)]
    del graph.node[:]
    graph.node.extend([*first, *rest])
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


@dataclass(frozen=True, slots=True)
class _Matrices:
    """Names of the matrices worth rounding: those multiplied, by axis of their outputs."""

    multiplied: dict[str, int]
    looked_up: set[str]

    def __bool__(self) -> bool:
        return bool(self.multiplied or self.looked_up)


def _matrices(graph: Any) -> _Matrices:
    large = {
        one.name
        for one in graph.initializer
        if one.data_type == _FLOAT and len(one.dims) == 2 and prod(one.dims) >= _LEAST_SIZE
    }
    multiplied: dict[str, int] = {}
    looked_up: set[str] = set()
    otherwise: set[str] = set()
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in large:
                continue
            if place == 1 and node.op_type in ("MatMul", "Gemm"):
                multiplied[name] = 1 - _attribute(node, "transB")
            elif place == 0 and node.op_type == "Gather" and _attribute(node, "axis") == 0:
                looked_up.add(name)
            else:
                otherwise.add(name)
    # A table that is multiplied too, or used in a third way, is left as it is.
    otherwise |= multiplied.keys() & looked_up
    return _Matrices(
        {name: axis for name, axis in multiplied.items() if name not in otherwise},
        looked_up - otherwise,
    )


def _attribute(node: Any, name: str) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), 0)


def _narrowed(graph: Any, name: str, axis: int, weights: Weights, *, column: bool = False) -> None:
    """Put the matrix's narrow form, and its scales if it has any, in its place."""
    from onnx import numpy_helper

    wide = next(one for one in graph.initializer if one.name == name)
    matrix = numpy_helper.to_array(wide)
    graph.initializer.remove(wide)
    if weights == "float16":
        graph.initializer.append(numpy_helper.from_array(_halved(name, matrix), name + _NARROW))
        return
    whole, scales = quantized(matrix, axis)
    if column:
        # So that the scales of rows that are looked up stretch over their columns.
        scales = scales[:, None]
    graph.initializer.append(numpy_helper.from_array(whole, name + _NARROW))
    graph.initializer.append(numpy_helper.from_array(scales, name + _SCALES))


def _halved(name: str, matrix: _Matrix) -> npt.NDArray[np.float16]:
    if np.abs(matrix).max() > np.finfo(np.float16).max:
        raise EncoderError(f"the matrix {name!r} has numbers too large for float16; choose int8")
    return matrix.astype(np.float16)


def _widened(graph: Any, name: str, found: _Matrices, weights: Weights) -> list[Any]:
    """The nodes that make a multiplied matrix float32 again, under its old name."""
    from onnx import helper

    axis = found.multiplied[name]
    _narrowed(graph, name, axis, weights)
    if weights == "float16":
        return [helper.make_node("Cast", [name + _NARROW], [name], to=_FLOAT)]
    inputs = [name + _NARROW, name + _SCALES]
    return [helper.make_node("DequantizeLinear", inputs, [name], axis=axis)]


def _looked_up(node: Any, found: _Matrices, weights: Weights) -> list[Any]:
    """The node itself or, where it looks up a narrow table, that and what widens its rows."""
    from onnx import helper

    if node.op_type != "Gather" or node.input[0] not in found.looked_up:
        return [node]
    table, rows = node.input
    (output,) = node.output
    found_rows, cast = output + _NARROW, output + "/cast"
    look_up = helper.make_node("Gather", [table + _NARROW, rows], [found_rows], axis=0)
    if weights == "float16":
        return [look_up, helper.make_node("Cast", [found_rows], [output], to=_FLOAT)]
    scale = output + _SCALES
    return [
        look_up,
        helper.make_node("Cast", [found_rows], [cast], to=_FLOAT),
        helper.make_node("Gather", [table + _SCALES, rows], [scale], axis=0),
        helper.make_node("Mul", [cast, scale], [output]),
    ]
