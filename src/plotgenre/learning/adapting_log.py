"""What an adaptation said of itself, evaluation by evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from plotgenre.errors import ArtefactError


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """Scores of the drawn validation films, each pooled over all its slices.

    Parameters
    ----------
    loss
        Mean over films and genres.
    micro_f1
        At the one threshold that is best on these very films, so a little too high.
    macro_average_precision
        Over the genres that any of the films has.
    """

    loss: float
    micro_f1: float
    macro_average_precision: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Where an adaptation stood at an evaluation.

    Parameters
    ----------
    step, steps
        Steps done, and planned.
    seconds
        Of training and evaluations up to then, interruptions left out.
    train_loss
        Mean over films and genres of the steps since the last evaluation or resumption;
        ``None`` before any.
    tokens_per_second
        Tokens trained on since then, without padding, by the time that their steps took.
    padding
        Share of what the encoder read since then that was padding.
    validation
        Scores on validation films.
    """

    step: int
    steps: int
    seconds: float
    train_loss: float | None
    tokens_per_second: float
    padding: float
    validation: ValidationScores


@dataclass(frozen=True, slots=True)
class AdaptingLog:
    """All evaluations in order, and what a resumed run must know beside its tensors.

    Parameters
    ----------
    step, steps
        Steps done, and planned; 0 planned steps: not planned yet.
    seconds
        Of training and evaluations so far.
    evaluations
        In order.
    """

    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    evaluations: tuple[Evaluated, ...] = ()

    @property
    def position(self) -> int:
        """What numbers a checkpoint."""
        return self.step

    def as_dict(self) -> dict[str, Any]:
        """The log as JSON has it."""
        return asdict(self) | {"evaluations": [asdict(one) for one in self.evaluations]}

    @classmethod
    def from_dict(cls, log: Mapping[str, Any]) -> AdaptingLog:
        """The log that ``as_dict`` wrote.

        Raises
        ------
        ArtefactError
            If a field is missing or unknown.
        """
        try:
            evaluations = tuple(
                Evaluated(**one | {"validation": ValidationScores(**one["validation"])})
                for one in log["evaluations"]
            )
            return cls(**{**log, "evaluations": evaluations})
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"this is not a log of an adaptation: {error}") from error
