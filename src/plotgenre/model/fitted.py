"""A fitted model: what a classifier has learned, and how it was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from plotgenre.branches.branch import Branch, Logits, Progress
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import InputError
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.history import History
from plotgenre.learning.thresholds import decide
from plotgenre.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """What makes decisions of branches' logits; both fields are those of `Model`."""

    calibration: Calibration
    thresholds: npt.NDArray[np.float32]


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
    fast
        How the lexical branch answers without the other; ``None`` where it has no other, and for
        models from before there was this.
    """

    recipe: Recipe
    genres: tuple[str, ...]
    train_films: dict[str, int]
    branches: Mapping[str, Branch]
    calibration: Calibration
    thresholds: npt.NDArray[np.float32]
    encoder: EncoderSettings
    history: History | None = None
    fast: Join | None = None

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """The joined logits, shape (n, g), float32."""
        return self.calibration.logits(
            [branch.logits(plots, progress) for branch in self.branches.values()]
        )

    def decide(self, P: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Decisions (n, g) of probabilities (n, g), by the thresholds and the recipe's policy."""
        return decide(P, self.thresholds, self.recipe.thresholds)

    def words_alone(self) -> Model:
        """The model of the lexical branch alone, calibrated as such: needs no encoder.

        Raises
        ------
        InputError
            If there is no lexical branch, or it was never calibrated alone.
        """
        if not self.recipe.branches.semantic:
            return self
        if self.fast is None:
            raise InputError(
                "this model cannot read words alone; expected one with a lexical branch, "
                "trained by plotgenre 0.2 or newer"
            )
        return replace(
            self,
            recipe=words_alone(self.recipe),
            branches={"lexical": self.branches["lexical"]},
            calibration=self.fast.calibration,
            thresholds=self.fast.thresholds,
            history=None,
            fast=None,
        )


def words_alone(recipe: Recipe) -> Recipe:
    """The recipe without a semantic branch."""
    return recipe.with_settings({"branches.semantic": False, "branches.adapted": False})
