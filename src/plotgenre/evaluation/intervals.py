"""Intervals: how far a metric could be off because the test films are a sample.

A bootstrap resample draws n films with replacement, which is to give each film a whole weight
(Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13, percentile interval).
All resamples are one matrix of weights (b, n), and every metric is computed from weighted sums, so
1,000 resamples cost a few matrix products instead of 1,000 evaluations (measured: 4 s and 250 MB
for 4,720 films and 345 genres on one core of an AMD EPYC, most of it micro average precision).

An interval is given only where it holds the value of a much larger set of films in 90 to 98 % of
test sets, which `benchmarks/coverage.py` measures on real films:

- averages over films or over all pairs of film and genre have one from 200 test films on;
- averages over genres (macro and weighted), and the Brier score of a group of genres, have one
  where each genre that has a test film has 20 of them. Without them, what is averaged changes with
  the number of films;
- macro precision has none: some genres are predicted in a handful of films;
- macro average precision and expected calibration error have none: their values change with the
  number of films. A positive ranks with itself, which lifts the average precision of a rare genre,
  and chance alone keeps a calibration error above 0, both by more the fewer films there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError
from plotgenre.evaluation import calibration, metrics

Bools: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

# With fewer test films, or fewer of a genre or of another kind, intervals miss too often.
FEWEST_FILMS = 200
FEWEST_OF_A_KIND = 20
# Metrics, of all genres or of a group, whose value depends on which genres have a film.
_OVER_GENRES = frozenset(
    {
        "macro_recall_supported",
        "macro_f1_supported",
        "macro_f1",
        "weighted_precision",
        "weighted_recall",
        "weighted_f1",
    }
)
# Cells whose weights are gathered at once: 8 MB for 1,000 resamples, so that they stay in cache.
_CELLS = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric's value on the films at hand and the ends of its 95 % interval.

    The value is NaN where it is undefined, both ends are where there is no interval.
    """

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is an interval, and not a value alone."""
        return not np.isnan(self.low)


def bootstrap(
    Y: Bools,
    P: Array,
    D: Bools,
    groups: Mapping[str, Bools] | None = None,
    *,
    averaged: Bools | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every metric of `metrics` and `calibration`, with a 95 % percentile interval where it covers.

    The module says which metrics have an interval; the ends of the others are NaN. Thresholds and
    model are taken as given: the intervals hold no uncertainty of training or tuning.

    Intervals are shifted so that the mean of the resamples falls on the value. Macro averages of a
    resample run over the genres that have a film in it and are a little lower than those of the
    films as they are; without the shift their intervals cover less.

    Parameters
    ----------
    Y, P, D
        Targets, probabilities and decisions, each of shape (n, g).
    groups
        Named subsets of genres, masks of shape (g,). Each adds ``{name}_micro_f1``,
        ``{name}_macro_f1``, ``{name}_macro_average_precision`` (both over its genres with
        support), ``{name}_expected_calibration_error`` and ``{name}_brier`` (both over all its
        cells). Films without any of its genres count as well.
    averaged
        Mask (g,) of the genres that macro and weighted averages are over; ``None`` is all. All
        other metrics are over every genre.
    resamples
        Number of resamples b; 0 gives NaN ends.
    seed
        The same seed and number of films give the same resamples.

    Raises
    ------
    InputError
        If shapes differ, there is no cell, or resamples is negative.
    """
    weights, groups = _weights(len(Y), resamples, seed, FEWEST_FILMS), groups or {}
    averaged = _averaged(Y, averaged)
    values = _resampled(Y, P, D, groups, averaged, weights)
    return _intervals(values, _without(Y, groups, averaged))


