"""Objectives: what thresholds are tuned for, as sums over films, over genres or over all cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Metric = Literal[
    "micro_f1", "macro_f1", "samples_f1", "jaccard", "subset_accuracy", "label_accuracy"
]
Counts: TypeAlias = npt.NDArray[np.int64] | np.int64 | int
Scores: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that depends only on three counts of each film, of each genre, or of all cells.

    Parameters
    ----------
    axis
        The axis summed over to get the counts: 1 one value per film, 0 one per genre, None one.
        The metric is the mean of the values.
    value
        (found, predicted, actual) -> value, elementwise: cells rightly on, on, and to be on.
        0/0 counts as 0, scikit-learn's ``zero_division=0``.
    """

    axis: Literal[0, 1] | None
    value: Callable[[Counts, Counts, Counts], Scores]


def f1(found: Counts, predicted: Counts, actual: Counts) -> Scores:
    """Harmonic mean of precision and recall."""
    # Counts are whole, so the maximum changes only 0/0.
    return np.asarray(2 * found / np.maximum(predicted + actual, 1))


def _jaccard(found: Counts, predicted: Counts, actual: Counts) -> Scores:
    return np.asarray(found / np.maximum(predicted + actual - found, 1))


def _exact(found: Counts, predicted: Counts, actual: Counts) -> Scores:
    return np.asarray((found == predicted) & (found == actual), dtype=np.float64)


def _right_cells(found: Counts, predicted: Counts, actual: Counts) -> Scores:
    """Right cells less those right when nothing is on, a constant: label accuracy up to scale."""
    return np.asarray(2 * found - predicted, dtype=np.float64)


OBJECTIVES: dict[Metric, Objective] = {
    "micro_f1": Objective(None, f1),
    "macro_f1": Objective(0, f1),
    "samples_f1": Objective(1, f1),
    "jaccard": Objective(1, _jaccard),
    "subset_accuracy": Objective(1, _exact),
    "label_accuracy": Objective(None, _right_cells),
}
