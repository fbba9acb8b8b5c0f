"""Plots that say their genre outright, so that a model need only read the word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

import numpy as np

from plotgenre.corpus.films import Corpus

_EXAMPLES = 3
_AROUND = 60


@dataclass(frozen=True, slots=True)
class GenreLeak:
    """A genre that plots of its films name.

    Parameters
    ----------
    genre
        Its name.
    films, naming
        Films that have it, and those of them whose plot holds the name.
    examples
        (id, what stands around the name) of the first few.
    """

    genre: str
    films: int
    naming: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Leaks:
    """How many films name a genre of theirs, and by genre, most films first."""

    films: int
    share: float
    genres: tuple[GenreLeak, ...]


def find_leaks(corpus: Corpus) -> Leaks:
    """The films whose plot holds the name of a genre of theirs as whole words, in any case."""
    folded = [plot.casefold() for plot in corpus.plots]
    leaking = np.zeros(len(corpus), dtype=np.bool_)
    genres = []
    for j, genre in enumerate(corpus.genres):
        rows = np.flatnonzero(corpus.Y[:, j]).tolist()
        name = genre.strip()
        if not rows or not name:
            continue
        pattern = _pattern(name)
        found = {
            i: named
            for i in rows
            # Looking for a text is so much faster than for a pattern, and few plots have it.
            if name.casefold() in folded[i] and (named := pattern.search(corpus.plots[i]))
        }
        if found:
            leaking[list(found)] = True
            shown = islice(found.items(), _EXAMPLES)
            examples = tuple((corpus.ids[i], _around(named)) for i, named in shown)
            genres.append(GenreLeak(genre, len(rows), len(found), examples))
    genres.sort(key=lambda leak: (-leak.naming, leak.genre))
    share = float(leaking.mean()) if len(corpus) else 0.0
    return Leaks(int(leaking.sum()), share, tuple(genres))


def _pattern(name: str) -> re.Pattern[str]:
    # \b would not do for a name such as "Biopic [feature]", which ends in no letter.
    return re.compile(rf"(?i)(?:\A|[\W_]){re.escape(name)}(?:\Z|[\W_])")


def _around(named: re.Match[str]) -> str:
    start, end = max(0, named.start() - _AROUND), named.end() + _AROUND
    return " ".join(named.string[start:end].split())
