"""The local engine: this process reads, tags and writes, a chunk after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plotgenre.batch.parts import End, Part, PartMaker, Reading


def run_here(readings: Sequence[Reading], maker: PartMaker) -> Iterator[Part | End]:
    """Do what is still to do; tells of each part when it is written, and of each input's end."""
    for reading in readings:
        for found in reading.chunks():
            yield found if isinstance(found, End) else maker(found)
