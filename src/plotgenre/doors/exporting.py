"""The export-onnx command: a model as one graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
