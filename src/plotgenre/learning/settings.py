"""How a head is trained; read by recipes, so nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.devices import Device
from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.sampling import SamplingSettings

Monitor = Literal["validation_loss", "macro_average_precision", "micro_f1"]
LossName = Literal[
    "bce", "weighted_bce", "focal", "asymmetric", "distribution_balanced", "logit_adjustment"
]
Exponent = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """How a head is trained.

    Parameters
    ----------
    optimizer
        ``adam`` adds ``weight_decay`` to the gradient, ``adamw`` decays the weights themselves;
        without any they are the same.
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
        Which validation score makes an epoch the best; what each is stands in `EpochScores`.
    loss
        Of the semantic branch: the lexical one has ``pos_weight_cap``. A name in
        ``losses.LOSSES``, which says what each is and where it comes from. With any but
        ``bce`` a probability is no longer a genre's share among like films, so thresholds must be
        tuned. ``logit_adjustment`` gives the probabilities of a world where genres are equally
        common: tune one threshold a genre (``thresholds.scope`` ``micromacro`` or ``per_genre``),
        as a single one favours rare genres there.
    pos_weight_cap
        ``weighted_bce``: how many times a positive may outweigh a negative, at most.
    focal_gamma
        ``focal``: how strongly well-classified targets are played down; 0 is ``bce``.
    asymmetric_gamma_pos, asymmetric_gamma_neg
        ``asymmetric``: the same for positives and for negatives.
    asymmetric_shift
        ``asymmetric``: a negative with at most this probability counts as right, in [0, 1).
    balanced_alpha, balanced_beta, balanced_mu
        ``distribution_balanced``: the least weight of a target, how steeply weights rise from it
        to one more, and at which rebalancing ratio they are halfway; 0.5, 0 and any is no
        rebalancing.
    balanced_lambda
        ``distribution_balanced``: how much sooner a negative counts as settled; 1 is no sooner.
    balanced_kappa
        ``distribution_balanced``: share of a genre's log-odds that the loss itself supplies.
    logit_adjustment_tau
        ``logit_adjustment``: share of a genre's log-odds that the loss itself supplies; 1 aims at
        the balanced error, 0 is ``bce``.
    checkpoint_every
        Every so many epochs the model as it then is stays behind, in a model folder of its own,
        see `model.checkpoints`; ``None`` leaves none. Needs a folder for checkpoints.
    seed
        Fixes resampling, initial weights, shuffling and dropout.
    device
        Where the head is trained: ``cpu``, ``cuda`` or ``mps``; ``auto`` is the first of cuda, mps
        and cpu that torch has. Checkpoints go on on any device.

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
    loss: LossName = "bce"
    pos_weight_cap: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 20.0
    focal_gamma: Exponent = 2.0
    asymmetric_gamma_pos: Exponent = 0.0
    asymmetric_gamma_neg: Exponent = 4.0
    asymmetric_shift: Annotated[float, Field(ge=0, lt=1)] = 0.05
    balanced_alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    balanced_beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    balanced_mu: Annotated[float, Field(allow_inf_nan=False)] = 0.9
    balanced_lambda: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    balanced_kappa: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    logit_adjustment_tau: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    device: Device = "auto"


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
