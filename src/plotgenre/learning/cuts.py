"""Cuts: places in a falling list of probabilities where a threshold can go.

Cut ``k`` switches the ``k`` most probable cells on, so a list of ``m`` has cuts 0 to ``m``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.learning.objectives import Objective

Floats: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]

# One-sided 5 % of the normal distribution.
_SKILL_DEVIATIONS = 1.645


@dataclass(frozen=True, slots=True)
class Ranked:
    """Each genre's films in falling order of probability: rows and values, both (n, g)."""

    order: npt.NDArray[np.int64]
    values: Floats


def ranked(P: Floats) -> Ranked:
    """Sort every column of P (n, g) once, for all later sweeps."""
    order = np.argsort(-P, axis=0, kind="stable")
    return Ranked(np.asfortranarray(order), np.asfortranarray(np.take_along_axis(P, order, axis=0)))


def best_cut(values: Floats, scores: npt.NDArray[Any], noise: float) -> int:
    """The cut with the highest score; among equals (to within ``noise``) the one with least on.

    Parameters
    ----------
    values
        Falling probabilities, shape (m,). No cut falls between two equal ones.
    scores
        Score of each cut, shape (m + 1,).
    noise
        Scores that differ by less are equal.
    """
    possible = np.ones(len(scores), dtype=np.bool_)
    possible[1:-1] = values[:-1] > values[1:]
    scores = np.where(possible, scores, -np.inf)
    return int(np.argmax(scores >= scores.max() - noise))


def threshold_at(values: Floats, cut: int) -> np.float32:
    """The threshold midway between the last probability that is on and the first that is off.

    Above the highest probability the neighbour is 1, below the lowest it is 0, so that a genre
    with nothing on in validation is not switched on by the next film that is a hair's breadth
    more probable.
    """
    above = values[cut - 1] if cut else np.maximum(1, np.nextafter(values[0], np.float32(2)))
    below = values[cut] if cut < len(values) else np.float32(0)
    middle = np.float32(below + (above - below) / 2)
    # Between neighbouring float32 numbers there is no middle: the lower one must stay off.
    return middle if cut == len(values) or middle > below else np.float32(above)


def without_skill(found: npt.NDArray[np.int64], cut: int) -> bool:
    """Whether a cut switches much on and yet finds no more than a random pick of its size would.

    Much is more than twice the positives. A random pick's finds are hypergeometric; a cut has
    skill when it finds more than their mean by 1.645 standard deviations (one-sided 5 %).

    Parameters
    ----------
    found
        Positives among the ``k`` most probable for each cut ``k``, shape (m + 1,).
    cut
        The cut in question.
    """
    size, positives = len(found) - 1, int(found[-1])
    if cut <= 2 * positives:
        return False
    share = positives / size
    variance = cut * share * (1 - share) * (size - cut) / max(size - 1, 1)
    return bool(found[cut] <= cut * share + _SKILL_DEVIATIONS * np.sqrt(variance))


class Sweep:
    """Scores of all cuts of one genre while the decisions on the other genres stand still.

    Parameters
    ----------
    Y
        Targets of shape (n, g).
    D
        The decisions to start from, shape (n, g); copied.
    objective
        What is scored, up to a constant and the division by the number of films or genres.
    """

    def __init__(self, Y: Bools, D: Bools, objective: Objective) -> None:
        self._targets = np.asfortranarray(Y)
        self._decisions = np.asfortranarray(D.copy())
        self._objective = objective
        # One count per film, or one for all; a genre's value does not see the other genres.
        axis = objective.axis
        self._actual = Y.sum(axis=axis)
        self._found = (Y & D).sum(axis=axis)
        self._predicted = D.sum(axis=axis)

    def predicted(self, genre: int) -> int:
        """The cut that the genre stands at now: how many films it is on for."""
        return int(np.count_nonzero(self._decisions[:, genre]))

    def scores(
        self, genre: int, order: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Score and positives found of each cut, both (n + 1,), films in the order given."""
        y, d = self._targets[:, genre], self._decisions[:, genre]
        value = self._objective.value
        found = np.concatenate([[0], np.cumsum(y[order])])
        cuts = np.arange(len(found))
        if self._objective.axis == 0:
            return value(found, cuts, self._actual[genre]), found
        if self._objective.axis is None:
            others_found = self._found - np.count_nonzero(y & d)
            others_predicted = self._predicted - np.count_nonzero(d)
            return value(others_found + found, others_predicted + cuts, self._actual), found
        others_found, others_predicted = self._found - (y & d), self._predicted - d
        gains = value(others_found + y, others_predicted + 1, self._actual)
        gains = gains - value(others_found, others_predicted, self._actual)
        return np.concatenate([[0.0], np.cumsum(gains[order])]), found

    def switch(self, genre: int, films: npt.NDArray[np.int64]) -> None:
        """Switch the genre on for the given films, rows of Y, and off for all others."""
        before, y = self._decisions[:, genre].copy(), self._targets[:, genre]
        self._decisions[:, genre] = False
        self._decisions[films, genre] = True
        change = self._decisions[:, genre].astype(np.int64) - before
        if self._objective.axis == 1:
            self._predicted = self._predicted + change
            self._found = self._found + change * y
        elif self._objective.axis is None:
            self._predicted = self._predicted + change.sum()
            self._found = self._found + change[y].sum()
