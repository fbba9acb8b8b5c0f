"""Checkpoints that are models: what a fit leaves behind every so many epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from plotgenre.errors import InputError, RecipeError
from plotgenre.evaluation.model_card import model_card
from plotgenre.learning.history import EpochScores
from plotgenre.model.fitted import Model
from plotgenre.model.folder import save_model
from plotgenre.recipe import Recipe

MODELS = "models"


@dataclass(frozen=True, slots=True)
class ModelCheckpoints:
    """Model folders ``epoch-0010`` and so on; all are kept.

    Each is a whole model, joined, calibrated and with thresholds as the fit's last one. Its
    ``evaluation.json`` holds the epoch's `EpochScores`.

    Parameters
    ----------
    folder
        Where the model folders go.
    every
        Epochs from one to the next.
    """

    folder: Path
    every: int

    @classmethod
    def of(cls, recipe: Recipe, checkpoints: Path | None) -> Self | None:
        """Those that the recipe asks for, in the folder of a fit's checkpoints.

        Raises
        ------
        RecipeError
            If it asks for some and there is no folder.
        """
        every = recipe.training.checkpoint_every
        if every is None or not recipe.branches.semantic:
            return None
        if checkpoints is None:
            raise RecipeError(
                f"training.checkpoint_every = {every} leaves models in a folder: give checkpoints, "
                "or leave the setting out"
            )
        return cls(checkpoints / MODELS, every)

    def after_epoch(self, scores: EpochScores, model: Callable[[], Model]) -> None:
        """Write the model of an epoch, at once or not at all, if one is due.

        Raises
        ------
        InputError
            If this is the first epoch and later ones are there: they are of another training.
        """
        here = self.folder / f"epoch-{scores.epoch:04d}"
        others = sorted(path for path in self.folder.glob("epoch-*") if path != here)
        if scores.epoch == 1 and others:
            raise InputError(
                f"{others[0]} is from another training: give another checkpoints folder or remove "
                f"{self.folder}"
            )
        if scores.epoch % self.every == 0:
            fitted, told = model(), asdict(scores)
            card = model_card(fitted.recipe.as_dict(), fitted.train_films, None, epoch=told)
            save_model(fitted, here, evaluation=told, card=card)
