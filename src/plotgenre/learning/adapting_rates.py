"""Step sizes of an adaptation: by layer, and over the planned steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from plotgenre.learning.adapting_settings import AdaptingSettings

if TYPE_CHECKING:
    from torch import nn

FULL_RATE = "full_rate"
"""Key of a parameter group's highest step size, of which `rate_share` gives the share."""


def rate_share(step: int, steps: int, settings: AdaptingSettings) -> float:
    """Share of the highest step size in step ``step`` of ``steps``, counted from 0.

    Rises over the first ``warmup`` of the steps, then falls along a line or half a cosine, and
    would be 0 in the step after the last.
    """
    rising = round(settings.warmup * steps)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(steps - rising, 1)
    return 1 - done if settings.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))


def parameter_groups(
    encoder: Iterable[tuple[str, nn.Parameter]],
    head: Iterable[nn.Parameter],
    depths: Mapping[str, int],
    settings: AdaptingSettings,
) -> list[dict[str, Any]]:
    """The optimizer's groups: one per layer and kind of tensor, the head's last.

    A layer that lies ``k`` below the highest has ``layer_decay ** k`` of the learning rate.
    Only matrices decay. Parameters that need no gradient are in no group.

    Parameters
    ----------
    encoder
        Its named parameters.
    head
        The parameters of the layer from vectors to genres.
    depths
        Layer of each of the encoder's parameters by name, 0 the lowest.
    """
    top = max(depths.values())
    named: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in encoder:
        if parameter.requires_grad:
            rate = settings.learning_rate * settings.layer_decay ** (top - depths[name])
            named.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    for parameter in head:
        key = (settings.head_learning_rate, parameter.ndim > 1)
        named.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": 0.0,
            FULL_RATE: rate,
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for (rate, decays), parameters in named.items()
    ]
