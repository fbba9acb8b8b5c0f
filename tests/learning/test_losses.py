from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch

from plotgenre.errors import RecipeError
from plotgenre.learning.losses import LOSSES, build_loss, pos_weight
from plotgenre.learning.settings import TrainingSettings

Y = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)


def test_recipes_can_name_each_loss_and_no_other():
    assert set(get_args(get_type_hints(TrainingSettings)["loss"])) == set(LOSSES)


def test_an_unknown_loss_is_named():
    settings = TrainingSettings()
    object.__setattr__(settings, "loss", "hinge")
    with pytest.raises(RecipeError, match="'hinge', there are bce, weighted_bce"):
        build_loss(settings, Y)


def test_bce_by_hand():
    loss = build_loss(TrainingSettings(), Y)
    logits, targets = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    expected = (np.log(2) + 2 + np.log1p(np.exp(-2))) / 2
    assert loss(logits, targets).item() == pytest.approx(expected)


def test_bce_is_finite_where_a_sigmoid_would_round_to_zero():
    loss = build_loss(TrainingSettings(), Y)
    assert loss(torch.tensor([[-1e4]]), torch.tensor([[1.0]])).item() == pytest.approx(1e4)


def test_pos_weight_is_capped_and_survives_genres_without_films():
    assert pos_weight(Y, 20).tolist() == [0, 3, 20]
    assert pos_weight(Y, 2).tolist() == [0, 2, 2]


def test_weighted_bce_weighs_positives_alone():
    loss = build_loss(TrainingSettings(loss="weighted_bce"), Y)
    zeros = torch.zeros(1, 3)
    negatives = loss(zeros, torch.zeros(1, 3)).item()
    positive = loss(zeros, torch.tensor([[0.0, 1.0, 0.0]])).item()
    assert negatives == pytest.approx(np.log(2))
    assert positive == pytest.approx(np.log(2) * (1 + 3 + 1) / 3)
