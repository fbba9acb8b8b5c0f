"""Fitting the sparse head, genre by genre. Needs scikit-learn only once it is called."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from plotgenre.errors import MissingExtraError
from plotgenre.learning.checkpoints import refuse_another_run, write_atomically
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
    no film or every film has learns its prior alone. The same arguments give the same head.

    Parameters
    ----------
    rows, Y
        Train films (n, v) and their targets (n, g).
    settings
        How strongly it is regularised, and how many weights are kept.
    checkpoints
        Folder that each genre is saved to once it is fitted, and read from when the same call is
        made again; None saves nothing.
    progress
        Called after each genre.

    Raises
    ------
    InputError
        If ``checkpoints`` holds genres of another run.
    MissingExtraError
        If scikit-learn is not installed.
    """
    fit = _solver(rows, settings)
    folder = None if checkpoints is None else GenreFolder(checkpoints, _identity(rows, Y, settings))
    genres = []
    for genre, targets in enumerate(Y.T):
        weights = None if folder is None else folder.read(genre)
        if weights is None:
            weights = fit(targets)
            if folder is not None:
                folder.save(genre, weights)
        genres.append(weights)
        if progress is not None:
            progress(GenresFitted(len(genres), Y.shape[1]))
    return SparseHead.of_genres(genres, rows.width, settings.maximum_weights)


@dataclass(frozen=True, slots=True)
class GenreFolder:
    """The fitted genres of one run, a safetensors file each.

    Parameters
    ----------
    path
        Folder of the files; made on the first save.
    identity
        What the run depends on, by name, JSON values; a genre of another identity is refused.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(self, genre: int, weights: GenreWeights) -> None:
        """Write a genre, whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, npt.NDArray[Any]] = {
            "ngrams": weights.ngrams,
            "values": weights.values,
            "scale_bias": np.array([weights.scale, weights.bias]),
        }
        write_atomically(self._file(genre), tensors, {"run": json.dumps(dict(self.identity))})

    def read(self, genre: int) -> GenreWeights | None:
        """A genre; None if it is not there, or damaged, which is warned of.

        Raises
        ------
        InputError
            If it is from a run of other settings or data; says what differs.
        """
        file = self._file(genre)
        if not file.exists():
            return None
        try:
            with safe_open(file, framework="numpy") as content:
                identity = json.loads((content.metadata() or {})["run"])
                scale, bias = content.get_tensor("scale_bias").tolist()
                weights = GenreWeights(
                    content.get_tensor("ngrams"), content.get_tensor("values"), scale, bias
                )
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            warnings.warn(f"fitting anew, {file} is damaged: {error}", stacklevel=2)
            return None
        refuse_another_run(file, identity, self.identity)
        return weights

    def _file(self, genre: int) -> Path:
        return self.path / f"genre-{genre:05d}.safetensors"


def _solver(
    rows: SparseRows, settings: SparseHeadSettings
) -> Callable[[npt.NDArray[np.bool_]], GenreWeights]:
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

    def fit(targets: npt.NDArray[np.bool_]) -> GenreWeights:
        films, positives = len(targets), int(targets.sum())
        if positives in (0, films):
            # Half a film short of never or always, as `networks.prior_biases`.
            share = min(max(positives, 0.5), films - 0.5) / films
            bias = math.log(share) - math.log1p(-share)
            return GenreWeights.rounded(np.zeros(rows.width), bias)
        model = LogisticRegression(
            C=settings.C,
            solver="liblinear",
            dual=True,
            tol=_TOLERANCE,
            max_iter=_MOST_PASSES,
            random_state=0,
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
        "films": len(rows),
        "ngrams": rows.width,
        "genres": Y.shape[1],
        "digest": digest.hexdigest(),
    }
