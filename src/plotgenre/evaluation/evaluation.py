"""Evaluation: what a model scored on test films, to be printed, stored and compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.account import Account
from plotgenre.errors import InputError
from plotgenre.evaluation import metrics
from plotgenre.evaluation.intervals import Interval, bootstrap

Bools: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

# Fewer train films than this make a genre's average precision mostly noise.
RANKED_FROM = 50
# Name for people to key in `Evaluation.metrics`, of the main ones.
SUMMARY = {
    "micro-F1": "micro_f1",
    "macro-F1": "macro_f1_supported",
    "samples-F1": "samples_f1",
    "micro average precision": "micro_average_precision",
    "macro average precision": "macro_average_precision",
    f"macro average precision, genres with >= {RANKED_FROM} train films": (
        "macro_average_precision_50"
    ),
    "micro-F1, 20 most frequent genres": "top20_micro_f1",
    "macro-F1, 20 most frequent genres": "top20_macro_f1",
    "LRAP": "lrap",
    "Jaccard": "jaccard",
    "subset accuracy": "subset_accuracy",
    "label accuracy": "label_accuracy",
    "hit rate": "hit_rate",
    "expected calibration error (lower is better)": "expected_calibration_error",
    "Brier score (lower is better)": "brier",
}
# Of all other metrics in `Evaluation.metrics` more is better.
LOWER_IS_BETTER = frozenset(
    {"hamming_loss", "coverage_error", "ranking_loss", "expected_calibration_error", "brier"}
)
# What an `evaluation.json` written before there were these metrics has of them.
_UNKNOWN = Interval(math.nan, math.nan, math.nan)
_CALIBRATION = ("expected_calibration_error", "brier")
_OF_BUCKETS = ("macro_f1", "macro_average_precision", *_CALIBRATION)


@dataclass(frozen=True, slots=True)
class GenreRow:
    """One genre's figures; ``average_precision`` is NaN for a genre without test films."""

    genre: str
    train_films: int
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """Figures of the genres of one bucket of train frequency; NaN if none has a test film."""

    genres: int
    genres_with_support: int
    macro_f1: Interval
    macro_average_precision: Interval
    expected_calibration_error: Interval
    brier: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model scored on test films.

    Parameters
    ----------
    films
        Number of test films.
    genres_with_support
        Number of the model's genres with a test film: those that macro and weighted averages are
        over. All other metrics are over every genre, names that the model does not know included.
    unsupported_decisions
        Decisions for genres without a test film; each of them counts as wrong.
    metrics
        Name to value with 95 % interval, where `intervals` has one: those of
        `metrics.decision_metrics`, `metrics.ranking_metrics` and
        `calibration.calibration_metrics` (NaN if it was written before there were these), and
        ``macro_average_precision_50`` (genres with at least 50 train films), ``top20_micro_f1``
        and ``top20_macro_f1`` (the 20 genres with most train films; films with none of them count
        as well).
    per_genre
        One row for each genre, those without support included, in the model's order.
    buckets
        ``head``, ``mid`` and ``tail`` of `metrics.frequency_buckets`.
    account
        What was read of the films, and what of it counts; ``None`` where scores are of bare
        arrays, and in what was written before there was one.
    """

    films: int
    genres_with_support: int
    unsupported_decisions: int
    metrics: dict[str, Interval]
    per_genre: tuple[GenreRow, ...]
    buckets: dict[str, Bucket]
    account: Account | None = None

    @property
    def genres(self) -> tuple[str, ...]:
        """Genre names in the model's order."""
        return tuple(row.genre for row in self.per_genre)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """One threshold per genre, in the model's order."""
        return tuple(row.threshold for row in self.per_genre)

    def summary_rows(self) -> list[tuple[str, str, str]]:
        """Name, value and interval of the main metrics as text; no text without an interval."""
        rows = []
        for name, key in SUMMARY.items():
            places, score = decimals(key), self.metrics[key]
            ends = f"{score.low:.{places}f} to {score.high:.{places}f}" if score.known else ""
            rows.append((name, f"{score.value:.{places}f}", ends))
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Everything as what JSON can hold; NaN becomes None."""
        return {name: nan_to_none(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Evaluation:
        """The evaluation that `as_dict` was taken of.

        Raises
        ------
        InputError
            If a field is missing or unknown.
        """
        try:
            fields = dict(stored)
            account = fields.pop("account", None)
            return cls(
                metrics=dict.fromkeys(_CALIBRATION, _UNKNOWN)
                | {name: _interval(value) for name, value in fields.pop("metrics").items()},
                per_genre=tuple(GenreRow(**_none_to_nan(row)) for row in fields.pop("per_genre")),
                buckets={name: _bucket(value) for name, value in fields.pop("buckets").items()},
                account=None if account is None else Account.from_dict(account),
                **fields,
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"not an evaluation as written by plotgenre: {error}") from error


def evaluate(
    P: npt.ArrayLike,
    Y: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    genres: Sequence[str],
    train_counts: npt.ArrayLike,
    *,
    decisions: npt.ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score probabilities against targets.

    Parameters
    ----------
    P
        Test probabilities of shape (n, g).
    Y
        Test targets of shape (n, g), bool.
    thresholds
        One per genre, shape (g,); for the table of genres, and for ``decisions``.
    genres
        Names, g of them.
    train_counts
        Train films of each genre, shape (g,); -1 for a name that the model does not know.
    decisions
        What the model answers, shape (n, g), bool, where that is more than thresholds; without
        it, a genre is on where ``P >= threshold`` in float32.
    resamples, seed
        Of the bootstrap, see `intervals.bootstrap`.

    Raises
    ------
    InputError
        If shapes differ, P holds NaN, or no test film has any genre.
    """
    P, Y = np.asarray(P, dtype=np.float32), np.asarray(Y, dtype=np.bool_)
    thresholds, train_counts = np.asarray(thresholds, dtype=np.float32), np.asarray(train_counts)
    metrics.check_same_shape(probabilities=P, targets=Y)
    for name, given in {
        "thresholds": thresholds.shape,
        "genres": (len(genres),),
        "train_counts": train_counts.shape,
    }.items():
        if given != P.shape[1:]:
            raise InputError(f"{name} must have one entry a genre, got {given} for {P.shape[1:]}")
    support = Y.any(axis=0)
    if not support.any():
        raise InputError("nothing to evaluate: no test film has any genre")
    D = decided(P, thresholds, decisions)
    buckets = metrics.frequency_buckets(train_counts)
    groups = buckets | headline_groups(train_counts)
    known = train_counts >= 0
    scores = bootstrap(Y, P, D, groups, averaged=known, resamples=resamples, seed=seed)
    return Evaluation(
        films=len(P),
        genres_with_support=int((support & known).sum()),
        unsupported_decisions=int(D[:, ~support].sum()),
        metrics=headline(scores, groups),
        per_genre=_rows(genres, train_counts, thresholds, metrics.per_genre(Y, P, D)),
        buckets={
            name: Bucket(
                genres=int(mask.sum()),
                genres_with_support=int((mask & support).sum()),
                **{metric: scores[f"{name}_{metric}"] for metric in _OF_BUCKETS},
            )
            for name, mask in buckets.items()
        },
    )


