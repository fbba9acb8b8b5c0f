"""k nearest neighbours on mean MiniLM vectors, each voting with its similarity."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors
from typing_extensions import override

from contenders.embeddings import MeanVectors
from contenders.protocol import Contender, Probabilities, Targets, Validation

NEIGHBOURS = (25, 50, 100)


class NearestFilms(Contender):
    """Share of a genre among the k most similar train films, weighted by cosine similarity."""

    library = f"scikit-learn {sklearn.__version__}"

    def __init__(self, vectors: MeanVectors) -> None:
        self.vectors = vectors

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        self.vectors(plots)

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.train, self.Y = self.vectors(plots), Y.astype(np.float32)
        self.index = NearestNeighbors(metric="cosine", algorithm="brute").fit(self.train)
        held_out = self.vectors(validation[0])
        scores = {
            k: average_precision_score(validation[1], self._vote(held_out, k), average="micro")
            for k in NEIGHBOURS
        }
        self.k = max(scores, key=lambda k: scores[k])
        self.notes = f"k = {self.k} of {NEIGHBOURS} by validation; encoding is not in fit seconds"

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        return self._vote(self.vectors(plots), self.k)

    def _vote(self, queries: npt.NDArray[np.float32], k: int) -> Probabilities:
        distances, rows = self.index.kneighbors(queries, n_neighbors=min(k, len(self.train)))
        weights = np.clip(1 - distances, 1e-6, None).astype(np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        votes = [w @ self.Y[r] for w, r in zip(weights, rows, strict=True)]
        return np.clip(np.stack(votes), 0, 1)

    @override
    def cold(self) -> NearestFilms:
        other = copy(self)
        other.vectors = self.vectors.cold()
        return other

    @override
    def save(self, folder: Path) -> None:
        np.savez(folder / "films.npz", vectors=self.train, targets=np.packbits(self.Y > 0, axis=1))


def make(variant: str, store: Path | None) -> NearestFilms:
    return NearestFilms(MeanVectors.open(store))
