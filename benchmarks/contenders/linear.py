"""LibMultiLabel's linear methods on its own TF-IDF."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import libmultilabel.linear as linear
import numpy as np
from scipy import sparse
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation, sigmoid

METHODS = {
    "1vsrest": linear.train_1vsrest,
    "thresholding": linear.train_thresholding,
    "cost_sensitive": linear.train_cost_sensitive,
}
# L2-regularised squared hinge loss, primal: the library's default; -m is threads. The
# cost-sensitive method, which fits 22 models a genre, solves the same problem in the dual, several
# times faster.
OPTIONS = {"1vsrest": "-s 2 -m 2", "thresholding": "-s 2 -m 2", "cost_sensitive": "-s 1"}


class Labels(sparse.csc_matrix):
    """Targets whose sum over axis 2 is that over films.

    libmultilabel 0.10.0 counts a genre's films with ``np.sum(y, 2)``, which today's scipy refuses.
    """

    @override
    def sum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return super().sum(axis=0 if axis == 2 else axis, dtype=dtype, out=out)


class Linear(Contender):
    """Decision values through a sigmoid; thresholds that the method learns stand in its bias."""

    library = f"libmultilabel {version('libmultilabel')}"

    def __init__(self, method: str) -> None:
        self.method = method
        self.notes = (
            f"train_{method}, {OPTIONS[method]}, unigram TF-IDF; a sigmoid of decision values"
        )

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = len(genres)
        labels = [[str(j) for j in np.flatnonzero(row)] for row in Y]
        self.words = linear.Preprocessor()
        given = {"data_format": "txt", "train": {"x": list(plots), "y": labels}}
        data = self.words.fit_transform(given)["train"]
        self.columns = [int(name) for name in self.words.label_mapping]
        self.model = METHODS[self.method](
            Labels(data["y"]), data["x"], False, OPTIONS[self.method], False
        )

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        given = {"data_format": "txt", "test": {"x": list(plots), "y": [[] for _ in plots]}}
        P = np.zeros((len(plots), self.genres), dtype=np.float32)
        values = linear.predict_values(self.model, self.words.transform(given)["test"]["x"])
        P[:, self.columns] = sigmoid(np.asarray(values))
        return P

    @override
    def save(self, folder: Path) -> None:
        joblib.dump((self.words, self.model), folder / "linear.joblib")


def make(variant: str, store: Path | None) -> Linear:
    return Linear(variant)
