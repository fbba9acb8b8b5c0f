"""Devices by name, and chance on them; other devices than the processor are stood in for."""

import pytest
import torch

from plotgenre.devices import seeded, torch_device
from plotgenre.errors import RecipeError


@pytest.fixture(params=[(), ("cuda",), ("mps",), ("cuda", "mps")], ids=str)
def there(request, monkeypatch):
    """Torch on a machine of these devices: what it would say, for nothing runs on them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in request.param)
    return [*request.param, "cpu"]


def test_auto_is_the_first_that_is_there(there):
    assert torch_device("auto", "training.device").type == there[0]


@pytest.mark.parametrize("name", ["cpu", "cuda", "mps"])
def test_what_is_there_is_taken_and_what_is_not_is_refused(there, name):
    if name in there:
        assert torch_device(name, "training.device") == torch.device(name)
        return
    with pytest.raises(RecipeError) as refused:
        torch_device(name, "training.device")
    assert str(refused.value) == (
        f"training.device is {name!r}, a device that torch does not have here; "
        f"expected auto or {' or '.join(there)}"
    )


class Generator:
    """A device's own generator, as torch.cuda and torch.mps offer it."""

    def __init__(self):
        self.state = 5

    def manual_seed(self, seed):
        self.state = seed

    def get_rng_state(self):
        return self.state

    def set_rng_state(self, state):
        self.state = state


def test_chance_begins_at_the_seed_and_is_put_back(monkeypatch):
    generator = Generator()
    monkeypatch.setattr(torch, "mps", generator)
    before, drawn = torch.get_rng_state(), []
    for device in ("cpu", "mps"):
        with seeded(torch.device(device), 7):
            drawn.append(torch.rand(3).tolist())
            assert generator.state == (5 if device == "cpu" else 7)
    assert drawn[0] == drawn[1]
    assert generator.state == 5
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyboardInterrupt), seeded(torch.device("mps"), 7):
        raise KeyboardInterrupt
    assert generator.state == 5
