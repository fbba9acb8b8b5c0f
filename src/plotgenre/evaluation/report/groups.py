"""Results by kinds of films, and which genres stand in for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from plotgenre.evaluation.intervals import FEWEST_OF_A_KIND, Interval
from plotgenre.evaluation.metrics import Array, Bools, film_values, ratio

_LENGTHS = (25, 50, 100, 200, 400, 800)


@dataclass(frozen=True, slots=True)
class FilmGroup:
    """Figures of the films of one kind; micro-F1 with a 95 % bootstrap interval over them.

    There is no interval with fewer than `intervals.FEWEST_OF_A_KIND` films.
    """

    name: str
    films: int
    micro_f1: Interval
    precision: float
    recall: float
    samples_f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """``films`` have the genre ``missed``, which was not predicted, but wrongly got ``instead``.

    Parameters
    ----------
    share
        Of the films in which ``missed`` was missed.
    lift
        That share over the share of all films that wrongly got ``instead``: above 1 the two go
        together more than chance has it.
    """

    missed: str
    instead: str
    films: int
    share: float
    lift: float


def by_length(plots: Sequence[str], Y: Bools, D: Bools, *, resamples: int) -> list[FilmGroup]:
    """Results by the number of words between white space in the plot."""
    words = np.array([len(plot.split()) for plot in plots])
    ends = [0, *_LENGTHS]
    names = [f"{low}–{high - 1}" for low, high in pairwise(ends)]
    group = np.searchsorted(_LENGTHS, words, side="right")
    return _groups([*names, f"{_LENGTHS[-1]} and more"], group, Y, D, resamples)


def by_decade(
    years: Sequence[int | None] | None, Y: Bools, D: Bools, *, resamples: int
) -> list[FilmGroup]:
    """Results by decade, films of unknown year last; nothing if no year is known."""
    decades = [None if year is None else year // 10 * 10 for year in years or ()]
    known = sorted({decade for decade in decades if decade is not None})
    if not known:
        return []
    place = {decade: i for i, decade in enumerate(known)}
    group = np.array([len(known) if decade is None else place[decade] for decade in decades])
    names = [*(f"{decade}s" for decade in known), "unknown"]
    return _groups(names, group, Y, D, resamples)


def confusions(Y: Bools, D: Bools, genres: Sequence[str], count: int = 30) -> list[Confusion]:
    """The pairs of a missed true genre and a wrong predicted one that most films share.

    Parameters
    ----------
    Y, D
        Targets and decisions of shape (n, g).
    genres
        ``g`` names.
    """
    missed, wrong = (Y & ~D).astype(np.float32), (D & ~Y).astype(np.float32)
    pairs, misses, errors = missed.T @ wrong, missed.sum(axis=0), wrong.mean(axis=0)
    top = np.argsort(-pairs, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(top, pairs.shape)
    return [
        Confusion(
            genres[i],
            genres[j],
            int(pairs[i, j]),
            float(pairs[i, j] / misses[i]),
            float(pairs[i, j] / misses[i] / errors[j]),
        )
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if pairs[i, j] > 0
    ]


def _groups(
    names: Sequence[str], group: Array, Y: Bools, D: Bools, resamples: int
) -> list[FilmGroup]:
    counts = np.stack([(Y & D).sum(axis=1), D.sum(axis=1), Y.sum(axis=1)], axis=1)
    samples = film_values(Y, D)["samples_f1"]
    return [
        _group(name, counts[group == i], samples[group == i], resamples)
        for i, name in enumerate(names)
        if (group == i).any()
    ]


def _group(name: str, counts: Array, samples: Array, resamples: int) -> FilmGroup:
    """One group from the counts (n, 3) of its films: found, predicted and actual genres."""
    films = len(counts)
    found, predicted, actual = counts.sum(axis=0)
    value = float(ratio(2 * found, predicted + actual))
    weights = np.random.default_rng(0).multinomial(films, np.full(films, 1 / films), size=resamples)
    drawn = weights @ counts
    f1 = ratio(2 * drawn[:, 0], drawn[:, 1] + drawn[:, 2])
    enough = resamples and films >= FEWEST_OF_A_KIND
    low, high = np.quantile(f1, [0.025, 0.975]) if enough else (np.nan, np.nan)
    return FilmGroup(
        name=name,
        films=films,
        micro_f1=Interval(value, float(low), float(high)),
        precision=float(ratio(found, predicted)),
        recall=float(ratio(found, actual)),
        samples_f1=float(samples.mean()),
    )
