"""A model as one ONNX graph, from the token ids of slices to calibrated logits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder, save_encoder
from plotgenre.embedding.encoders.encoder import EncoderCard
from plotgenre.embedding.encoders.graph import Ids, load_graph
from plotgenre.embedding.encoders.onnx_description import MODEL_FILE, TOKENIZER_FILE
from plotgenre.embedding.encoders.tokens import TokenReader
from plotgenre.errors import ArtefactError, EncoderError, InputError, MissingExtraError
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import Head
from plotgenre.model.fitted import Model
from plotgenre.model.onnx_graph import OPSET, Nodes, add_calibration, add_head
from plotgenre.version import __version__
from plotgenre.whole_files import whole_file

# Difference of a logit from the library's that is no more than rounding.
_MOST_DIFFERENCE = 1e-4
_PROBES = (
    "Love.",
    "A retired detective returns to the harbour town where his partner vanished. " * 40,
    "Two strangers share a taxi. By morning neither can afford to tell the truth, and both try.",
)


def export_onnx(model: Model, path: Path) -> None:
    """Write a model of the semantic branch as one ONNX file.

    Inputs, all int64: ``input_ids`` and ``attention_mask`` (n_slices, tokens), the slices of all
    films, padded on the right with any id; ``films`` (n_slices,), the number of the film that each
    slice is of, from 0 without a gap. Output: ``logits`` (n, g), calibrated; their sigmoid are the
    probabilities.

    The file's metadata say the rest: ``tokenizer`` is a tokenizers JSON; ``plotgenre`` has genres,
    thresholds, prompt, maximum tokens and the slicing, which is not part of the graph.

    Parameters
    ----------
    model
        Of the semantic branch alone, its encoder no static one.
    path
        The file; it appears only when complete, and after its logits were compared.

    Raises
    ------
    InputError
        If the model reads words, which token ids do not carry, or has a static encoder.
    MissingExtraError
        If what the export needs is not installed.
    EncoderError
        If the encoder cannot be exported.
    ArtefactError
        If the file cannot be written, or its logits are not the library's.
    """
    semantic = _semantic(model)
    try:
        import onnx
    except ImportError as missing:
        raise MissingExtraError("Exporting a model", "export") from missing

    try:
        with whole_file(path) as written:
            folder = written.with_name("encoder")
            save_encoder(model.encoder, folder)
            # As the graph runs: without torch, in float32.
            settings = EncoderSettings(kind="onnx", name=str(folder), precision="float32")
            embedder = Embedder(semantic.embedder.slicing, load_encoder(settings))
            exported = SemanticBranch(embedder, semantic.head)
            graph = onnx.load(str(folder / MODEL_FILE))
            _extend(graph, exported.head, model.calibration)
            tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
            _describe(graph, model, embedder.encoder.card, tokenizer)
            onnx.checker.check_model(graph)
            onnx.save(graph, str(written))
            _compare(exported, model.calibration, written, tokenizer)
    except OSError as refused:
        raise ArtefactError(f"cannot write {path}: {refused}") from None


def _semantic(model: Model) -> SemanticBranch:
    semantic = model.branches.get("semantic")
    if not isinstance(semantic, SemanticBranch) or len(model.branches) > 1:
        raise InputError(
            f"a model of the branches {', '.join(model.branches)} cannot be one ONNX graph, since "
            "its lexical branch reads words, not token ids; "
            "expected the semantic branch alone, as of the recipe 'mixed'"
        )
    if model.added is not None:
        raise InputError(
            f"{len(model.added)} genres were added without training, which the graph cannot read; "
            "expected a model of fitted genres alone"
        )
    if model.encoder.kind == "static":
        raise InputError("a static encoder is no ONNX graph; expected another kind of encoder")
    return semantic


def _extend(graph: Any, head: Head, calibration: Calibration) -> None:
    """Lay head and calibration onto the encoder's output, in place."""
    from onnx import TensorProto, helper

    body, vectors = graph.graph, graph.graph.output[0]
    names = {one.name for one in body.input}
    version = next(one.version for one in graph.opset_import if one.domain in ("", "ai.onnx"))
    if len(vectors.type.tensor_type.shape.dim) != 2 or names != {"input_ids", "attention_mask"}:
        raise EncoderError(
            "the encoder's graph must go from input_ids and attention_mask to one vector a slice, "
            f"found {', '.join(sorted(names))} to {vectors.name}; "
            "expected what plotgenre export-encoder writes"
        )
    if version < OPSET:
        raise EncoderError(
            f"the encoder's graph has ONNX operators of version {version}, expected {OPSET} or "
            "later; export it again with a newer torch"
        )
    nodes = Nodes()
    logits = add_head(nodes, head, vectors.name, "films")
    calibrated = add_calibration(nodes, calibration, logits)
    nodes.nodes.append(helper.make_node("Identity", [calibrated], ["logits"]))
    body.node.extend(nodes.nodes)
    body.initializer.extend(nodes.constants)
    body.input.append(helper.make_tensor_value_info("films", TensorProto.INT64, ["slices"]))
    del body.output[:]
    logits_info = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, ["n_films", head.n_genres]
    )
    body.output.append(logits_info)


def _describe(graph: Any, model: Model, card: EncoderCard, tokenizer: str) -> None:
    from onnx import helper

    facts = {
        "version": __version__,
        "genres": dict(zip(model.genres, map(float, model.thresholds), strict=True)),
        "prompt": card.prompt,
        "max_tokens": card.max_tokens,
        "slicing": model.recipe.as_dict()["slicing"],
    }
    shown = {"plotgenre": json.dumps(facts, ensure_ascii=False), "tokenizer": tokenizer}
    helper.set_model_props(graph, shown)


def _compare(
    exported: SemanticBranch, calibration: Calibration, path: Path, tokenizer: str
) -> None:
    """Logits of the graph against those of numpy on the same encoder."""
    card, slices = exported.embedder.encoder.card, exported.embedder.slices(_PROBES)
    reader = TokenReader(Tokenizer.from_str(tokenizer), card.prompt, card.max_tokens)
    ids = reader.ids([text for film in slices for text in film])
    films = np.repeat(np.arange(len(slices)), [len(film) for film in slices])
    found = load_graph(path, "float32").run(graph_inputs(ids, films))
    expected = calibration.logits([exported.logits(_PROBES)])
    difference = float(np.abs(found - expected).max())
    if not difference <= _MOST_DIFFERENCE:
        raise ArtefactError(
            f"the exported model differs from the library's by {difference:.2g} in a logit, "
            f"expected at most {_MOST_DIFFERENCE}"
        )


def graph_inputs(ids: Sequence[Sequence[int]], films: Ids) -> dict[str, Ids]:
    """What the graph reads of slices' token ids and the film of each, (n_slices,)."""
    lengths = [len(one) for one in ids]
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    padded = np.zeros_like(mask)
    padded[mask == 1] = np.concatenate([np.array(one, dtype=np.int64) for one in ids])
    return {"input_ids": padded, "attention_mask": mask, "films": films.astype(np.int64)}
