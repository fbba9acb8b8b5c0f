"""What a model must beat: giving every film the genres that are most frequent in train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plotgenre.evaluation.evaluation import Evaluation, evaluate, headline, headline_groups
from plotgenre.evaluation.intervals import Interval, paired_difference
from plotgenre.evaluation.metrics import Array, Bools, top_genres

_MOST_GENRES = 50


@dataclass(frozen=True, slots=True)
class Baseline:
    """The ``k`` genres with most train films for every film.

    Parameters
    ----------
    k
        The number that gives the best micro-F1 on the test films themselves, which favours the
        baseline: no choice on validation films could do better.
    genres
        Their names, most frequent first.
    evaluation
        Its scores; probabilities are a genre's train films, scaled so that their sum is the mean
        number of genres of the test films, which favours its calibration likewise.
    differences
        Model less baseline, on the same resamples.
    """

    k: int
    genres: tuple[str, ...]
    evaluation: Evaluation
    differences: dict[str, Interval]


def score_baseline(
    P: Array,
    Y: Bools,
    D: Bools,
    genres: Sequence[str],
    train_counts: Array,
    *,
    resamples: int,
) -> Baseline:
    """The baseline's scores, and how far a model of probabilities P and decisions D is above them.

    The other parameters are those of `evaluation.evaluate`.
    """
    k = _best_k(Y, train_counts)
    chosen = top_genres(train_counts, k)
    films = train_counts.clip(0)
    share = films * (Y.sum() / len(Y) / max(films.sum(), 1))
    prior = np.broadcast_to(np.minimum(share, 1).astype(np.float32), P.shape)
    # Out of the reach of any share, so that equally frequent genres cannot slip in.
    cut = np.where(chosen, 0.0, 2.0).astype(np.float32)
    evaluation = evaluate(prior, Y, cut, genres, train_counts, resamples=resamples)
    groups = headline_groups(train_counts)
    differences = paired_difference(
        Y,
        (prior, prior >= cut),
        (P, D),
        groups,
        averaged=train_counts >= 0,
        resamples=resamples,
    )
    order = np.argsort(-train_counts, kind="stable")[:k]
    return Baseline(k, tuple(genres[j] for j in order), evaluation, headline(differences, groups))


def _best_k(Y: Bools, train_counts: Array) -> int:
    order = np.argsort(-train_counts, kind="stable")[:_MOST_GENRES]
    found, k = np.cumsum(Y.sum(axis=0)[order]), np.arange(1, len(order) + 1)
    return int(np.argmax(2 * found / (k * len(Y) + Y.sum()))) + 1
