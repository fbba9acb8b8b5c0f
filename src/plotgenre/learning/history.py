"""What a training said of itself, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from plotgenre.errors import ArtefactError


@dataclass(frozen=True, slots=True)
class EpochScores:
    """One epoch.

    Parameters
    ----------
    epoch
        Counted from 1.
    train_loss
        Mean over the epoch's films, each scored with dropout, before its batch's step.
    validation_loss
        Mean over all validation films and genres, without dropout, after the epoch's last step.
    macro_average_precision
        Average precision over all validation films, averaged over the genres that have any there.
    seconds
        Wall time of the epoch, validation included.
    micro_f1
        Over all validation films and genres, at the one threshold that is best on these very
        films, so a little too high; 0 where no threshold finds more than chance would. ``None``
        in histories of versions that did not score it.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    macro_average_precision: float
    seconds: float
    micro_f1: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All epochs of a training, in order, and the one whose weights were kept (0: none yet)."""

    epochs: tuple[EpochScores, ...] = ()
    best_epoch: int = 0

    @property
    def position(self) -> int:
        """What numbers a checkpoint: epochs so far."""
        return len(self.epochs)

    @property
    def overfitting_after(self) -> int | None:
        """The epoch of the lowest validation loss, where overfitting follows it.

        That is where the last epoch has a higher validation loss and a lower train loss than that
        epoch; of several equally low ones the first counts. ``None`` where it was not reached.
        """
        if not self.epochs:
            return None
        lowest, last = min(self.epochs, key=lambda one: one.validation_loss), self.epochs[-1]
        overfits = (
            last.validation_loss > lowest.validation_loss and last.train_loss < lowest.train_loss
        )
        return lowest.epoch if overfits else None

    def as_dict(self) -> dict[str, Any]:
        """The history as JSON has it."""
        return {
            "best_epoch": self.best_epoch,
            "overfitting_after": self.overfitting_after,
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }

    @classmethod
    def from_dict(cls, history: Mapping[str, Any]) -> History:
        """The history that ``as_dict`` wrote, of an earlier version too.

        Raises
        ------
        ArtefactError
            If a field is missing or unknown.
        """
        try:
            epochs = tuple(EpochScores(**epoch) for epoch in history["epochs"])
            return cls(epochs, int(history["best_epoch"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"this is not a training history: {error}") from error
