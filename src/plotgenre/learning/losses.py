"""Losses by name: how far film logits (b, g) are from targets (b, g)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.errors import RecipeError
from plotgenre.learning.settings import TrainingSettings

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and float targets, both (b, g), to the mean loss over films and genres, a scalar."""


def build_loss(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """The loss that the settings name, fitted to the train targets ``Y`` (n, g).

    Raises
    ------
    RecipeError
        If no loss has that name.
    """
    if settings.loss not in LOSSES:
        raise RecipeError(f"no loss is named {settings.loss!r}, there are {', '.join(LOSSES)}")
    return LOSSES[settings.loss](settings, Y)


def bce(_settings: TrainingSettings, _Y: npt.NDArray[np.bool_]) -> Loss:
    """Binary cross-entropy from logits, max(l, 0) - l y + log(1 + e^-|l|), safe at any logit."""
    return nn.functional.binary_cross_entropy_with_logits


def weighted_bce(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """Binary cross-entropy whose positives weigh as ``pos_weight`` says."""
    weights = torch.from_numpy(pos_weight(Y, settings.pos_weight_cap))

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)

    return loss


def pos_weight(Y: npt.NDArray[np.bool_], cap: float) -> npt.NDArray[np.float32]:
    """Films without a genre per film with it, shape (g,), at most ``cap``.

    The cap keeps a genre of a handful of films, whose ratio runs into the thousands, from
    drowning all others; a genre without films gets the cap.
    """
    positives = Y.sum(axis=0)
    ratios = (len(Y) - positives) / np.maximum(positives, 1)
    return np.where(positives > 0, np.minimum(ratios, cap), cap).astype(np.float32)


LOSSES: dict[str, Callable[[TrainingSettings, npt.NDArray[np.bool_]], Loss]] = {
    "bce": bce,
    "weighted_bce": weighted_bce,
}
