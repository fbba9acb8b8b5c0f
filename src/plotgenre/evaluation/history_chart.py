"""The history of a training as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plotgenre.errors import MissingExtraError


def draw_history(history: Mapping[str, Any], path: Path) -> None:
    """Draw losses and validation average precision by epoch, the best epoch marked.

    Parameters
    ----------
    history
        ``epochs``: mappings with ``epoch``, ``train_loss``, ``validation_loss`` and
        ``macro_average_precision``; ``best_epoch``.
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
    epochs = history["epochs"]
    numbers = [epoch["epoch"] for epoch in epochs]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    losses, precision = figure.subplots(1, 2)
    for name, label in (("train_loss", "train"), ("validation_loss", "validation")):
        losses.plot(numbers, [epoch[name] for epoch in epochs], label=label)
    losses.set(xlabel="epoch", ylabel="loss")
    losses.legend()
    precision.plot(numbers, [epoch["macro_average_precision"] for epoch in epochs])
    precision.set(xlabel="epoch", ylabel="macro average precision, validation")
    for axes in (losses, precision):
        axes.axvline(history["best_epoch"], linestyle=":", color="grey")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=120)
