"""Labels that a model's probabilities speak against, by confident learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from plotgenre.errors import MissingExtraError
from plotgenre.evaluation.metrics import check_same_shape

# Films on either side that the noise of a genre's labels can be estimated from.
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """Row of a film whose label may be missing or wrong, and the probability that it has it."""

    row: int
    kind: Literal["missing", "wrong"]
    probability: float


@dataclass(frozen=True, slots=True)
class GenreIssues:
    """How many labels of a genre may be missing or wrong, and the most doubtful of them."""

    genre: str
    missing: int
    wrong: int
    worst: tuple[LabelIssue, ...]


def find_label_issues(
    P: npt.ArrayLike, Y: npt.ArrayLike, genres: tuple[str, ...], shown: int = 3
) -> list[GenreIssues]:
    """Doubtful labels of each genre, the genres with most of them first.

    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    JAIR 70 (2021), each genre against the rest, by cleanlab. A genre that fewer than five films
    have, or lack, is passed over.

    Parameters
    ----------
    P, Y
        Probabilities and targets of shape (n, g). Probabilities of films that the model learned
        from agree with their labels too well, and hide their faults.
    genres
        The ``g`` names.
    shown
        Labels named for each genre and kind: a model is seldom as sure of a genre as of its
        absence, and the wrong would crowd out the missing.

    Raises
    ------
    InputError
        If shapes differ.
    MissingExtraError
        If cleanlab is not installed.
    """
    P, Y = np.asarray(P, dtype=np.float64), np.asarray(Y, dtype=np.bool_)
    check_same_shape(probabilities=P, targets=Y)
    try:
        from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class
    except ImportError as missing:
        raise MissingExtraError("Looking for suspicious labels", "inspect") from missing
    films = Y.sum(axis=0)
    known = np.flatnonzero((films >= _FEWEST) & (len(Y) - films >= _FEWEST))
    if not len(known):
        return []
    P, Y = P[:, known], Y[:, known]
    ranked, _, _ = find_multilabel_issues_per_class(
        labels=[np.flatnonzero(row).tolist() for row in Y],
        pred_probs=P,
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    found = [
        _genre_issues(genres[j], np.asarray(rows, dtype=np.int64), P[:, k], Y[:, k], shown)
        for k, (j, rows) in enumerate(zip(known.tolist(), ranked, strict=True))
        if len(rows)
    ]
    return sorted(found, key=lambda one: (-one.missing - one.wrong, one.genre))


def _genre_issues(
    genre: str,
    rows: npt.NDArray[np.int64],
    p: npt.NDArray[np.float64],
    y: npt.NDArray[np.bool_],
    shown: int,
) -> GenreIssues:
    missing, wrong = rows[~y[rows]], rows[y[rows]]
    worst = [LabelIssue(row, "missing", float(p[row])) for row in missing[:shown].tolist()]
    worst += [LabelIssue(row, "wrong", float(p[row])) for row in wrong[:shown].tolist()]
    return GenreIssues(genre, len(missing), len(wrong), tuple(worst))
