"""Curves over thresholds and probabilities, as few points as a page can hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plotgenre.evaluation.metrics import Array, Bools, ratio

# Close together near 0, where the probabilities of rare genres lie.
THRESHOLDS = np.unique(
    np.concatenate(
        [
            [0.001, 0.002, 0.003, 0.005, 0.0075],
            np.arange(2, 10) / 200,
            np.arange(5, 30) / 100,
            np.arange(15, 50) / 50,
            [0.99],
        ]
    ).round(4)
)
_POINTS = 200


@dataclass(frozen=True, slots=True)
class ThresholdCounts:
    """Decisions of each genre at each of the t ``THRESHOLDS``.

    Parameters
    ----------
    predicted, found
        Films with the genre on, and rightly on, shape (g, t).
    support
        Films that have the genre, shape (g,).
    """

    predicted: Array
    found: Array
    support: Array


def threshold_counts(P: Array, Y: Bools) -> ThresholdCounts:
    """Count decisions ``P >= threshold`` (in float32) for each genre and threshold.

    Parameters
    ----------
    P, Y
        Probabilities and targets of shape (n, g).
    """
    genres, size = P.shape[1], len(THRESHOLDS) + 1
    reached = np.searchsorted(THRESHOLDS.astype(np.float32), P.astype(np.float32), side="right")
    cell = (np.arange(genres) * size + reached).ravel()

    def at_least(weights: Array | None) -> Array:
        counts = np.bincount(cell, weights, genres * size).reshape(genres, size)
        cumulative: Array = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].astype(np.int64)
        return cumulative

    return ThresholdCounts(at_least(None), at_least(Y.ravel()), Y.sum(axis=0))


def precision_recall(P: Array, Y: Bools) -> tuple[Array, Array]:
    """Micro-averaged precision and recall at falling thresholds, about 200 points spread evenly.

    Points at which cells of equal probability would be torn apart are left out.

    Parameters
    ----------
    P, Y
        Probabilities and targets of shape (n, g).
    """
    p, y = P.ravel(), Y.ravel()
    order = np.argsort(-p, kind="stable")
    p, found = p[order], np.cumsum(y[order])
    ends = np.append(np.flatnonzero(p[1:] != p[:-1]), len(p) - 1)
    recall = found[ends] / max(found[-1], 1)
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, _POINTS)))
    return found[ends[kept]] / (ends[kept] + 1), recall[kept]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal width over the probabilities: what was said, and how often it was true.

    Parameters
    ----------
    probability, frequency
        Mean probability and share of true cells of each bin that has any, shape (b,).
    cells
        Pairs of film and genre in the bin, shape (b,).
    """

    probability: Array
    frequency: Array
    cells: Array


def reliability(P: Array, Y: Bools, bins: int = 10) -> Reliability:
    """A reliability diagram (Guo et al. 2017, "On Calibration of Modern Neural Networks").

    Parameters
    ----------
    P, Y
        Probabilities and targets of shape (n, g); all cells count alike.
    bins
        Number of bins of equal width over [0, 1].
    """
    place = np.minimum((P.ravel() * bins).astype(np.int64), bins - 1)
    cells = np.bincount(place, minlength=bins)
    said = np.bincount(place, P.ravel().astype(np.float64), bins)
    true = np.bincount(place, Y.ravel(), bins)
    kept = cells > 0
    return Reliability(ratio(said, cells)[kept], ratio(true, cells)[kept], cells[kept])
