from dataclasses import asdict, fields
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from plotgenre import Recipe
from plotgenre.errors import RecipeError
from plotgenre.learning.losses import LOSSES, build_loss, initial_logits, pos_weight
from plotgenre.learning.settings import TrainingSettings

Y = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)

# Ten films; genre a has five of them and log-odds 0, genre b has two and log-odds -log 4.
SHARES = np.zeros((10, 2), dtype=bool)
SHARES[:5, 0] = SHARES[:2, 1] = True

# For each setting of a loss: the loss that reads it, and a value that is not the default.
READ_BY = {
    "pos_weight_cap": ("weighted_bce", 2.0),
    "focal_gamma": ("focal", 1.0),
    "asymmetric_gamma_pos": ("asymmetric", 1.0),
    "asymmetric_gamma_neg": ("asymmetric", 2.0),
    "asymmetric_shift": ("asymmetric", 0.2),
    "balanced_alpha": ("distribution_balanced", 0.5),
    "balanced_beta": ("distribution_balanced", 3.0),
    "balanced_mu": ("distribution_balanced", 0.3),
    "balanced_lambda": ("distribution_balanced", 5.0),
    "balanced_kappa": ("distribution_balanced", 0.2),
    "logit_adjustment_tau": ("logit_adjustment", 0.5),
}
NO_BALANCING = {"balanced_alpha": 0.5, "balanced_beta": 0, "balanced_lambda": 1}
EDGES = [
    *[{"loss": name} for name in LOSSES],
    {"loss": "focal", "focal_gamma": 0.01},
    {"loss": "focal", "focal_gamma": 50},
    {"loss": "asymmetric", "asymmetric_gamma_neg": 0.5, "asymmetric_shift": 0.05},
    {"loss": "asymmetric", "asymmetric_gamma_neg": 0, "asymmetric_shift": 0.999},
    {"loss": "distribution_balanced", "balanced_beta": 1e4, "balanced_lambda": 100},
    {"loss": "distribution_balanced", **NO_BALANCING},
]


def logits_of(*probabilities: float) -> torch.Tensor:
    p = torch.tensor([probabilities], dtype=torch.float64)
    return torch.log(p / (1 - p))


def random_films(films: int = 40) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Train targets of five genres, one of them without films; logits and targets to compare."""
    rng = np.random.default_rng(0)
    train = rng.random((200, 5)) < [0.5, 0.2, 0.05, 0.02, 0]
    logits = torch.from_numpy(rng.normal(0, 3, (films, 5)))
    return train, logits, torch.from_numpy((rng.random((films, 5)) < 0.3).astype(np.float64))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_computed_where_the_logits_are(name):
    """On torch's device without numbers, which refuses tensors of another as any other does."""
    loss = build_loss(TrainingSettings(loss=name), Y)
    logits, targets = torch.zeros(2, 3, device="meta"), torch.zeros(2, 3, device="meta")
    assert loss(logits, targets).device.type == "meta"
    with pytest.raises(RuntimeError):
        loss(logits, torch.zeros(2, 3)) + torch.zeros(3)


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


@pytest.mark.parametrize("gamma_of", ["focal_gamma", "asymmetric_gamma_pos"])
def test_focal_by_hand(gamma_of):
    # Both have p = 3/4. Positive: (1/4)^2 * -log(3/4) = 0.0625 * 0.2876821 = 0.0179801.
    # Negative: (3/4)^2 * -log(1/4) = 0.5625 * 1.3862944 = 0.7797906. Mean 0.3988853.
    both = {"loss": "focal", "focal_gamma": 2}
    if gamma_of == "asymmetric_gamma_pos":
        both = {"loss": "asymmetric", "asymmetric_gamma_pos": 2, "asymmetric_gamma_neg": 2}
        both |= {"asymmetric_shift": 0}
    loss = build_loss(TrainingSettings(**both), Y)
    found = loss(logits_of(0.75, 0.75), torch.tensor([[1.0, 0.0]]))
    assert found.item() == pytest.approx(0.3988853, abs=1e-7)


