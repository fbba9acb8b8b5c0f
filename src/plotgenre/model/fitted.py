"""A fitted model: what a classifier has learned, and how it was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plotgenre.branches.branch import Branch, Logits, Progress
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.history import History
from plotgenre.learning.thresholds import decide
from plotgenre.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Branches, what joins their logits, and thresholds.

    Parameters
    ----------
    recipe
        The settings that it was fitted with.
    genres
        Names of the ``g`` genres, in the order of all columns.
    train_films
        Films in train of every genre seen, those left out for being too rare included.
    branches
        By name, in the order in which the calibration joins them.
    calibration
        Joins the branches' logits into logits whose sigmoid can be believed.
    thresholds
        One per genre, shape (g,): a genre is predicted where its probability reaches it, unless
        the recipe's policy (``top_k``, ``at_least_one``) says otherwise.
    encoder
        How the semantic branch's encoder was loaded: the recipe's own may be out of reach by now.
    history
        How the head's training went; ``None`` without a semantic branch and for a loaded model.
    """

    recipe: Recipe
    genres: tuple[str, ...]
    train_films: dict[str, int]
    branches: Mapping[str, Branch]
    calibration: Calibration
    thresholds: npt.NDArray[np.float32]
    encoder: EncoderSettings
    history: History | None = None

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """The joined logits, shape (n, g), float32."""
        return self.calibration.logits(
            [branch.logits(plots, progress) for branch in self.branches.values()]
        )

    def decide(self, P: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Decisions (n, g) of probabilities (n, g), by the thresholds and the recipe's policy."""
        return decide(P, self.thresholds, self.recipe.thresholds)