def decided(P: Array, thresholds: Array, decisions: npt.ArrayLike | None) -> Bools:
    """The decisions (n, g) if there are any, else those of the thresholds alone.

    Raises
    ------
    InputError
        If the decisions are of another shape than P.
    """
    if decisions is None:
        return np.asarray(np.greater_equal(P, thresholds))
    D = np.asarray(decisions, dtype=np.bool_)
    metrics.check_same_shape(probabilities=P, decisions=D)
    return D


def decimals(metric: str) -> int:
    """Places to show of a metric: where most genres are rare, calibration errors are tiny."""
    return 5 if metric in _CALIBRATION else 3


def headline_groups(train_counts: Array) -> dict[str, Bools]:
    """Masks (g,) of the genres that `headline` needs scores of, as groups of `bootstrap`."""
    return {
        "top20": metrics.top_genres(train_counts, 20) & (train_counts >= 0),
        "ranked": train_counts >= RANKED_FROM,
    }


def headline(scores: Mapping[str, Interval], groups: Iterable[str]) -> dict[str, Interval]:
    """The metrics over all genres, and of the groups' only those that have an own name."""
    of_groups = tuple(f"{name}_" for name in groups)
    return {name: score for name, score in scores.items() if not name.startswith(of_groups)} | {
        "macro_average_precision_50": scores["ranked_macro_average_precision"],
        "top20_micro_f1": scores["top20_micro_f1"],
        "top20_macro_f1": scores["top20_macro_f1"],
    }


def _rows(
    genres: Sequence[str], train_counts: Array, thresholds: Array, table: Mapping[str, Array]
) -> tuple[GenreRow, ...]:
    columns = {"train_films": train_counts.clip(0), "threshold": thresholds, **table}
    cells = zip(*(column.tolist() for column in columns.values()), strict=True)
    return tuple(
        GenreRow(genre=genre, **dict(zip(columns, row, strict=True)))
        for genre, row in zip(genres, cells, strict=True)
    )


def _interval(stored: Mapping[str, Any]) -> Interval:
    return Interval(**_none_to_nan(stored))


def _bucket(stored: Mapping[str, Any]) -> Bucket:
    fields: dict[str, Any] = {**dict.fromkeys(_CALIBRATION, asdict(_UNKNOWN)), **stored}
    return Bucket(**(fields | {name: _interval(fields[name]) for name in _OF_BUCKETS}))


def _none_to_nan(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in stored.items()}


def nan_to_none(value: Any) -> Any:
    """What `asdict` gave as what JSON can hold: NaN, at any depth, becomes None."""
    if isinstance(value, Mapping):
        return {name: nan_to_none(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_none(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