def test_asymmetric_by_hand():
    # Positive, p = 3/4: (1/4)^1 * -log(3/4) = 0.0719205.
    # Negative, p = 3/4, p_m = 1/2: (1/2)^2 * -log(1/2) = 0.1732868.
    # Negative, p = 1/5 < m: p_m = 0, so 0. Mean 0.0817358.
    gammas = {"asymmetric_gamma_pos": 1, "asymmetric_gamma_neg": 2}
    settings = TrainingSettings(loss="asymmetric", asymmetric_shift=0.25, **gammas)
    logits = logits_of(0.75, 0.75, 0.2).requires_grad_()
    found = build_loss(settings, Y)(logits, torch.tensor([[1.0, 0.0, 0.0]]))
    assert found.item() == pytest.approx(0.0817358, abs=1e-7)
    found.backward()
    assert logits.grad[0].ne(0).tolist() == [True, True, False]


def test_a_shift_forgives_the_surest_errors():
    # A negative with p = 1: p_m = 0.95, loss 0.95^4 * -log 0.05 = 0.8145063 * 2.9957323.
    loss = build_loss(TrainingSettings(loss="asymmetric"), Y)
    found = loss(torch.tensor([[1e4]]), torch.tensor([[0.0]]))
    assert found.item() == pytest.approx(2.4400427, rel=1e-5)


def test_distribution_balanced_by_hand():
    # n_a = 5, n_b = 2. Film 1 has both: 1/5 + 1/2 = 7/10, r_a = 2/7, r_b = 5/7.
    # Film 2 has a alone: r_a = 1, r_b = 5/2. With alpha 0.1, beta 1, mu 1 the weights are
    # 0.1 + sigmoid(-5/7) = 0.4286525, 0.1 + sigmoid(-2/7) = 0.5290534,
    # 0.1 + sigmoid(0) = 0.6, 0.1 + sigmoid(3/2) = 0.9175745.
    # Log-odds 0 and -log 4, kappa 1/2: v_a = 0, v_b = log 2. With u = l - v and lambda 2:
    # film 1: a positive, u = 0: log 2 = 0.6931472; b positive, u = log 3: log(4/3) = 0.2876821;
    # film 2: a positive, u = -log 3: log 4 = 1.3862944;
    #         b negative, u = log 3: (1/2) log(1 + 9) = 1.1512925.
    # Sum 0.2971193 + 0.1521992 + 0.8317766 + 1.0563967 = 2.3374918, mean 0.5843729.
    settings = {"balanced_alpha": 0.1, "balanced_beta": 1, "balanced_mu": 1}
    settings |= {"balanced_lambda": 2, "balanced_kappa": 0.5}
    loss = build_loss(TrainingSettings(loss="distribution_balanced", **settings), SHARES)
    two, three = np.log(2), np.log(3)
    logits = torch.tensor([[0, two + three], [-three, two + three]])
    found = loss(logits, torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    assert found.item() == pytest.approx(0.5843729, abs=1e-6)


@pytest.mark.parametrize(("beta", "weight"), [(10, 1.1), (0, 0.6)])
def test_a_film_without_genres_has_the_highest_weight(beta, weight):
    settings = {"balanced_beta": beta, "balanced_lambda": 1, "balanced_kappa": 0}
    loss = build_loss(TrainingSettings(loss="distribution_balanced", **settings), SHARES)
    found = loss(torch.zeros(1, 2), torch.zeros(1, 2))
    assert found.item() == pytest.approx(weight * np.log(2))


def test_logit_adjustment_by_hand():
    # Log-odds 0 and -log 4, so logits of 0 become 0 and -log 4.
    # Positives: log(1 + 1) + log(1 + 4) = log 10. Negatives: log(1 + 1) + log(1 + 1/4) = log 2.5.
    loss = build_loss(TrainingSettings(loss="logit_adjustment"), SHARES)
    zeros = torch.zeros(1, 2)
    assert loss(zeros, torch.ones(1, 2)).item() == pytest.approx(np.log(10) / 2)
    assert loss(zeros, zeros).item() == pytest.approx(np.log(2.5) / 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "focal", "focal_gamma": 0},
        {"loss": "asymmetric", "asymmetric_gamma_neg": 0, "asymmetric_shift": 0},
        {"loss": "distribution_balanced", "balanced_kappa": 0, **NO_BALANCING},
        {"loss": "logit_adjustment", "logit_adjustment_tau": 0},
        # kappa alone lets the loss supply part of the log-odds, as tau does.
        {"loss": "distribution_balanced", "balanced_kappa": 0.3, **NO_BALANCING},
    ],
    ids=lambda settings: f"{settings['loss']}-{settings.get('balanced_kappa', 0)}",
)
def test_switched_off_each_is_bce(settings):
    train, logits, targets = random_films()
    plain = TrainingSettings()
    if settings.get("balanced_kappa"):
        plain = TrainingSettings(loss="logit_adjustment", logit_adjustment_tau=0.3)
    expected = build_loss(plain, train)(logits, targets).item()
    found = build_loss(TrainingSettings(**settings), train)(logits, targets).item()
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", READ_BY)
def test_every_setting_is_read_by_its_loss_alone(name):
    own, value = READ_BY[name]
    train, logits, targets = random_films()
    for loss in LOSSES:
        plain, changed = TrainingSettings(loss=loss), TrainingSettings(loss=loss, **{name: value})
        before, after = (build_loss(s, train)(logits, targets).item() for s in (plain, changed))
        assert (before != after) == (loss == own), loss


