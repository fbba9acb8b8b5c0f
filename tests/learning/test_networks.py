import numpy as np
import pytest
import torch

from plotgenre.errors import InputError
from plotgenre.learning.heads import Head, HeadSettings, combine_slices, pool
from plotgenre.learning.networks import build_network, prior_biases
from plotgenre.learning.networks import combine_slices as combine_in_torch
from plotgenre.learning.priors import log_odds

KINDS = [
    *[
        HeadSettings(kind=kind, pooling=pooling, combine=combine, batch_norm=batch_norm)
        for kind, batch_norm in (("linear", False), ("mlp", False), ("mlp", True))
        for pooling in ("none", "mean", "max")
        for combine in ("mean", "max", "noisy_or")
    ],
    HeadSettings(kind="attention", attention_dim=7),
]


def inputs(bags):
    return torch.from_numpy(bags.vectors), torch.from_numpy(bags.sizes)


def name(settings: HeadSettings) -> str:
    norm = "-norm" if settings.batch_norm else ""
    return f"{settings.kind}{norm}-{settings.pooling}-{settings.combine}"


@pytest.mark.parametrize("settings", KINDS, ids=name)
def test_torch_and_numpy_agree(settings, make_bags):
    torch.manual_seed(0)
    bags = make_bags(200)
    network = build_network(settings, 12, np.linspace(-3, 1, 5, dtype=np.float32))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    # A few steps, so that BatchNorm's scale, shift and running figures are not the initial ones.
    for _ in range(10):
        optimizer.zero_grad()
        network(*inputs(pool(bags, settings))).square().mean().backward()
        optimizer.step()
    network.eval()
    head = Head(settings, 12, 5, network.export())
    head.check()
    with torch.no_grad():
        expected = network(*inputs(pool(bags, settings))).numpy()
    np.testing.assert_allclose(head.logits(bags), expected, rtol=1e-5, atol=1e-5)


def test_an_exported_head_is_a_copy():
    network = build_network(HeadSettings(), 12, np.zeros(5, np.float32))
    tensors = network.export()
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert all((tensors[name] == before[name]).all() for name in before)


def test_the_origins_network_layer_by_layer():
    network = build_network(HeadSettings(batch_norm=True), 768, np.zeros(356, np.float32))
    assert (network.hidden.in_features, network.hidden.out_features) == (768, 562)
    assert isinstance(network.norm, torch.nn.BatchNorm1d)
    assert network.dropout.p == 0.2
    assert network.output.out_features == 356


@pytest.mark.parametrize("how", ["mean", "max", "noisy_or"])
def test_gradients_of_combining_are_right(how):
    torch.manual_seed(0)
    logits = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    sizes = torch.tensor([1, 3, 2])
    assert torch.autograd.gradcheck(lambda given: combine_in_torch(given, sizes, how), logits)


def test_noisy_or_and_its_gradient_are_finite_in_both_tails():
    logits = torch.tensor([-1e6, -1e6, -79.0, 0.0, 90.0, 1e6])[:, None].requires_grad_()
    offsets = np.array([0, 2, 3, 5, 6])
    found = combine_in_torch(logits, torch.from_numpy(np.diff(offsets)), "noisy_or")
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[2, 0].item() == pytest.approx(1, rel=1e-3)
    expected = combine_slices(logits.detach().numpy(), offsets, "noisy_or")
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-5)


def test_prior_biases_are_log_odds_and_stay_finite():
    Y = np.zeros((10, 3), dtype=bool)
    Y[:2, 1] = True
    Y[:, 2] = True
    biases = prior_biases(log_odds(Y), "mean", 4)
    np.testing.assert_allclose(biases, np.log([0.05 / 0.95, 0.2 / 0.8, 0.95 / 0.05]), rtol=1e-5)


def test_prior_biases_of_noisy_or_add_up_over_slices():
    Y = np.arange(10)[:, None] < 3
    biases = prior_biases(log_odds(Y), "noisy_or", 4)
    film = combine_slices(np.repeat(biases[None], 4, axis=0), np.array([0, 4]), "noisy_or")
    assert film[0, 0] == pytest.approx(np.log(0.3 / 0.7), abs=1e-5)


def test_a_network_without_genres_is_refused():
    with pytest.raises(InputError, match="12 dimensions, 0 genres"):
        build_network(HeadSettings(), 12, np.zeros(0, np.float32))
