import pytest
from pydantic import ValidationError

from plotgenre.learning.adapting_rates import FULL_RATE, parameter_groups, rate_share
from plotgenre.learning.adapting_settings import AdaptingSettings


def test_a_line_by_hand():
    settings = AdaptingSettings(warmup=0.2, schedule="linear")
    shares = [rate_share(step, 10, settings) for step in range(10)]
    expected = [0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert shares == pytest.approx(expected)


def test_a_cosine_by_hand():
    settings = AdaptingSettings(warmup=0.0, schedule="cosine")
    shares = [rate_share(step, 4, settings) for step in range(4)]
    assert shares == pytest.approx([1, 0.5 + 0.5 * 2**-0.5, 0.5, 0.5 - 0.5 * 2**-0.5])


@pytest.mark.parametrize("warmup", [0.0, 0.5, 0.99])
def test_one_step_has_a_rate(warmup):
    assert 0 < rate_share(0, 1, AdaptingSettings(warmup=warmup)) <= 1


def test_layers_by_hand():
    torch = pytest.importorskip("torch")
    shapes = {"embedding": (3, 2), "0.weight": (2, 2), "0.bias": (2,), "1.weight": (2, 2)}
    depths = {"embedding": 0, "0.weight": 1, "0.bias": 1, "1.weight": 2}
    named = {name: torch.nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()}
    head = [torch.nn.Parameter(torch.zeros(4, 2)), torch.nn.Parameter(torch.zeros(4))]
    settings = AdaptingSettings(
        learning_rate=0.1, layer_decay=0.5, head_learning_rate=0.3, weight_decay=0.2
    )

    def found() -> dict[int, tuple[float, float]]:
        groups = parameter_groups(named.items(), head, depths, settings)
        return {
            id(parameter): (group[FULL_RATE], group["weight_decay"])
            for group in groups
            for parameter in group["params"]
        }

    expected = {
        "embedding": (0.025, 0.2),
        "0.weight": (0.05, 0.2),
        "0.bias": (0.05, 0.0),
        "1.weight": (0.1, 0.2),
    }
    of_head = {id(head[0]): (0.3, 0.2), id(head[1]): (0.3, 0.0)}
    assert found() == {id(named[name]): rates for name, rates in expected.items()} | of_head
    named["embedding"].requires_grad_(False)
    assert id(named["embedding"]) not in found()


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0}, {"films": 0}, {"slices": 0}, {"layer_decay": 0}, {"layer_decay": 1.1},
        {"warmup": 1}, {"schedule": "step"}, {"loss_on": "genre"}, {"dropout": 1}, {"ema": 1},
        {"clip": float("inf")}, {"frozen_layers": -1}, {"steps": 0}, {"colour": "red"},
    ],
)  # fmt: skip
def test_values_out_of_range(wrong):
    with pytest.raises((ValidationError, TypeError)):
        AdaptingSettings(**wrong)
