"""Charts as inline SVG that takes its colours from the page, so that it follows light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from plotgenre.errors import MissingExtraError
from plotgenre.evaluation.history_chart import CURVES, curve
from plotgenre.evaluation.report.curves import Reliability
from plotgenre.evaluation.report.groups import FilmGroup

if TYPE_CHECKING:
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
_STYLE: dict[Any, Any] = {
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
    precisions, recalls = curve
    with _chart("Precision against recall, falling as more genres are predicted") as chart:
        chart.axes.plot(recalls, precisions, color=_FIRST)
        chart.axes.plot(*model[::-1], "o", color=_FIRST, label="as the model decides")
        chart.axes.plot(*baseline[::-1], "D", color=_SECOND, label="most frequent genres")
        chart.axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        chart.axes.legend(loc="best")
    return chart.svg


def reliability_chart(bins: Reliability) -> str:
    """What was said against how often it was true."""
    with _chart("Share of true genres against predicted probability") as chart:
        chart.axes.plot([0, 1], [0, 1], color=_INK, linestyle=":", linewidth=1, label="perfect")
        chart.axes.plot(bins.probability, bins.frequency, "o-", color=_FIRST, label="model")
        chart.axes.set(xlabel="predicted probability", ylabel="share that is true")
        chart.axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        chart.axes.legend(loc="upper left")
    return chart.svg


def groups_chart(groups: Sequence[FilmGroup], label: str) -> str:
    """Micro-F1 of each group of films with its interval."""
    places = np.arange(len(groups))
    ends = np.array([(group.micro_f1.low, group.micro_f1.high) for group in groups])
    names = [group.name.replace(" and more", "+") for group in groups]
    with _chart(f"Micro-F1 by {label}") as chart:
        chart.axes.vlines(places, ends[:, 0], ends[:, 1], color=_FIRST, linewidth=2)
        chart.axes.plot(places, [group.micro_f1.value for group in groups], "o", color=_FIRST)
        chart.axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
        chart.axes.set(xlabel=label, ylabel="micro-F1", ylim=(0, None))
        chart.axes.grid(visible=False, axis="x")
    return chart.svg


def history_charts(history: Mapping[str, Any]) -> tuple[str, str]:
    """Losses, and validation scores, by epoch, the best epoch and overfitting marked.

    ``history`` is what `history_chart.draw_history` takes.
    """
    losses, scores = (
        _by_epoch(history, lines, label, axis)
        for lines, label, axis in zip(
            CURVES,
            (
                "Train and validation loss by epoch",
                "Micro-F1 and macro average precision on validation films by epoch",
            ),
            ("loss", "score, validation"),
            strict=True,
        )
    )
    return losses, scores


def _by_epoch(history: Mapping[str, Any], lines: Mapping[str, str], label: str, axis: str) -> str:
    numbers = curve(history, "epoch")
    with _chart(label) as chart:
        for (field, name), colour in zip(lines.items(), (_FIRST, _SECOND), strict=True):
            chart.axes.plot(numbers, curve(history, field), color=colour, label=name)
        chart.axes.set(xlabel="epoch", ylabel=axis)
        marks = {":": history["best_epoch"], "--": history["overfitting_after"]}
        for style, epoch in marks.items():
            if epoch is not None:
                chart.axes.axvline(epoch, color=_INK, linestyle=style, linewidth=1)
        chart.axes.xaxis.get_major_locator().set_params(integer=True)
        chart.axes.legend()
    return chart.svg


class _Chart:
    """Axes to draw on, and the SVG once they are drawn."""

    def __init__(self, axes: Any) -> None:
        self.axes = axes
        self.svg = ""


@contextmanager
def _chart(label: str) -> Iterator[_Chart]:
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingExtraError("A report", "train") from missing
    # The salt keeps the ids of clip paths and markers of one chart out of another's.
    with rc_context(_STYLE | {"svg.hashsalt": label}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        chart = _Chart(figure.subplots())
        yield chart
        written = StringIO()
        absent = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=absent)
    chart.svg = _inline(written.getvalue(), label)


def _inline(svg: str, label: str) -> str:
    """A file's SVG as a part of a page: as wide as there is room, in the page's colours."""
    svg = svg[svg.index("<svg") :]
    opening = rf'<svg \1 role="img" aria-label="{label}">'
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', opening, svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    # Inside of a page, SVG knows href without its namespace.
    svg = svg.replace("xlink:href", "href")
    for drawn, shown in _COLOURS.items():
        svg = svg.replace(drawn, shown)
    return svg
