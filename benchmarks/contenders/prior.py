"""Each genre's share of the train films, whatever the plot: the k commonest genres for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation


class Prior(Contender):
    """Top-k by frequency; k follows from the threshold that validation chooses."""

    library = "numpy"
    notes = "every film gets the same genres"

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.shares = Y.mean(axis=0).astype(np.float32)

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        return np.tile(self.shares, (len(plots), 1))

    @override
    def save(self, folder: Path) -> None:
        np.save(folder / "shares.npy", self.shares)


def make(variant: str, store: Path | None) -> Prior:
    return Prior()
