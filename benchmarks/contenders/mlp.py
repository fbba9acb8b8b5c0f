"""scikit-learn's MLPClassifier on mean MiniLM vectors."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import joblib
import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier
from typing_extensions import override

from contenders.embeddings import MeanVectors
from contenders.protocol import Contender, Probabilities, Targets, Validation

HIDDEN = (512,)
MAX_EPOCHS = 100


class Mlp(Contender):
    """One hidden layer, one logistic output a genre."""

    library = f"scikit-learn {sklearn.__version__}"
    notes = (
        f"hidden {HIDDEN[0]}, Adam, at most {MAX_EPOCHS} epochs, early stopping on its own tenth "
        "of train; encoding is not in fit seconds"
    )

    def __init__(self, vectors: MeanVectors) -> None:
        self.vectors = vectors

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        self.vectors(plots)

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.model = MLPClassifier(
            HIDDEN, early_stopping=True, n_iter_no_change=5, max_iter=MAX_EPOCHS, random_state=0
        )
        # Vectors of unit length have coordinates of about 0.05, at which Adam's first steps crawl.
        self.model.fit(self.vectors(plots) * np.float32(20), Y.astype(np.int8))

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
