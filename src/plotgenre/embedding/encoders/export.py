"""Export: an encoder as a folder that runs without torch, its weights whole or rounded."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.embedding.encoders.encoder import (
    Encoder,
    EncoderSettings,
    Weights,
    first_line,
)
from plotgenre.embedding.encoders.onnx_description import (
    MODEL_FILE,
    TOKENIZER_FILE,
    write_description,
)
from plotgenre.embedding.encoders.onnx_folder import OnnxEncoder
from plotgenre.errors import EncoderError, MissingExtraError
from plotgenre.whole_files import whole_folder

# Cosine that the exported encoder must reach with its source on the probe texts. Rounding to int8
# moves a vector by a few hundredths of its length; a graph that was cut wrongly, by far more.
_LEAST_COSINE = {"float32": 0.9999, "float16": 0.9999, "int8": 0.99}
_PROBES = (
    "A retired detective returns to the harbour town where his partner vanished.",
    "Two strangers share a taxi. By morning neither can afford to tell the truth, and both try.",
    "Love.",
)


def export_encoder(
    settings: EncoderSettings, folder: Path, weights: Weights = "float32"
) -> OnnxEncoder:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` into a new folder.

    The graph goes from token ids to the finished vector, pooling and all. In float32 the folder
    keeps the fingerprint of its source, since it is the same function: what was trained on the
    source's vectors reads the exported encoder's. Rounded weights get a fingerprint of their own.

    Parameters
    ----------
    settings
        An encoder of kind ``sentence_transformers`` or ``onnx``; the latter needs no torch.
    folder
        Must not exist or be empty; it appears only when complete.
    weights
        What large weights are kept in: ``int8`` makes the file a quarter of float32's,
        ``float16`` half.

    Returns
    -------
    The exported encoder as it runs here: its vectors in float32 were compared with the source's,
    and those of the runtime that runs it with these.

    Raises
    ------
    MissingExtraError
        If what the export needs is not installed.
    EncoderError
        If the folder is not empty, the model cannot be exported, or the exported vectors differ.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EncoderError(f"{folder} is not an empty folder; choose a new one for the encoder")
    with whole_folder(folder) as written:
        # Compared in float32; how an encoder is run later is the runtime's choice.
        full = replace(settings, precision="float32", device="cpu")
        if settings.kind == "sentence_transformers":
            full = _traced(full, written.with_name("traced"))
        source = OnnxEncoder(full)
        source.save(written, weights)
        _compare(source, OnnxEncoder(_settings_of(written)), weights)
    return OnnxEncoder(EncoderSettings(kind="onnx", name=str(folder)))


def check_export_installed() -> None:
    """Refuse early what would fail once an encoder is traced.

    Raises
    ------
    MissingExtraError
        If what the export of a sentence-transformers model needs is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as missing:
        raise MissingExtraError("Exporting an encoder", "export") from missing


def _settings_of(folder: Path) -> EncoderSettings:
    return EncoderSettings(kind="onnx", name=str(folder), precision="float32")


def _traced(settings: EncoderSettings, folder: Path) -> EncoderSettings:
    """The settings of an ONNX folder, made of a sentence-transformers model and like it."""
    check_export_installed()
    from plotgenre.embedding.encoders.transformer import TransformerEncoder

    source = TransformerEncoder(settings)
    folder.mkdir()
    _write_graph(source.model, folder / MODEL_FILE, settings.name)
    (folder / TOKENIZER_FILE).write_text(source.vocabulary, encoding="utf-8")
    write_description(folder, source.card, normalize=False)
    _compare(source, OnnxEncoder(_settings_of(folder)), "float32")
    return _settings_of(folder)


def _write_graph(model: Any, path: Path, name: str) -> None:
    import torch

    class IdsToVector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            vector: torch.Tensor = self.model(features)["sentence_embedding"]
            return vector

    # Where the model is, which need not be the processor.
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    ids = torch.ones((2, 7), dtype=torch.int64, device=device)
    axes = {0: "batch", 1: "tokens"}
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                IdsToVector().eval(),
                (ids, torch.ones_like(ids)),
                path,
                input_names=["input_ids", "attention_mask"],
                output_names=["sentence_embedding"],
                dynamic_axes={
                    "input_ids": axes,
                    "attention_mask": axes,
                    "sentence_embedding": {0: "batch"},
                },
                dynamo=False,
            )
    except (RuntimeError, ValueError, TypeError) as refused:
        raise EncoderError(
            f"the encoder {name!r} cannot be exported to ONNX: {first_line(refused)}"
        ) from refused


def _compare(source: Encoder, exported: Encoder, weights: Weights) -> None:
    ours, theirs = exported.encode(_PROBES), source.encode(_PROBES)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosine = float(((ours * theirs).sum(axis=1) / norms).min())
    if not cosine >= _LEAST_COSINE[weights]:
        raise EncoderError(
            f"the exported {source.card.name!r} differs from its source: cosine {cosine:.5f}, "
            f"expected at least {_LEAST_COSINE[weights]}"
        )
