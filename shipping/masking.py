"""Masks that mask nothing are taken out of the package's encoder.

The library's batches hold texts of one exact length, so that an encoder that reads both ways masks
nothing. Its graph still adds zeros to every attention score and looks for NaN in every softmax,
which are passes over (b, heads, s, s) numbers in every layer. Without them the graph takes no
padding: the models of the package have words besides, and are never exported whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.embedding.encoders.encoder import file_digest
from plotgenre.embedding.encoders.onnx_description import DESCRIPTION_FILE, MODEL_FILE
from plotgenre.json_files import read_json, write_digested

# Shapes of batches that the masks are computed for: one token, few, more than the tracing saw.
_PROBED = ((1, 1), (3, 2), (2, 31))


def without_idle_masks(folder: Path) -> int:
    """`remove_idle_masks` in the folder of an encoder, which knows its graph by a digest."""
    removed = remove_idle_masks(folder / MODEL_FILE)
    description = folder / DESCRIPTION_FILE
    told = read_json(description) | {"model_sha256": file_digest(folder / MODEL_FILE)}
    write_digested(description, told)
    return removed


def remove_idle_masks(path: Path) -> int:
    """Rewrite an ONNX file without the masks that are zero for every batch without padding.

    A causal mask is not zero, and stays. Afterwards the graph takes no padding. Returns how many
    softmaxes lost their mask.
    """
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    masked = []
    for node in graph.node:
        added = made_by.get(node.input[0]) if node.op_type == "Softmax" else None
        if added is not None and added.op_type == "Add":
            for place in (0, 1):
                masked.append((added.input[place], added.input[1 - place], node))
    zero = _zero(model, {mask for mask, _, _ in masked if mask in made_by})
    idle = [(scores, softmax) for mask, scores, softmax in masked if mask in zero]
    for scores, softmax in idle:
        softmax.input[0] = scores
        _skip_nan_guard(graph, softmax)
    if idle:
        _drop_unused(graph)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
    return len(idle)


def _zero(model: Any, names: set[str]) -> set[str]:
    """Of the values by name, those that are zero in every batch of the probes."""
    import onnx
    import onnxruntime

    if not names:
        return set()
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(names))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = {port.name for port in session.get_inputs()}
    zero = set(names)
    for shape in _PROBED:
        # Ids that every encoder has, and not one alone: its scores might be zero as well.
        ids = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) % 4
        offered = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        found = session.run(None, {name: offered[name] for name in wanted})
        values = zip([port.name for port in session.get_outputs()], found, strict=True)
        zero &= {name for name, value in values if not np.any(value)}
    return zero


def _skip_nan_guard(graph: Any, softmax: Any) -> None:
    """Read the softmax itself where its NaN, the sign of a row that is masked whole, became 0."""
    (weights,) = softmax.output
    for guard in graph.node:
        if guard.op_type == "Where" and guard.input[2] == weights:
            for node in graph.node:
                for place, name in enumerate(node.input):
                    if name == guard.output[0]:
                        node.input[place] = weights


def _drop_unused(graph: Any) -> None:
    """Take out nodes and constants that lead to no output."""
    wanted = {one.name for one in graph.output}
    kept = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    for field, remaining in (
        (graph.node, kept[::-1]),
        (graph.initializer, [one for one in graph.initializer if one.name in wanted]),
    ):
        copies = [type(one).FromString(one.SerializeToString()) for one in remaining]
        del field[:]
        field.extend(copies)
