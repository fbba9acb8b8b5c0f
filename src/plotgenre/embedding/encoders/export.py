"""Export: any sentence-transformers model becomes a folder that runs without torch."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.embedding.encoders.encoder import EncoderSettings, first_line
from plotgenre.embedding.encoders.onnx_folder import (
    MODEL_FILE,
    TOKENIZER_FILE,
    OnnxEncoder,
    write_description,
)
from plotgenre.errors import EncoderError, MissingExtraError

# Cosine that the exported encoder must reach with its source on the probe texts.
_LEAST_COSINE = 0.9999
_PROBES = (
    "A retired detective returns to the harbour town where his partner vanished.",
    "Two strangers share a taxi. By morning neither can afford to tell the truth, and both try.",
    "Love.",
)


def export_encoder(settings: EncoderSettings, folder: Path) -> OnnxEncoder:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` into a new folder.

    The graph goes from token ids to the finished vector, pooling and all. The folder keeps the
    fingerprint of its source, since it is the same function: what was trained on the source's
    vectors reads the exported encoder's.

    Parameters
    ----------
    settings
        An encoder of kind ``sentence_transformers``.
    folder
        Must not exist or be empty; it appears only when complete.

    Returns
    -------
    The exported encoder, after its vectors were compared with the source's.

    Raises
    ------
    MissingExtraError
        If what the export needs is not installed.
    EncoderError
        If the folder is not empty, the model cannot be exported, or the exported vectors differ.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as missing:
        raise MissingExtraError("Exporting an encoder", "export") from missing
    from plotgenre.embedding.encoders.transformer import TransformerEncoder

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EncoderError(f"{folder} is not an empty folder; choose a new one for the encoder")
    # Weights leave in the precision they came in; how they are run is the runtime's choice.
    source = TransformerEncoder(_in_float32(settings))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as unfinished:
        written = Path(unfinished) / "encoder"
        written.mkdir()
        _write_graph(source.model, written / MODEL_FILE, settings.name)
        (written / TOKENIZER_FILE).write_text(source.vocabulary, encoding="utf-8")
        write_description(written, source.card, normalize=False)
        exported = OnnxEncoder(EncoderSettings(kind="onnx", name=str(written), precision="float32"))
        _compare(source.encode, exported.encode, settings.name)
        written.replace(folder)
    return OnnxEncoder(EncoderSettings(kind="onnx", name=str(folder)))


def _in_float32(settings: EncoderSettings) -> EncoderSettings:
    from dataclasses import replace

    return replace(settings, kind="sentence_transformers", precision="float32")


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

    ids = torch.ones((2, 7), dtype=torch.int64)
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


def _compare(
    source: Callable[[tuple[str, ...]], Any], exported: Callable[[tuple[str, ...]], Any], name: str
) -> None:
    ours, theirs = exported(_PROBES), source(_PROBES)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosine = float(((ours * theirs).sum(axis=1) / norms).min())
    if not cosine >= _LEAST_COSINE:
        raise EncoderError(
            f"the exported {name!r} differs from its source: cosine {cosine:.5f}, "
            f"expected at least {_LEAST_COSINE}"
        )
