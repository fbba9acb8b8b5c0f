"""The faithfulness of explanations as markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plotgenre.evaluation.intervals import Interval, mean_interval
from quality_table import table

HEADER = [
    "top sentence chosen by", "drop without it", "without a random other",
    "without as many words elsewhere", "top less random", "top less elsewhere",
    "top drops more than a random other", "alone: top less random",
]  # fmt: skip
# What a way chooses by cannot tell how well it chose.
CIRCULAR = {
    "leave-one-out": {
        "top less random",
        "top less elsewhere",
        "top drops more than a random other",
    },
    "sentence alone": {"alone: top less random"},
}
NOTE = (
    "\\* the way picks the sentence with the largest value of this very kind, which would stand "
    "out among noise too: no test of it."
)


def render(measured: Mapping[str, Sequence[Any]], films: int, part: str) -> str:
    """One row a way to choose."""
    if not measured:
        return f"None of {films:,} {part} films has a genre true and predicted.\n"
    rows = [[way, *cells(way, found)] for way, found in measured.items()]
    count = len(next(iter(measured.values())))
    told = f"{count:,} of {films:,} {part} films have a genre true and predicted and two sentences."
    return "\n\n".join([told, table(HEADER, rows), NOTE]) + "\n"


def cells(way: str, found: Sequence[Any]) -> list[str]:
    top, other, elsewhere, beats, alone = (
        np.array([getattr(one, name) for one in found])
        for name in ("top", "other", "elsewhere", "beats", "alone")
    )
    shown = [
        signed(mean_interval(values))
        for values in (top, other, elsewhere, top - other, top - elsewhere)
    ]
    share = mean_interval(beats)
    shown.append(f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})")
    shown.append(signed(mean_interval(alone)))
    own = CIRCULAR.get(way, set())
    return [text + " \\*" * (name in own) for name, text in zip(HEADER[1:], shown, strict=True)]


def signed(interval: Interval) -> str:
    if np.isnan(interval.value):
        return "–"
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
