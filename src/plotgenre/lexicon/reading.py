"""Reading many plots block by block, and telling how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PlotsRead:
    """How many plots of how many are read, and what for: each kind of n-gram, then the rows."""

    what: Literal["words", "pairs", "characters", "rows"]
    done: int
    total: int


ReadListener = Callable[[PlotsRead], None]


def blocks(
    plots: Sequence[str],
    size: int,
    what: Literal["words", "pairs", "characters", "rows"],
    progress: ReadListener | None = None,
) -> Iterator[Sequence[str]]:
    """Plots in order, ``size`` at a time; ``progress`` is called once a block is dealt with."""
    for at in range(0, len(plots), size):
        yield plots[at : at + size]
        if progress is not None:
            progress(PlotsRead(what, min(at + size, len(plots)), len(plots)))
