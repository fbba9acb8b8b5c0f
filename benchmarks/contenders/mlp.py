"""scikit-learn's MLPClassifier on mean MiniLM vectors."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy
from pathlib import Path

import joblib
import numpy as np
import sklearn
from sklearn.metrics import average_precision_score
from sklearn.neural_network import MLPClassifier
from typing_extensions import override

from contenders.embeddings import MeanVectors
from contenders.protocol import Contender, Probabilities, Targets, Validation

HIDDEN = (512,)
# Chosen by validation: the library's own early stopping watches subset accuracy, which says nothing
# over 345 genres.
EPOCHS = (5, 10, 20)


class Mlp(Contender):
    """One hidden layer, one logistic output a genre."""

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
        # Vectors of unit length have coordinates of about 0.05, at which Adam's first steps crawl.
        X = self.vectors(plots) * np.float32(20)
        held_out = self.vectors(validation[0]) * np.float32(20)
        growing = MLPClassifier(HIDDEN, random_state=0)
        best = -1.0
        for epoch in range(1, max(EPOCHS) + 1):
            growing.partial_fit(X, Y, classes=np.arange(Y.shape[1]))
            if epoch in EPOCHS:
                P = growing.predict_proba(held_out)
                score = average_precision_score(validation[1], P, average="micro")
                if score > best:
                    best, self.model, epochs = score, deepcopy(growing), epoch
        self.notes = (
            f"hidden 512, Adam, {epochs} epochs of {EPOCHS} by validation; encoding is not in fit "
            "seconds"
        )

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        scaled = self.vectors(plots) * np.float32(20)
        return self.model.predict_proba(scaled).astype(np.float32)

    @override
    def cold(self) -> Mlp:
        other = copy(self)
        other.vectors = self.vectors.cold()
        return other

    @override
    def save(self, folder: Path) -> None:
        joblib.dump(self.model, folder / "mlp.joblib")


def make(variant: str, store: Path | None) -> Mlp:
    return Mlp(MeanVectors.open(store))
