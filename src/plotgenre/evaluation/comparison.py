"""A comparison: several runs on the same test films, as paired differences from the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from plotgenre.errors import InputError
from plotgenre.evaluation.evaluation import (
    LOWER_IS_BETTER,
    SUMMARY,
    decimals,
    headline,
    headline_groups,
    nan_to_none,
)
from plotgenre.evaluation.intervals import Interval, paired_bootstrap
from plotgenre.evaluation.metrics import Array, Bools, per_genre
from plotgenre.evaluation.scores import Scores

# Differences below this are of the rounding, not of the runs.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class ComparedGenre:
    """One genre in every run; ``average_precision`` is NaN in all for one without test films.

    ``best_by_average_precision`` and ``best_by_f1`` name a run, or are ``None`` where the best
    ones are equal or there is no test film.
    """

    genre: str
    train_films: int
    support: int
    average_precision: tuple[float, ...]
    f1: tuple[float, ...]
    best_by_average_precision: str | None
    best_by_f1: str | None


@dataclass(frozen=True, slots=True)
class HeadlineRow:
    """A main metric in every run, and each later run's difference from the first."""

    name: str
    metric: str
    values: tuple[Interval, ...]
    differences: tuple[Interval, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Of each difference ``better`` or ``worse``, or nothing where no interval excludes 0."""
        words = ("worse", "better")
        falling = self.metric in LOWER_IS_BETTER
        return tuple(
            words[(one.value > 0) != falling] if one.low > 0 or one.high < 0 else ""
            for one in self.differences
        )

    @property
    def decimals(self) -> int:
        """Places to show of its figures."""
        return decimals(self.metric)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs on the same test films, the first of which is the reference.

    Parameters
    ----------
    runs
        Their names.
    films
        Number of test films.
    genres_with_support
        Number of genres with a test film: those that macro averages are over.
    metrics
        Of each run, name to value with 95 % interval where it has one, as in
        `evaluation.Evaluation`.
    differences
        Of each run, name to its metric less the reference's, on the same resamples; the
        reference's own are all 0.
    per_genre
        Every genre of any run.
    """

    runs: tuple[str, ...]
    films: int
    genres_with_support: int
    metrics: tuple[dict[str, Interval], ...]
    differences: tuple[dict[str, Interval], ...]
    per_genre: tuple[ComparedGenre, ...]

    def wins(self) -> dict[str, tuple[int, int]]:
        """Each run's number of genres in which it alone is best, by average precision and F1."""
        ranked = Counter(row.best_by_average_precision for row in self.per_genre)
        decided = Counter(row.best_by_f1 for row in self.per_genre)
        return {run: (ranked[run], decided[run]) for run in self.runs}

    def headline(self) -> list[HeadlineRow]:
        """The main metrics; one over genres that the test films do not have is left out."""
        return [
            HeadlineRow(
                name,
                key,
                tuple(metrics[key] for metrics in self.metrics),
                tuple(differences[key] for differences in self.differences[1:]),
            )
            for name, key in SUMMARY.items()
            if not np.isnan(self.metrics[0][key].value)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        return {name: nan_to_none(value) for name, value in asdict(self).items()}


def compare(
    runs: Sequence[str], scores: Sequence[Scores], *, resamples: int = 1000, seed: int = 0
) -> Comparison:
    """Compare runs on the test films that they share, matched by id, over all their genres.

    A genre that a run does not have counts there with probability 0.

    Parameters
    ----------
    runs
        A name for each run, all different.
    scores
        Of each run; the first is the reference.
    resamples, seed
        Of the bootstrap, see `intervals.bootstrap`.

    Raises
    ------
    InputError
        If there are fewer than two runs, test films differ, or runs disagree on what is true.
    """
    if len(scores) < 2 or len(set(runs)) != len(scores):
        raise InputError(f"a comparison needs two or more runs of different names, got {runs}")
    genres = tuple(dict.fromkeys(genre for run in scores for genre in run.genres))
    aligned = [
        _over(run, genres, _rows(name, run, runs[0], scores[0]))
        for name, run in zip(runs, scores, strict=True)
    ]
    Y, train_counts = _agreed(runs, scores, genres, aligned)
    if not Y.any():
        raise InputError("nothing to compare: no test film has any genre")
    groups = headline_groups(train_counts)
    paired = paired_bootstrap(
        Y,
        [(run.P, run.D) for run in aligned],
        groups,
        averaged=train_counts >= 0,
        resamples=resamples,
        seed=seed,
    )
    return Comparison(
        runs=tuple(runs),
        films=len(Y),
        genres_with_support=int((Y.any(axis=0) & (train_counts >= 0)).sum()),
        metrics=tuple(headline(one.metrics, groups) for one in paired),
        differences=tuple(headline(one.less_first, groups) for one in paired),
        per_genre=_per_genre(runs, genres, train_counts, Y, aligned),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Aligned:
    """A run over the reference's films and all runs' genres; ``known`` are its own genres."""

    P: Array
    D: Bools
    Y: Bools
    train_counts: Array
    known: Bools


def _rows(name: str, run: Scores, reference_name: str, reference: Scores) -> Array:
    """Where the run has each of the reference's films."""
    if len(set(run.ids)) < len(run.ids):
        twice, times = Counter(run.ids).most_common(1)[0]
        raise InputError(f"{name}: the film id {twice!r} stands {times} times, nothing can match")
    row_of = {film: i for i, film in enumerate(run.ids)}
    if run.ids != reference.ids and (differing := set(run.ids) ^ set(reference.ids)):
        raise InputError(
            f"{name} was not scored on the test films of {reference_name}: {len(differing):,} "
            f"films are in only one of them, such as {min(differing)!r}"
        )
    return np.array([row_of[film] for film in reference.ids], dtype=np.int64)


def _over(run: Scores, genres: tuple[str, ...], rows: Array) -> _Aligned:
    column_of = {genre: j for j, genre in enumerate(genres)}
    columns = np.array([column_of[genre] for genre in run.genres], dtype=np.int64)

    def spread(cells: Array, dtype: Any) -> Array:
        whole = np.zeros((len(rows), len(genres)), dtype=dtype)
        whole[:, columns] = cells[rows]
        return whole

    train_counts = np.full(len(genres), -1, dtype=np.int64)
    train_counts[columns] = run.train_counts
    known = np.zeros(len(genres), dtype=np.bool_)
    known[columns] = True
    return _Aligned(
        spread(run.P, np.float32),
        spread(run.D, np.bool_),
        spread(run.Y, np.bool_),
        train_counts,
        known,
    )


def _agreed(
    runs: Sequence[str], scores: Sequence[Scores], genres: tuple[str, ...], aligned: list[_Aligned]
) -> tuple[Bools, Array]:
    """Targets and train films of each genre, by the first run that has the genre."""
    Y, train_counts = aligned[0].Y.copy(), aligned[0].train_counts.copy()
    known = aligned[0].known.copy()
    for name, run in zip(runs[1:], aligned[1:], strict=True):
        differing = (Y != run.Y) & known & run.known
        if differing.any():
            film, genre = np.argwhere(differing)[0]
            raise InputError(
                f"{name} and the runs before it disagree on what is true in "
                f"{int(differing.any(axis=1).sum()):,} films, such as {genres[genre]!r} of the "
                f"film {scores[0].ids[film]!r}; was it given other merges or another corpus?"
            )
        new = run.known & ~known
        Y[:, new] = run.Y[:, new]
        # A name may be unknown to the first runs, and a genre to this one.
        train_counts = np.where(train_counts < 0, run.train_counts, train_counts)
        known |= new
    return Y, train_counts


def _per_genre(
    runs: Sequence[str],
    genres: tuple[str, ...],
    train_counts: Array,
    Y: Bools,
    aligned: list[_Aligned],
) -> tuple[ComparedGenre, ...]:
    tables = [per_genre(Y, run.P, run.D) for run in aligned]
    precisions = np.stack([table["average_precision"] for table in tables], axis=1)
    f1 = np.stack([table["f1"] for table in tables], axis=1)
    support = Y.sum(axis=0)
    by_precision = _best(runs, np.where(support[:, None] > 0, precisions, 0.0))
    by_f1 = _best(runs, np.where(support[:, None] > 0, f1, 0.0))
    return tuple(
        ComparedGenre(genre, train, films, tuple(ranked), tuple(decided), best, best_decided)
        for genre, train, films, ranked, decided, best, best_decided in zip(
            genres,
            train_counts.clip(0).tolist(),
            support.tolist(),
            precisions.tolist(),
            f1.tolist(),
            by_precision,
            by_f1,
            strict=True,
        )
    )


def _best(runs: Sequence[str], values: Array) -> list[str | None]:
    """The run with the largest value of each row of (g, runs), where it is alone at the top."""
    top = np.sort(values, axis=1)
    alone = top[:, -1] - top[:, -2] > _EQUAL
    winners = values.argmax(axis=1).tolist()
    return [runs[j] if one else None for j, one in zip(winners, alone.tolist(), strict=True)]