def test_no_setting_of_a_loss_is_left_out():
    known = {"optimizer", "learning_rate", "learning_rate_schedule", "weight_decay", "batch_size"}
    known |= {"max_epochs", "patience", "monitor", "loss", "checkpoint_every", "seed", "device"}
    assert {field.name for field in fields(TrainingSettings)} - known == set(READ_BY)


@pytest.mark.parametrize("settings", EDGES, ids=str)
def test_gradients_are_right(settings):
    train, logits, targets = random_films(8)
    loss = build_loss(TrainingSettings(**settings), train)
    assert torch.autograd.gradcheck(lambda given: loss(given, targets), logits.requires_grad_())


@pytest.mark.parametrize("settings", EDGES, ids=str)
def test_any_logit_has_a_finite_loss_and_a_gradient_towards_its_target(settings):
    train, _, _ = random_films()
    tails = [1e4, 200, 104, 90, 87.4, 30, 17, 1, 1e-3, 1e-30]
    column = torch.tensor([*tails, 0.0, *[-tail for tail in tails]])[:, None]
    # A film's other genres are kept from it: whether it has all or none, alone or beside others.
    logits = column.repeat(1, 5)
    for targets in (torch.zeros(21, 5), torch.ones(21, 5), torch.eye(5)[[0, 1, 2, 3, 4] * 4 + [0]]):
        given = logits.clone().requires_grad_()
        found = build_loss(TrainingSettings(**settings), train)(given, targets)
        found.backward()
        assert torch.isfinite(found)
        assert found >= 0
        assert torch.isfinite(given.grad).all()
        assert (given.grad * (1 - 2 * targets) >= 0).all()


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_an_adjusted_loss_starts_where_its_genres_shares_are_met(tau):
    settings = TrainingSettings(loss="logit_adjustment", logit_adjustment_tau=tau)
    start = initial_logits(settings, SHARES)
    np.testing.assert_allclose(start, [0, (tau - 1) * np.log(4)], atol=1e-12)
    logits = torch.from_numpy(start).repeat(10, 1).requires_grad_()
    build_loss(settings, SHARES)(logits, torch.from_numpy(SHARES.astype(np.float64))).backward()
    np.testing.assert_allclose(logits.grad.sum(dim=0), 0, atol=1e-7)


def test_other_losses_start_from_the_genres_log_odds():
    # Tau is not theirs to read.
    for loss in set(LOSSES) - {"logit_adjustment"}:
        settings = TrainingSettings(loss=loss, logit_adjustment_tau=0.5)
        np.testing.assert_allclose(initial_logits(settings, SHARES), [0, -np.log(4)], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("focal_gamma", -0.1),
        ("asymmetric_gamma_pos", -1),
        ("asymmetric_gamma_neg", float("inf")),
        ("asymmetric_shift", 1),
        ("balanced_alpha", -0.1),
        ("balanced_beta", -1),
        ("balanced_mu", float("nan")),
        ("balanced_lambda", 0.9),
        ("balanced_kappa", -0.1),
        ("logit_adjustment_tau", -1),
    ],
)
def test_settings_of_losses_out_of_range_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        TrainingSettings(**{name: value})


def test_recipes_of_before_are_still_read():
    settings = asdict(TrainingSettings())
    for name in set(READ_BY) - {"pos_weight_cap"}:
        del settings[name]
    settings |= {"loss": "weighted_bce", "pos_weight_cap": 7.0}
    recipe = Recipe.from_dict({"training": settings})
    assert recipe.training == TrainingSettings(loss="weighted_bce", pos_weight_cap=7)
