"""Calibration: how far probabilities can be taken at their word.

Both metrics fall as probabilities get better. They say nothing of thresholds, and are small
wherever genres are rare: compare models on the same films and genres, not corpora.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.evaluation.metrics import check_same_shape

Bools: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

_BINS = 15


def calibration_metrics(Y: Bools, P: Array) -> dict[str, float]:
    """What probabilities are worth as such.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    P
        Probabilities of shape (n, g).

    Returns
    -------
    dict
        ``expected_calibration_error``, see `calibration_error`, and ``brier``, the mean over
        cells of the squared distance of probability and target (Brier 1950, "Verification of
        Forecasts Expressed in Terms of Probability"). Both lie in [0, 1]; lower is better.

    Raises
    ------
    InputError
        If the shapes differ or there is no cell.
    """
    check_same_shape(targets=Y, probabilities=P)
    return {
        "expected_calibration_error": calibration_error(Y, P),
        "brier": float(squared_errors(Y, P).mean()),
    }


def calibration_error(Y: Bools, P: Array) -> float:
    """Expected calibration error; NaN without a genre.

    The mean over all cells (film, genre) of the distance between mean probability and share of
    true cells of their bin (Guo et al. 2017, "On Calibration of Modern Neural Networks"). 15 bins
    hold equally many cells (Nixon et al. 2019, "Measuring Calibration in Deep Learning"), fewer
    where probabilities repeat, for equal ones share a bin. Chance alone keeps the error of perfect
    probabilities above 0, by more the fewer true cells a bin has.

    Parameters
    ----------
    Y, P
        Targets and probabilities of shape (n, g).
    """
    if not P.size:
        return math.nan
    p = P.ravel()
    edges = np.unique(np.quantile(p, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, p, side="right")
    # What each cell adds to its bin's sum of probability less target.
    excess = np.bincount(bins, p.astype(np.float64) - Y.ravel())
    return float(np.abs(excess).sum() / p.size)


def squared_errors(Y: Bools, P: Array) -> Array:
    """Mean squared distance of probability and target of each film, shape (n,).

    The films' mean is the Brier score. NaN without a genre.
    """
    films, genres = P.shape
    if not genres:
        return np.full(films, np.nan)
    return np.asarray(np.square(P.astype(np.float64) - Y).mean(axis=1))
