"""Plots that say their genre outright, so that a model need only read the word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

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
    plots = pl.Series("plot", corpus.plots, dtype=pl.String)
    leaking = np.zeros(len(corpus), dtype=np.bool_)
    genres = []
    for j, genre in enumerate(corpus.genres):
        rows = np.flatnonzero(corpus.Y[:, j])
        if not len(rows) or not genre.strip():
            continue
        own = plots.gather(rows)
        named = own.str.contains(_pattern(genre)).to_numpy()
        leaking[rows[named]] = True
        if named.any():
            shown = np.flatnonzero(named)[:_EXAMPLES]
            around = own.gather(shown).str.extract(_pattern(genre, _AROUND), 1).to_list()
            ids = [corpus.ids[i] for i in rows[shown].tolist()]
            examples = tuple(zip(ids, map(_one_line, around), strict=True))
            genres.append(GenreLeak(genre, len(rows), int(named.sum()), examples))
    genres.sort(key=lambda leak: (-leak.naming, leak.genre))
    share = float(leaking.mean()) if len(corpus) else 0.0
    return Leaks(int(leaking.sum()), share, tuple(genres))


def _pattern(genre: str, around: int = 0) -> str:
    name = pl.escape_regex(genre.strip())
    # \b would not do for a name such as "Biopic [feature]", which ends in no letter.
    bounded = rf"(?:^|[^\p{{L}}\p{{N}}]){name}(?:$|[^\p{{L}}\p{{N}}])"
    return rf"(?is)(.{{0,{around}}}{bounded}.{{0,{around}}})" if around else f"(?is){bounded}"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
