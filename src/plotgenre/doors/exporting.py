"""The export commands: an encoder as a folder, a model as one graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_encoder(
    name: Annotated[str, typer.Argument(help="Hub id, folder, or all-MiniLM-L6-v2.")],
    folder: Annotated[Path, typer.Argument(help="New folder for the encoder.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub id.")] = None,
    pooling: Annotated[str, typer.Option(help="model, mean, max, cls or last.")] = "model",
    prompt: Annotated[str, typer.Option(help="Text put before every slice.")] = "",
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that it reads.")] = None,
) -> None:
    """Write a sentence-transformers model as a folder that runs without torch."""
    from plotgenre.embedding.encoders.export import export_encoder as export
    from plotgenre.recipe import Recipe

    given = {
        "encoder.name": name,
        "encoder.revision": revision,
        "encoder.pooling": pooling,
        "encoder.prompt": prompt,
        "encoder.max_tokens": max_tokens,
    }
    card = export(Recipe().with_settings(given).encoder, folder).card
    typer.echo(
        f"{folder}: {card.name}, {card.dimension} dimensions, {card.max_tokens} tokens, "
        f"runs in {card.precision} here"
    )


def export_onnx(
    model: Annotated[str, typer.Argument(help="Model folder or Hub id.")],
    path: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
) -> None:
    """Write a model of the semantic branch as one ONNX graph, from token ids to logits."""
    from plotgenre.classifier import GenreClassifier
    from plotgenre.model.onnx_export import export_onnx as export

    classifier = GenreClassifier.from_pretrained(model)
    export(classifier.model_, path)
    typer.echo(f"{path}: {len(classifier.classes_)} genres, {path.stat().st_size / 1e6:.1f} MB")
