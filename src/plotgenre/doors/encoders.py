"""The commands that write encoders: alone, or into a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotgenre.errors import InputError

if TYPE_CHECKING:
    from plotgenre.embedding.encoders import EncoderCard

_WEIGHTS = ("float32", "float16", "int8")

WeightsOption = Annotated[
    str, typer.Option("--weights", help="float32, float16 or int8: what large weights are kept in.")
]


def export_encoder(
    name: Annotated[str, typer.Argument(help="Hub id, folder, or all-MiniLM-L6-v2.")],
    folder: Annotated[Path, typer.Argument(help="New folder for the encoder.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub id.")] = None,
    pooling: Annotated[str, typer.Option(help="model, mean, max, cls or last.")] = "model",
    prompt: Annotated[
        str | None, typer.Option(help="Text put before every slice, not the encoder's own.")
    ] = None,
    query_prompt: Annotated[
        str | None, typer.Option(help="Text put before genres' names, not the encoder's own.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that it reads.")] = None,
    weights: WeightsOption = "float32",
) -> None:
    """Write an encoder as a folder that runs without torch.

    Rounded weights make another encoder: a model takes it by the command bundle alone.
    """
    from plotgenre.embedding.encoders import named_encoder
    from plotgenre.embedding.encoders.export import export_encoder as export
    from plotgenre.recipe import Recipe

    given = {
        "encoder.kind": named_encoder(name).kind,
        "encoder.name": name,
        "encoder.revision": revision,
        "encoder.pooling": pooling,
        "encoder.prompt": prompt,
        "encoder.query_prompt": query_prompt,
        "encoder.max_tokens": max_tokens,
    }
    encoder = export(Recipe().with_settings(given).encoder, folder, _checked(weights))
    typer.echo(_line(folder, encoder.card, folder))


def bundle(
    model: Annotated[
        str, typer.Argument(help="Model folder, Hub id, or the name of a model of the package.")
    ],
    output: Annotated[Path, typer.Argument(help="Folder for the model with its encoder.")],
    weights: WeightsOption = "float32",
) -> None:
    """Put a model's encoder into a copy of it, which then needs no torch."""
    from plotgenre.artefact import ENCODER_FOLDER
    from plotgenre.hub import local_folder
    from plotgenre.model.bundling import bundle_model

    card = bundle_model(local_folder(model, None), output, _checked(weights))
    typer.echo(_line(output, card, output / ENCODER_FOLDER))


def _line(folder: Path, card: EncoderCard, encoder: Path) -> str:
    size = sum(file.stat().st_size for file in encoder.iterdir()) / 1e6
    return (
        f"{folder}: {card.name}, {card.dimension} dimensions, {card.max_tokens} tokens, "
        f"{card.weights} weights, {size:,.1f} MB, runs in {card.precision} here"
    )


def _checked(weights: str) -> Any:
    if weights not in _WEIGHTS:
        raise InputError(f"unknown weights {weights!r}; expected one of {', '.join(_WEIGHTS)}")
    return weights
