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


# Of a block's plots, on average at most: a few huge ones take the memory of many.
_CHARACTERS = 8_000

ReadListener = Callable[[PlotsRead], None]


def blocks(
    plots: Sequence[str],
    size: int,
    what: Literal["words", "pairs", "characters", "rows"],
    progress: ReadListener | None = None,
) -> Iterator[Sequence[str]]:
    """Plots in order, ``size`` at a time; ``progress`` is called once a block is dealt with.

    A block has fewer plots where they are huge.
    """
    at = 0
    while at < len(plots):
        end, room = at, size * _CHARACTERS
        while end < min(at + size, len(plots)) and room > 0:
            room -= len(plots[end])
            end += 1
        yield plots[at:end]
        at = end
        if progress is not None:
            progress(PlotsRead(what, at, len(plots)))
