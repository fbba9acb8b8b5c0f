"""Fitting the sparse head, genre by genre. Needs scikit-learn only once it is called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import MissingExtraError
from plotgenre.learning.priors import log_odds
from plotgenre.learning.sparse_checkpoints import GenreFolder
from plotgenre.learning.sparse_heads import GenreWeights, SparseHead, SparseHeadSettings
from plotgenre.lexicon.sparse_rows import SparseRows

_TOLERANCE, _MOST_PASSES = 1e-2, 200


@dataclass(frozen=True, slots=True)
class GenresFitted:
    """How many genres of how many are fitted."""

    done: int
    total: int


def fit_sparse_head(
    rows: SparseRows,
    Y: npt.NDArray[np.bool_],
    settings: SparseHeadSettings,
    *,
    checkpoints: Path | None = None,
    progress: Callable[[GenresFitted], None] | None = None,
) -> SparseHead:
    """One logistic regression a genre, each on its own (binary relevance).

    Solved in the dual by coordinate descent (Yu, Huang and Lin, "Dual coordinate descent methods
    for logistic regression and maximum entropy models", 2011; LIBLINEAR's solver 7). A genre that
    no film or every film has learns its prior alone, which is also the logit of a film without
    entries. The same arguments give the same head.

    Parameters
    ----------
    rows, Y
        Train films (n, v) and their targets (n, g).
    settings
        How strongly it is regularised, what a positive weighs, and how many weights are kept.
    checkpoints
        Folder that each genre is saved to once it is fitted, in the end the head in their place,
        and read from when the same call is made again; None saves nothing.
    progress
        Called after each genre.

    Raises
    ------
    InputError
        If ``checkpoints`` holds genres or a head of another run.
    MissingExtraError
        If scikit-learn is not installed.
    """
    folder = None if checkpoints is None else GenreFolder(checkpoints, _identity(rows, Y, settings))
    n_genres = Y.shape[1]
    if folder is not None and (head := folder.finished(rows.width, n_genres)) is not None:
        if progress is not None:
            progress(GenresFitted(n_genres, n_genres))
        return head
    fit = _solver(rows, settings)
    pos_weights = positive_weights(Y, settings.pos_weight_cap)
    # Where positives weigh more, a genre's odds are those of the weighted films.
    priors = log_odds(Y) + np.log(pos_weights)
    genres = []
    for genre, targets in enumerate(Y.T):
        weights = None if folder is None else folder.read(genre)
        if weights is None:
            if targets.any() and not targets.all():
                weights = fit(targets, float(pos_weights[genre]))
            else:
                weights = GenreWeights.rounded(np.zeros(rows.width), float(priors[genre]))
            if folder is not None:
                folder.save(genre, weights)
        genres.append(weights)
        if progress is not None:
            progress(GenresFitted(len(genres), n_genres))
    head = SparseHead.of_genres(genres, priors, rows.width, settings.maximum_weights)
    if folder is not None:
        folder.finish(head)
    return head


def positive_weights(Y: npt.NDArray[np.bool_], cap: float) -> npt.NDArray[np.float64]:
    """What a film with a genre weighs against one without it, shape (g,), from 1 to ``cap``.

    The ratio of films without to films with the genre; 1 for a genre that no film or every film
    has.
    """
    positives = Y.sum(axis=0)
    ratios = np.where(positives > 0, (len(Y) - positives) / np.maximum(positives, 1), 1.0)
    return ratios.clip(1.0, cap)


def _solver(
    rows: SparseRows, settings: SparseHeadSettings
) -> Callable[[npt.NDArray[np.bool_], float], GenreWeights]:
    try:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("scipy", "sklearn"):
            raise MissingExtraError("Training", "train") from error
        raise
    # In double precision once, since LIBLINEAR would convert it for each genre.
    entries = rows.values.astype(np.float64), rows.columns, rows.offsets.astype(np.int32)
    X = csr_matrix(entries, shape=(len(rows), rows.width))

    def fit(targets: npt.NDArray[np.bool_], pos_weight: float) -> GenreWeights:
        model = LogisticRegression(
            C=settings.C,
            solver="liblinear",
            dual=True,
            tol=_TOLERANCE,
            max_iter=_MOST_PASSES,
            random_state=0,
            class_weight={False: 1.0, True: pos_weight},
        ).fit(X, targets)
        return GenreWeights.rounded(model.coef_[0], float(model.intercept_[0]))

    return fit


def _identity(
    rows: SparseRows, Y: npt.NDArray[np.bool_], settings: SparseHeadSettings
) -> dict[str, Any]:
    digest = hashlib.blake2b(digest_size=16)
    for array in (rows.values, rows.columns, rows.offsets, Y):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return {
        "C": settings.C,
        "pos_weight_cap": settings.pos_weight_cap,
        "maximum_weights": settings.maximum_weights,
        "films": len(rows),
        "ngrams": rows.width,
        "genres": Y.shape[1],
        "digest": digest.hexdigest(),
    }
