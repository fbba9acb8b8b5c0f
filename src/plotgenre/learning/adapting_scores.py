"""Scores of validation films between the steps of an adaptation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from plotgenre.errors import RecipeError
from plotgenre.learning.adapting_log import ValidationScores
from plotgenre.learning.thresholds import best_micro_f1


def validation_scores(logits: Tensor, Y: npt.NDArray[np.bool_]) -> ValidationScores:
    """Scores of films by their logits (n, g) and targets (n, g).

    Raises
    ------
    RecipeError
        If a logit is no longer finite.
    """
    if not bool(torch.isfinite(logits).all()):
        raise RecipeError("adapting diverged: a validation film's logit is no longer finite")
    targets = torch.from_numpy(Y).to(logits.device).float()
    loss = nn.functional.binary_cross_entropy_with_logits(logits, targets).item()
    P = torch.sigmoid(logits).cpu().numpy()
    supported = Y.any(axis=0)
    precision = average_precision_score(Y[:, supported], P[:, supported])
    return ValidationScores(loss, best_micro_f1(P, Y), float(precision))
