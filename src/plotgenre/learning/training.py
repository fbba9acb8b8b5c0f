"""Training: labelled bags to a fitted head. Needs torch only once ``fit_head`` is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError, MissingExtraError, RecipeError
from plotgenre.learning.checkpoints import CheckpointFolder
from plotgenre.learning.heads import Head, HeadSettings, pool
from plotgenre.learning.history import EpochScores, History
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.settings import TrainingSettings

__all__ = ["EpochScores", "FittedHead", "History", "TrainingSettings", "fit_head"]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head with the weights of its best epoch, and how it came to them."""

    head: Head
    history: History


def fit_head(
    bags: Bags,
    Y: npt.NDArray[np.generic],
    validation: tuple[Bags, npt.NDArray[np.generic]],
    head: HeadSettings,
    training: TrainingSettings,
    *,
    checkpoints: Path | None = None,
    progress: Callable[[EpochScores], None] | None = None,
) -> FittedHead:
    """Train a head on films and keep its best epoch on the validation films.

    The same arguments give the same weights, whatever the state of any global generator, which is
    left as it was; so does a run that was killed and is started again on its checkpoints.

    Parameters
    ----------
    bags, Y
        Train films and their targets of shape (n, g), 0 or 1. A genre without a film is allowed.
    validation
        Bags and targets of the films that early stopping watches.
    head, training
        Which head, and how it is trained.
    checkpoints
        Folder that this run saves to and resumes from; None saves nothing.
    progress
        Called after each epoch with its scores, once its checkpoint is written.

    Returns
    -------
    FittedHead
        The head of the best epoch, and the history of all epochs.

    Raises
    ------
    InputError
        If bags and targets do not fit together, hold NaN, or validation has no positive target;
        or if ``checkpoints`` holds those of another run.
    RecipeError
        If ``batch_norm`` meets batches of one film, or training diverges.
    MissingExtraError
        If torch or scikit-learn is not installed.
    """
    train, held_out = _checked(bags, Y, validation)
    if head.batch_norm and min(training.batch_size, len(train)) < 2:
        raise RecipeError("batch_norm needs batches of at least two films")
    folder = None
    if checkpoints is not None:
        identity = _identity(train, held_out, head, training)
        folder = CheckpointFolder(checkpoints, identity, History)
    tensors, history = _train(
        LabelledBags(pool(train.bags, head), train.Y),
        LabelledBags(pool(held_out.bags, head), held_out.Y),
        (head, training),
        folder,
        progress,
    )
    return FittedHead(Head(head, bags.dimension, train.Y.shape[1], tensors), history)


def _train(
    train: LabelledBags,
    validation: LabelledBags,
    settings: tuple[HeadSettings, TrainingSettings],
    folder: CheckpointFolder[History] | None,
    progress: Callable[[EpochScores], None] | None,
) -> tuple[dict[str, npt.NDArray[np.float32]], History]:
    try:
        from plotgenre.learning.run import TrainingRun
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("torch", "sklearn"):
            raise MissingExtraError("Training", "train") from error
        raise
    run = TrainingRun(train, validation, *settings)
    if folder is not None and (checkpoint := folder.latest()) is not None:
        run.resume(checkpoint)
    while not run.finished:
        scores = run.next_epoch()
        due = scores.epoch % settings[1].checkpoint_every == 0 or run.finished
        if folder is not None and due:
            folder.save(run.checkpoint())
        if progress is not None:
            progress(scores)
    return run.export(), run.history


def _checked(
    bags: Bags,
    Y: npt.NDArray[np.generic],
    validation: tuple[Bags, npt.NDArray[np.generic]],
) -> tuple[LabelledBags, LabelledBags]:
    train = LabelledBags.checked("train", bags, Y)
    held_out = LabelledBags.checked("validation", *validation)
    for what, ours, theirs in (
        ("dimensions", bags.dimension, held_out.bags.dimension),
        ("genres", train.Y.shape[1], held_out.Y.shape[1]),
    ):
        if ours != theirs:
            raise InputError(f"train has {ours} {what} and validation has {theirs}")
    if not held_out.Y.any():
        raise InputError("no validation film has any genre, so no epoch can be told to be best")
    return train, held_out


def _identity(
    train: LabelledBags,
    validation: LabelledBags,
    head: HeadSettings,
    training: TrainingSettings,
) -> dict[str, Any]:
    identity: dict[str, Any] = {f"head.{name}": value for name, value in asdict(head).items()}
    identity |= {f"training.{name}": value for name, value in asdict(training).items()}
    # How often a run is saved does not change what it learns.
    del identity["training.checkpoint_every"]
    for name, films in (("train", train), ("validation", validation)):
        identity[f"{name}.films"], identity[f"{name}.genres"] = films.Y.shape
        identity[f"{name}.slices"], identity[f"{name}.dimension"] = films.bags.vectors.shape
        identity[f"{name}.digest"] = films.digest()
    return identity
