"""The history of a training as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from plotgenre.errors import MissingExtraError
from plotgenre.whole_files import write_whole

CURVES = (
    {"train_loss": "train", "validation_loss": "validation"},
    {"micro_f1": "micro-F1", "macro_average_precision": "macro average precision"},
)
"""What is drawn of an epoch, by field: losses, then scores of validation films."""


def curve(history: Mapping[str, Any], field: str) -> list[float]:
    """A field by epoch; nan where an earlier version did not score it."""
    values = (epoch[field] for epoch in history["epochs"])
    return [math.nan if value is None else value for value in values]


def draw_history(history: Mapping[str, Any], path: Path) -> None:
    """Draw losses and validation scores by epoch, the best epoch and overfitting marked.

    Parameters
    ----------
    history
        ``epochs``: mappings with ``epoch``, ``train_loss``, ``validation_loss``, ``micro_f1`` (or
        ``None``) and ``macro_average_precision``; ``best_epoch``; ``overfitting_after``, the epoch
        of lowest validation loss, or ``None`` where no overfitting follows it.
    path
        Of the PNG file.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingExtraError("Drawing a training history", "train") from missing
    numbers = curve(history, "epoch")
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for panel, what, lines in zip(axes, ("loss", "score, validation"), CURVES, strict=True):
        for name, label in lines.items():
            panel.plot(numbers, curve(history, name), label=label)
        panel.set(xlabel="epoch", ylabel=what)
        panel.axvline(history["best_epoch"], linestyle=":", color="grey", label="kept")
        if (after := history["overfitting_after"]) is not None:
            panel.axvline(after, linestyle="--", color="firebrick", label="overfitting after")
        panel.legend()
        panel.xaxis.get_major_locator().set_params(integer=True)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=120)
    write_whole(path, drawn.getvalue())
