"""Floating-point operations of an encoder, and how many a second the machine can do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZE, TIMES = 2048, 8


class Shape(NamedTuple):
    """Of an encoder: numbers in all matrices that are multiplied, layers, and its width."""

    weights: int
    layers: int
    width: int


def operations(shape: Shape, lengths: np.ndarray) -> float:
    """Operations that an encoder needs for texts of ``lengths`` tokens, shape (n,).

    A matrix (r, c) costs each token 2 r c operations; attention costs a text of t tokens 4 t² d a
    layer, half for the scores and half for their use. Softmax, norms and sums are left out: they
    are under 2 % of it all.
    """
    t = lengths.astype(np.float64)
    return float(2 * shape.weights * t.sum() + 4 * shape.width * shape.layers * (t**2).sum())


def transformer(layers: int, width: int, inner: int) -> Shape:
    """Of layers of four square matrices for attention, and two to and from ``inner`` numbers."""
    return Shape(layers * (4 * width**2 + 2 * width * inner), layers, width)


def exported(folder: Path) -> Shape:
    """Of an encoder in ONNX; softmaxes are counted, one a layer."""
    import onnx

    width = int(json.loads((folder / "encoder.json").read_text())["dimension"])
    graph = onnx.load(str(folder / "model.onnx")).graph
    shapes = {one.name: tuple(one.dims) for one in graph.initializer}
    for node in graph.node:
        # A rounded matrix is multiplied under the name of its wide form.
        if node.op_type in ("DequantizeLinear", "Cast") and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    multiplied = [
        shapes[node.input[1]]
        for node in graph.node
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in shapes
    ]
    layers = sum(node.op_type == "Softmax" for node in graph.node)
    return Shape(sum(int(np.prod(shape)) for shape in multiplied), layers, width)


def peaks(threads: int) -> dict[str, float]:
    """Operations a second of one large product of matrices, by precision; the best of several."""
    rng = np.random.default_rng(0)
    one = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    found = {"float32": _best(lambda: one @ one)}
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(threads)
    wide = torch.from_numpy(one)
    found["float32"] = max(found["float32"], _best(lambda: wide @ wide))
    narrow = wide.to(torch.bfloat16)
    found["bfloat16"] = _best(lambda: narrow @ narrow)
    whole = (wide * 32).round().clamp(-127, 127).to(torch.int8)
    found["int8"] = _best(lambda: torch._int_mm(whole, whole))
    return found


def _best(multiply: object) -> float:
    assert callable(multiply)
    multiply()
    seconds = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - begun)
    return 2 * SIZE**3 / min(seconds)
