"""How a head is trained; read by recipes, so nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.sampling import SamplingSettings

Monitor = Literal["validation_loss", "macro_average_precision"]


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """How a head is trained.

    Parameters
    ----------
    optimizer
        ``adam`` adds ``weight_decay`` to the gradient, ``adamw`` decays the weights themselves.
    learning_rate
        Step size of the first epoch.
    learning_rate_schedule
        ``constant``, or ``cosine``: falls to nearly 0 along half a cosine over ``max_epochs``.
    weight_decay
        L2 strength, as the optimizer reads it.
    batch_size
        Films per step.
    max_epochs
        Passes over the train films, at most.
    patience
        Stop after this many epochs without a new best one.
    monitor
        Which validation score makes an epoch the best.
    loss
        A name in ``losses.LOSSES``.
    pos_weight_cap
        ``weighted_bce``: how many times a positive may outweigh a negative, at most.
    checkpoint_every
        Epochs between checkpoints, where a folder for them is given.
    seed
        Fixes resampling, initial weights, shuffling and dropout.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    batch_size: Annotated[int, Field(ge=1)] = 64
    max_epochs: Annotated[int, Field(ge=1)] = 100
    patience: Annotated[int, Field(ge=1)] = 5
    monitor: Monitor = "macro_average_precision"
    loss: Literal["bce", "weighted_bce"] = "bce"
    pos_weight_cap: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 20.0
    checkpoint_every: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """All that turns train films into a fitted head.

    Parameters
    ----------
    head
        Which head.
    training
        How it is trained.
    sampling
        How the train films are resampled before.
    """

    head: HeadSettings = field(default_factory=HeadSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
