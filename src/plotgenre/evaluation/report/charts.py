"""Charts as inline SVG that takes its colours from the page, so that it follows light and dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from plotgenre.errors import MissingExtraError
from plotgenre.evaluation.report.curves import Reliability
from plotgenre.evaluation.report.groups import FilmGroup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plotgenre.evaluation.metrics import Array

# Colours that matplotlib draws with, and what the page puts in their place.
_INK, _FAINT, _FIRST, _SECOND = "#010203", "#010204", "#010205", "#010206"
_COLOURS = {
    _INK: "currentColor",
    _FAINT: "var(--line)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
}
_SIZE = (4.4, 3.3)
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def precision_recall_chart(
    curve: tuple[Array, Array],
    model: tuple[float, float],
    baseline: tuple[float, float],
) -> str:
    """Micro-averaged curve of precisions and recalls, and where model and baseline stand on it."""
    figure, axes = _axes()
    precisions, recalls = curve
    axes.plot(recalls, precisions, color=_FIRST)
    axes.plot(*model[::-1], "o", color=_FIRST, label="at the model's thresholds")
    axes.plot(*baseline[::-1], "D", color=_SECOND, label="most frequent genres")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper right")
    return _svg(figure, "Precision against recall, falling as more genres are predicted")


def reliability_chart(bins: Reliability) -> str:
    """What was said against how often it was true."""
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color=_INK, linestyle=":", linewidth=1, label="perfect")
    axes.plot(bins.probability, bins.frequency, "o-", color=_FIRST, label="model")
    axes.set(xlabel="predicted probability", ylabel="share that is true", xlim=(0, 1))
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper left")
    return _svg(figure, "Share of true genres against predicted probability")


def groups_chart(groups: Sequence[FilmGroup], label: str) -> str:
    """Micro-F1 of each group of films with its interval."""
    figure, axes = _axes()
    places = np.arange(len(groups))
    values = np.array([group.micro_f1.value for group in groups])
    ends = np.array([(group.micro_f1.low, group.micro_f1.high) for group in groups])
    axes.vlines(places, ends[:, 0], ends[:, 1], color=_FIRST, linewidth=2)
    axes.plot(places, values, "o", color=_FIRST)
    names = [group.name.replace(" and more", "+") for group in groups]
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set(xlabel=label, ylabel="micro-F1", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    return _svg(figure, f"Micro-F1 by {label}")


def history_chart(history: Mapping[str, Any]) -> tuple[str, str]:
    """Losses, and validation average precision, by epoch, the best epoch marked.

    ``history`` is what `history_chart.draw_history` takes.
    """
    epochs = history["epochs"]
    numbers = [epoch["epoch"] for epoch in epochs]
    losses, axes = _axes()
    for name, colour in (("train", _FIRST), ("validation", _SECOND)):
        axes.plot(numbers, [epoch[f"{name}_loss"] for epoch in epochs], color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="loss")
    _mark_epoch(axes, history["best_epoch"])
    axes.legend()
    precision, axes = _axes()
    axes.plot(numbers, [epoch["macro_average_precision"] for epoch in epochs], color=_SECOND)
    axes.set(xlabel="epoch", ylabel="macro average precision, validation")
    _mark_epoch(axes, history["best_epoch"])
    return (
        _svg(losses, "Train and validation loss by epoch"),
        _svg(precision, "Macro average precision on validation films by epoch"),
    )


def _mark_epoch(axes: Any, epoch: int) -> None:
    axes.axvline(epoch, color=_INK, linestyle=":", linewidth=1)
    axes.xaxis.get_major_locator().set_params(integer=True)


def _axes() -> tuple[Figure, Any]:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingExtraError("A report", "train") from missing
    with rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure, label: str) -> str:
    from matplotlib import rc_context

    written = StringIO()
    absent = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # The salt keeps the ids of clip paths and markers of one chart out of another's.
    with rc_context(_STYLE | {"svg.hashsalt": label}):
        figure.savefig(written, format="svg", metadata=absent)
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(
        r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{label}">', svg, 1
    )
    # An inline SVG knows href without its namespace.
    svg = svg.replace("xlink:href", "href")
    for drawn, shown in _COLOURS.items():
        svg = svg.replace(drawn, shown)
    return svg
