"""Encoders behind one Protocol; each model runtime is imported only by the file that needs it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from plotgenre.embedding.encoders.encoder import (
    BUNDLED,
    Encoder,
    EncoderCard,
    EncoderSettings,
    Vectors,
    Weights,
)
from plotgenre.errors import EncoderError
from plotgenre.whole_files import put_back

__all__ = [
    "BUNDLED",
    "Encoder",
    "EncoderCard",
    "EncoderSettings",
    "Vectors",
    "Weights",
    "load_encoder",
    "named_encoder",
    "save_encoder",
    "saved_encoder",
]


def named_encoder(name: str) -> EncoderSettings:
    """The settings of an ONNX folder, or else of a sentence-transformers folder or Hub id."""
    from plotgenre.embedding.encoders.onnx_folder import is_onnx_folder

    onnx = is_onnx_folder(Path(name))
    return EncoderSettings(kind="onnx" if onnx else "sentence_transformers", name=name)


def load_encoder(settings: EncoderSettings) -> Encoder:
    """The encoder that the settings name.

    Raises
    ------
    MissingExtraError
        If its runtime is not installed; the message is the line that installs it.
    EncoderError
        If it cannot be found, is damaged, lacks what an encoder needs, or cannot run as asked.
    RecipeError
        If torch does not have the device that is to run it.

    Warns
    -----
    UserWarning
        If a device is asked for and the encoder runs on the processor all the same.
    """
    put_back(Path(settings.name))
    if settings.precision == "int8" and settings.kind != "onnx":
        raise EncoderError(
            f"the encoder {settings.name!r} cannot run in int8; expected an ONNX folder with int8 "
            "weights, as plotgenre bundle --weights int8 writes it"
        )
    if settings.kind != "sentence_transformers" and settings.device not in ("auto", "cpu"):
        warnings.warn(
            f"the encoder {settings.name!r} runs on the processor, not on {settings.device!r}, "
            f"since torch has no part in encoders of kind {settings.kind!r}",
            stacklevel=2,
        )
    if settings.kind == "onnx":
        from plotgenre.embedding.encoders.onnx_folder import OnnxEncoder

        return OnnxEncoder(settings)
    if settings.kind == "static":
        from plotgenre.embedding.encoders.static import StaticEncoder

        return StaticEncoder(settings)
    from plotgenre.embedding.encoders.transformer import TransformerEncoder

    return TransformerEncoder(settings)


def reopened(settings: EncoderSettings, fingerprint: str) -> Encoder:
    """The encoder of settings that were pickled in its place.

    Raises
    ------
    EncoderError
        If it is gone, or another one is in its place.
    MissingExtraError, RecipeError
        As :func:`load_encoder`.
    """
    try:
        encoder = load_encoder(settings)
    except EncoderError as gone:
        raise EncoderError(
            f"what was pickled reads with the encoder {settings.name!r}, which cannot be opened "
            f"any more: {gone}"
        ) from gone
    if encoder.card.fingerprint != fingerprint:
        raise EncoderError(
            f"what was pickled reads with the encoder {settings.name!r} of fingerprint "
            f"{fingerprint[:12]}…, the one there now has {encoder.card.fingerprint[:12]}…"
        )
    return encoder


def save_encoder(settings: EncoderSettings, folder: Path, weights: Weights = "float32") -> None:
    """Write the encoder that the settings name into a new folder, without torch where it can be.

    A sentence-transformers model is exported to ONNX; the other kinds are copied.

    Raises
    ------
    EncoderError
        If the weights of a static encoder, which are not rounded, are to be.
    MissingExtraError, EncoderError
        As :func:`load_encoder` and :func:`plotgenre.embedding.encoders.export.export_encoder` do.
    """
    if settings.kind == "static" and weights != "float32":
        raise EncoderError(f"the static encoder {settings.name!r} keeps its weights in float32")
    if settings.kind == "sentence_transformers" or weights != "float32":
        from plotgenre.embedding.encoders.export import export_encoder

        export_encoder(settings, folder, weights)
    elif settings.kind == "onnx":
        from plotgenre.embedding.encoders.onnx_folder import OnnxEncoder

        OnnxEncoder(settings).save(folder)
    else:
        from plotgenre.embedding.encoders.static import StaticEncoder

        StaticEncoder(settings).save(folder)


def saved_encoder(settings: EncoderSettings, folder: Path) -> EncoderSettings:
    """The settings that load what :func:`save_encoder` wrote for ``settings``."""
    kind: Literal["onnx", "static"] = "static" if settings.kind == "static" else "onnx"
    # Limit, pooling and prompts went into what was written; only how it is run stays a choice.
    own = {}
    if kind == "static":
        own = {name: getattr(settings, name) for name in ("prompt", "query_prompt", "max_tokens")}
    return EncoderSettings(
        kind=kind,
        name=str(folder),
        precision=settings.precision,
        runtime=settings.runtime,
        **own,
    )
