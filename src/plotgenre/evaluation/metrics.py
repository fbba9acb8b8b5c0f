"""Metrics of multi-label predictions, with scikit-learn's names and values, in numpy alone.

Three kinds, by what they are made of, so that `intervals` can weight films anew without
recomputing anything: sums over genres' counts, means over films' values, and rankings.
Wherever a ratio is 0/0 it counts as 0 (scikit-learn's ``zero_division=0``), except that a genre or
a film without which the average would be undefined is left out, as each function says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError

Bools: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

# Train films from which on a genre belongs to the bucket.
_HEAD, _MID = 500, 50


def decision_metrics(Y: Bools, D: Bools) -> dict[str, float]:
    """What decisions are worth: every average of precision, recall and F1, and film-wise metrics.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    D
        Decisions of shape (n, g).

    Returns
    -------
    dict
        ``micro_``, ``weighted_`` and ``samples_`` ``precision``, ``recall`` and ``f1``;
        ``macro_precision_supported`` and so on, over the ``genres_with_support`` that some film
        has (NaN where there are none); ``hamming_loss``, ``label_accuracy`` (1 - Hamming loss),
        ``subset_accuracy``, ``jaccard`` (samples average) and ``hit_rate`` (share of films with at
        least one right genre; a film without genres cannot be hit).

    Raises
    ------
    InputError
        If the shapes differ or there is no cell.
    """
    check_same_shape(targets=Y, decisions=D)
    by_genre = count_averages((Y & D).sum(axis=0), D.sum(axis=0), Y.sum(axis=0))
    by_film = film_values(Y, D)
    return {
        **{name: float(value) for name, value in by_genre.items()},
        **{name: float(values.mean()) for name, values in by_film.items()},
    }


def ranking_metrics(Y: Bools, P: Array) -> dict[str, float]:
    """What the order of probabilities is worth, whatever the thresholds.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    P
        Probabilities of shape (n, g); anything that rises with them gives the same metrics.

    Returns
    -------
    dict
        ``micro_average_precision`` over all cells; ``macro_average_precision`` over genres with
        support; ``lrap``, ``coverage_error`` and ``ranking_loss`` over films with at least one
        genre (scikit-learn counts the others as 1, 0 and 0). NaN where nothing is left.

    Raises
    ------
    InputError
        If the shapes differ or there is no cell.
    """
    check_same_shape(targets=Y, probabilities=P)
    by_genre = average_precision(Y, P)
    micro = average_precision(Y.reshape(-1, 1), P.reshape(-1, 1))
    by_film = film_ranking_values(Y, P)
    return {
        "micro_average_precision": float(micro[0]),
        "macro_average_precision": _mean_defined(by_genre),
        **{name: _mean_defined(values) for name, values in by_film.items()},
    }


def per_genre(Y: Bools, P: Array, D: Bools) -> dict[str, Array]:
    """A table with one row per genre, as columns of shape (g,).

    ``support`` and ``predicted`` are numbers of films; ``precision``, ``recall``, ``f1`` and
    ``average_precision`` lie in [0, 1], the last NaN for a genre without support.
    """
    check_same_shape(targets=Y, probabilities=P, decisions=D)
    found, predicted, support = (Y & D).sum(axis=0), D.sum(axis=0), Y.sum(axis=0)
    return {
        "support": support,
        "predicted": predicted,
        "precision": ratio(found, predicted),
        "recall": ratio(found, support),
        "f1": ratio(2 * found, predicted + support),
        "average_precision": average_precision(Y, P),
    }


def frequency_buckets(train_counts: npt.ArrayLike) -> dict[str, Bools]:
    """Genres by films in train: head (500 and more), mid (50 to 499), tail; masks of shape (g,).

    A count below 0, as of a name that a model does not know, is in none.
    """
    counts = np.asarray(train_counts)
    return {
        "head": counts >= _HEAD,
        "mid": (counts >= _MID) & (counts < _HEAD),
        "tail": (counts >= 0) & (counts < _MID),
    }


def top_genres(train_counts: npt.ArrayLike, k: int = 20) -> Bools:
    """Mask (g,) of the ``k`` genres with most train films; of equals the first in order."""
    counts = np.asarray(train_counts)
    mask = np.zeros(counts.shape, dtype=np.bool_)
    mask[np.argsort(-counts, kind="stable")[:k]] = True
    return mask


def count_averages(found: Array, predicted: Array, actual: Array) -> dict[str, Array]:
    """Averages over genres of what their counts give.

    Parameters
    ----------
    found, predicted, actual
        Films per genre: rightly on, on, and to be on. Shape (..., g); may be weighted.

    Returns
    -------
    dict
        Micro, macro (over genres with support) and weighted averages, of shape (...).
    """
    supported = actual > 0
    averages: dict[str, Array] = {"genres_with_support": supported.sum(axis=-1)}
    total = {"found": found.sum(-1), "predicted": predicted.sum(-1), "actual": actual.sum(-1)}
    micro = _precision_recall_f1(**total)
    for name, values in _precision_recall_f1(found, predicted, actual).items():
        averages[f"micro_{name}"] = micro[name]
        averages[f"macro_{name}_supported"] = mean_over(values, supported)
        averages[f"weighted_{name}"] = ratio((values * actual).sum(axis=-1), total["actual"])
    return averages


def film_values(Y: Bools, D: Bools) -> dict[str, Array]:
    """Values (n,) of each film whose means are the samples averages and the film-wise metrics."""
    genres = Y.shape[1]
    found, predicted, actual = (Y & D).sum(axis=1), D.sum(axis=1), Y.sum(axis=1)
    wrong = predicted + actual - 2 * found
    samples = _precision_recall_f1(found, predicted, actual)
    return {
        **{f"samples_{name}": values for name, values in samples.items()},
        "hamming_loss": wrong / genres,
        "label_accuracy": 1 - wrong / genres,
        "subset_accuracy": (wrong == 0).astype(np.float64),
        "jaccard": ratio(found, predicted + actual - found),
        "hit_rate": (found > 0).astype(np.float64),
    }


def film_ranking_values(Y: Bools, P: Array) -> dict[str, Array]:
    """LRAP, coverage error and ranking loss of each film, shape (n,); NaN for one without genres.

    Genres with equal probabilities stand at the last of their places, as in scikit-learn. A film
    with every genre has no pair to rank wrongly and a ranking loss of 0.
    """
    y, places, found = _places(Y.T, P.T)
    actual = Y.sum(axis=1)
    absent = np.where(y, places - found, 0).sum(axis=0)
    loss = ratio(absent, actual * (Y.shape[1] - actual))
    coverage = np.where(y, places, 0).max(axis=0).astype(np.float64)
    return {
        "lrap": average_precision(Y.T, P.T),
        "coverage_error": np.where(actual > 0, coverage, np.nan),
        "ranking_loss": np.where(actual > 0, loss, np.nan),
    }


def average_precision(Y: Bools, P: Array) -> Array:
    """Average precision of each column, shape (g,); NaN for a column without positives.

    The mean over a column's positives of the precision at their probability, which is
    scikit-learn's sum of precisions weighted by rises in recall, ties included.
    """
    y, places, found = _places(Y, P)
    precisions = np.where(y, found / places, 0.0).sum(axis=0)
    actual = Y.sum(axis=0)
    return np.where(actual > 0, precisions / np.maximum(actual, 1), np.nan)


def mean_over(values: Array, mask: Array) -> Array:
    """Mean along the last axis of the values whose mask is set; NaN where none is."""
    count = mask.sum(axis=-1)
    total = np.where(mask, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def ratio(numerator: Array, denominator: Array) -> Array:
    """Elementwise quotient with 0/0 = 0."""
    return np.asarray(numerator / np.where(denominator == 0, 1, denominator), dtype=np.float64)


def check_same_shape(**arrays: Array) -> None:
    """Refuse arrays that are not all of one shape (n, g) with at least one cell, or hold NaN."""
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
        got = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"all must have one shape (films, genres), got {got}")
    if not all(array.size for array in arrays.values()):
        raise InputError(f"nothing to evaluate: no film or no genre in {', '.join(arrays)}")
    for name, array in arrays.items():
        if np.isnan(array).any():
            film, genre = np.argwhere(np.isnan(array))[0]
            raise InputError(f"{name} must be numbers, got NaN for film {film}, genre {genre}")


def _precision_recall_f1(found: Array, predicted: Array, actual: Array) -> Mapping[str, Array]:
    return {
        "precision": ratio(found, predicted),
        "recall": ratio(found, actual),
        "f1": ratio(2 * found, predicted + actual),
    }


def _mean_defined(values: Array) -> float:
    return float(mean_over(values, ~np.isnan(values)))


def _places(Y: Bools, P: Array) -> tuple[Array, Array, Array]:
    """Targets, places and positives up to that place, columns sorted by falling probability.

    Places count from 1; cells of equal probability all stand at the last of their places.
    """
    order = np.argsort(-P, axis=0, kind="stable")
    p, y = np.take_along_axis(P, order, axis=0), np.take_along_axis(Y, order, axis=0)
    size = len(P)
    last_of_ties = np.ones(p.shape, dtype=np.bool_)
    last_of_ties[:-1] = p[:-1] != p[1:]
    places = np.where(last_of_ties, np.arange(1, size + 1)[:, None], size)
    places = np.minimum.accumulate(places[::-1], axis=0)[::-1]
    found = np.take_along_axis(np.cumsum(y, axis=0), places - 1, axis=0)
    return y, places, found
