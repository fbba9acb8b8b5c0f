import pytest

from plotgenre.learning.adapting_rates import rate_share
from plotgenre.learning.adapting_settings import AdaptingSettings


def test_step_sizes_rise_and_fall_along_a_line():
    settings = AdaptingSettings(warmup=0.2, schedule="linear")
    shares = [rate_share(step, 10, settings) for step in range(10)]
    # Two steps of rising, then from 1 to 1/8 in eight steps.
    assert shares == pytest.approx([0.5, 1.0, 1.0, *(1 - k / 8 for k in range(1, 8))])


def test_half_a_cosine_is_halfway_in_the_middle():
    settings = AdaptingSettings(warmup=0.0, schedule="cosine")
    assert rate_share(0, 10, settings) == 1
    assert rate_share(5, 10, settings) == pytest.approx(0.5)


def test_lower_layers_take_smaller_steps():
    torch = pytest.importorskip("torch")
    from plotgenre.learning.adapting_rates import FULL_RATE, parameter_groups

    def parameter(*shape):
        return torch.nn.Parameter(torch.zeros(shape))

    encoder = [("low", parameter(2, 2)), ("top", parameter(2, 2)), ("top.bias", parameter(2))]
    frozen = parameter(2, 2).requires_grad_(False)
    settings = AdaptingSettings(
        learning_rate=0.1, layer_decay=0.5, head_learning_rate=1.0, weight_decay=0.3
    )
    depths = {"low": 0, "top": 2, "top.bias": 2, "frozen": 1}
    groups = parameter_groups([*encoder, ("frozen", frozen)], [parameter(3, 2)], depths, settings)
    found = [(g[FULL_RATE], g["weight_decay"]) for g in groups]
    # Two below the highest layer is half of a half; the bias does not decay; nothing is frozen.
    assert found == [(0.025, 0.3), (0.1, 0.3), (0.1, 0.0), (1.0, 0.3)]
    assert all(p is not frozen for g in groups for p in g["params"])
