"""fastText, supervised, one-vs-all loss."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import fasttext
import numpy as np
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation

EPOCHS, RATE = 25, 0.3


class FastText(Contender):
    """Words and word pairs, hashed; labels are numbers, for names may hold blanks."""

    library = f"fastText (fasttext-numpy2-wheel {version('fasttext-numpy2-wheel')})"
    notes = f"-loss ova, wordNgrams 2, dim 100, {EPOCHS} epochs at {RATE}, 2 threads"

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = len(genres)
        with tempfile.TemporaryDirectory() as room:
            file = Path(room) / "train.txt"
            labels = [" ".join(f"__label__{j}" for j in np.flatnonzero(row)) for row in Y]
            lines = [f"{names} {words(plot)}" for names, plot in zip(labels, plots, strict=True)]
            file.write_text("\n".join(lines) + "\n")
            self.model = fasttext.train_supervised(
                str(file), loss="ova", epoch=EPOCHS, lr=RATE, wordNgrams=2, minCount=3,
                bucket=200_000, dim=100, thread=2, verbose=0,
            )  # fmt: skip

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        P = np.zeros((len(plots), self.genres), dtype=np.float32)
        labels, values = self.model.predict([words(plot) for plot in plots], k=-1)
        for row, names, found in zip(P, labels, values, strict=True):
            row[[int(name.removeprefix("__label__")) for name in names]] = np.clip(found, 0, 1)
        return P

    @override
    def save(self, folder: Path) -> None:
        self.model.save_model(str(folder / "model.bin"))


def words(plot: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", plot.lower()))


def make(variant: str, store: Path | None) -> FastText:
    return FastText()