def paired_difference(
    Y: Bools,
    first: tuple[Array, Bools],
    second: tuple[Array, Bools],
    groups: Mapping[str, Bools] | None = None,
    *,
    averaged: Bools | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every metric of the second system less that of the first, on the same resamples.

    Much narrower than two separate intervals suggest, since hard films are hard for both. An
    interval that does not hold 0 is a difference at the 5 % level. The same metrics have an
    interval as in `bootstrap`.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    first, second
        Probabilities and decisions, each of shape (n, g), of each system.
    groups, averaged, resamples, seed
        As in `bootstrap`.

    Raises
    ------
    InputError
        As `bootstrap`.
    """
    systems = paired_bootstrap(
        Y, (first, second), groups, averaged=averaged, resamples=resamples, seed=seed
    )
    return systems[1].less_first


@dataclass(frozen=True, slots=True)
class PairedScores:
    """One of several systems: its metrics, and each of them less the first system's."""

    metrics: dict[str, Interval]
    less_first: dict[str, Interval]


def paired_bootstrap(
    Y: Bools,
    systems: Sequence[tuple[Array, Bools]],
    groups: Mapping[str, Bools] | None = None,
    *,
    averaged: Bools | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[PairedScores]:
    """Metrics of several systems and their paired differences, each system resampled once.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    systems
        Probabilities and decisions, each of shape (n, g), of each system.
    groups, averaged, resamples, seed
        As in `bootstrap`.

    Raises
    ------
    InputError
        As `bootstrap`.
    """
    weights, groups = _weights(len(Y), resamples, seed, FEWEST_FILMS), groups or {}
    averaged = _averaged(Y, averaged)
    without = _without(Y, groups, averaged)
    values = [_resampled(Y, P, D, groups, averaged, weights) for P, D in systems]
    return [
        PairedScores(
            _intervals(own, without),
            _intervals({name: own[name] - values[0][name] for name in own}, without),
        )
        for own in values
    ]


def mean_interval(values: Array, *, resamples: int = 1000, seed: int = 0) -> Interval:
    """The mean over films of one value each, shape (n,), NaN left out, with its interval.

    Differences between two values of the same film make it a paired one.
    """
    return _interval(_weighted_mean(values, _weights(len(values), resamples, seed)))


def _weights(films: int, resamples: int, seed: int, fewest: int = 0) -> npt.NDArray[np.float32]:
    """Weights (1 + b, n): the first row is the films as they are, so that it gives the value.

    There are no others where films are fewer than ``fewest``.
    """
    if resamples < 0:
        raise InputError(f"resamples must be 0 or more, got {resamples}")
    if not films:
        raise InputError("nothing to evaluate: there are no films")
    generator = np.random.default_rng(seed)
    weights = np.ones((1 + (resamples if films >= fewest else 0), films), dtype=np.float32)
    for row in weights[1:]:
        row[:] = np.bincount(generator.integers(films, size=films), minlength=films)
    return weights


def _averaged(Y: Bools, mask: Bools | None) -> Bools:
    return np.ones(Y.shape[1], dtype=np.bool_) if mask is None else mask


def _without(Y: Bools, groups: Mapping[str, Bools], averaged: Bools) -> frozenset[str]:
    """Names of the metrics that lack an interval because one of their genres is too rare."""
    # A genre may be predicted hardly ever, however many films have it.
    names = {"macro_precision_supported"}
    masks = {"": averaged} | {f"{name}_": mask for name, mask in groups.items()}
    for prefix, mask in masks.items():
        films = Y[:, mask].sum(axis=0)
        if ((films > 0) & (films < FEWEST_OF_A_KIND)).any():
            names |= {prefix + metric for metric in _OVER_GENRES}
            if prefix:
                # In a group of rare genres alone, a few films decide this one too.
                names.add(f"{prefix}brier")
    return frozenset(names)


def _intervals(values: Mapping[str, Array], without: frozenset[str]) -> dict[str, Interval]:
    return {
        name: _interval(column[:1] if name in without else column)
        for name, column in values.items()
    }


def _interval(values: Array) -> Interval:
    value, drawn = float(values[0]), values[1:][~np.isnan(values[1:])]
    if not drawn.size or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    ends = np.quantile(drawn, [0.025, 0.975]) + value - drawn.mean()
    # The shift must not carry an end past what any resample reached, such as a precision past 1.
    low, high = np.clip(ends, min(value, drawn.min()), max(value, drawn.max()))
    return Interval(value, float(low), float(high))


def _resampled(
    Y: Bools,
    P: Array,
    D: Bools,
    groups: Mapping[str, Bools],
    averaged: Bools,
    weights: npt.NDArray[np.float32],
) -> dict[str, Array]:
    """Every metric for every row of weights, shape (1 + b,), or its value alone, shape (1,)."""
    metrics.check_same_shape(targets=Y, probabilities=P, decisions=D)
    # Sums of whole weights stay exact in float32 up to 16.7 M.
    found, predicted, actual = (
        (weights @ cells.astype(np.float32)).astype(np.float64) for cells in (Y & D, D, Y)
    )
    by_film = metrics.film_values(Y, D) | metrics.film_ranking_values(Y, P)
    average_precision = metrics.average_precision(Y, P)
    values = {
        **_count_averages((found, predicted, actual), averaged),
        **{name: _weighted_mean(column, weights) for name, column in by_film.items()},
        "micro_average_precision": _micro_average_precision(Y, P, weights),
        **_of_values_alone(Y, P, average_precision[averaged]),
        "brier": _weighted_mean(calibration.squared_errors(Y, P), weights),
    }
    for name, mask in groups.items():
        averages = metrics.count_averages(found[:, mask], predicted[:, mask], actual[:, mask])
        cells = Y[:, mask], P[:, mask]
        of_group = {
            "micro_f1": averages["micro_f1"],
            "macro_f1": averages["macro_f1_supported"],
            "brier": _weighted_mean(calibration.squared_errors(*cells), weights),
            **_of_values_alone(*cells, average_precision[mask]),
        }
        values |= {f"{name}_{metric}": column for metric, column in of_group.items()}
    return {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}


def _of_values_alone(Y: Bools, P: Array, average_precision: Array) -> dict[str, Array]:
    """What never has an interval, shape (1,) each, given average precisions of genres."""
    return {
        "macro_average_precision": metrics.mean_over(
            average_precision[None], ~np.isnan(average_precision)[None]
        ),
        "expected_calibration_error": np.array([calibration.calibration_error(Y, P)]),
    }


def _count_averages(counts: tuple[Array, Array, Array], averaged: Bools) -> dict[str, Array]:
    """Micro averages over every genre, the others over those of the mask."""
    over_all = metrics.count_averages(*counts)
    over_genres = metrics.count_averages(*(of[:, averaged] for of in counts))
    return {
        name: values if name.startswith("micro") else over_genres[name]
        for name, values in over_all.items()
        if name != "genres_with_support"
    }


def _weighted_mean(values: Array, weights: npt.NDArray[np.float32]) -> Array:
    defined = ~np.isnan(values)
    total = weights[:, defined].astype(np.float64) @ values[defined]
    count = weights[:, defined].sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _micro_average_precision(Y: Bools, P: Array, weights: npt.NDArray[np.float32]) -> Array:
    films = np.repeat(np.arange(Y.shape[0]), Y.shape[1])
    return _weighted_average_precision(Y.ravel(), P.ravel(), films, weights.T.copy())


def _weighted_average_precision(
    y: Bools, p: Array, films: npt.NDArray[np.int64], by_film: npt.NDArray[np.float32]
) -> Array:
    """Average precision of one list of cells in each resample, shape (1 + b,); NaN if undefined.

    Only the places of positives matter, so the weights between two of them are summed at once.

    Parameters
    ----------
    y, p, films
        Target, probability and film of each cell, shape (m,).
    by_film
        Weights of shape (n, 1 + b), so that a film's weights lie side by side in memory.
    """
    order = np.argsort(-p, kind="stable")
    p, y, films = p[order], y[order], films[order]
    ends = np.append(np.flatnonzero(p[1:] != p[:-1]), len(p) - 1)
    # Runs of cells: each ends with the last of some positive's ties.
    ends = ends[np.unique(np.searchsorted(ends, np.flatnonzero(y)))]
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    above = np.zeros(by_film.shape[1])
    positives_above, precision = above.copy(), above.copy()
    for first, last in _batches(starts, ends):
        begin, end = starts[first], ends[last] + 1
        cells = films[begin:end]
        if first == last and len(cells) > len(by_film):
            # Many cells of one run, such as all whose probability is 0: by film, they are few.
            weight = np.bincount(cells, minlength=len(by_film))[None].astype(np.float32) @ by_film
        else:
            weight = np.add.reduceat(by_film[cells], starts[first : last + 1] - begin, axis=0)
        positive = y[begin:end]
        runs = np.searchsorted(ends[first : last + 1], np.flatnonzero(positive) + begin)
        firsts = np.flatnonzero(np.diff(runs, prepend=-1))
        positives = np.add.reduceat(by_film[cells[positive]], firsts, axis=0)
        places = above + np.cumsum(weight, axis=0, dtype=np.float64)
        found = positives_above + np.cumsum(positives, axis=0, dtype=np.float64)
        precision += (positives * metrics.ratio(found, places)).sum(axis=0)
        above, positives_above = places[-1], found[-1]
    return np.where(
        positives_above > 0, precision / np.where(positives_above > 0, positives_above, 1), np.nan
    )


def _batches(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Successive runs, first and last, that hold about ``_CELLS`` cells; longer ones stay alone."""
    if not len(ends):
        return []
    new = np.diff(starts // _CELLS, prepend=-1) > 0
    firsts = np.flatnonzero(new | (ends - starts >= _CELLS))
    lasts = np.append(firsts[1:] - 1, len(starts) - 1)
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]
