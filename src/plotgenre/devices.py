"""Devices: what torch computes on, by the name that settings give it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from plotgenre.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def torch_device(asked: Device, setting: str) -> torch.device:
    """The device that is asked for; ``auto`` is cuda, else mps, else cpu, as far as torch has them.

    Parameters
    ----------
    asked
        The device's name.
    setting
        Name of the setting that asks, for the message.

    Raises
    ------
    RecipeError
        If torch has no such device here.
    MissingExtraError
        If torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as missing:
        raise MissingExtraError("Training", "train") from missing

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    there = [*(name for name, is_there in available.items() if is_there), "cpu"]
    if asked == "auto":
        return torch.device(there[0])
    if asked not in there:
        raise RecipeError(
            f"{setting} is {asked!r}, a device that torch does not have here; "
            f"expected auto or {' or '.join(there)}"
        )
    return torch.device(asked)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Start the generators of the processor and the device at ``seed``; put them back afterwards.

    Generators of other devices are left alone.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if device.type == "cpu":
            yield
            return
        own = getattr(torch, device.type)
        before = own.get_rng_state()
        own.manual_seed(seed)
        try:
            yield
        finally:
            own.set_rng_state(before)
