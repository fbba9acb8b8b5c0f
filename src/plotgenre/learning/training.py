"""Training: labelled bags to a fitted head. Needs torch only once ``fit_head`` is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError, MissingExtraError, RecipeError
from plotgenre.learning.checkpoints import CheckpointFolder
from plotgenre.learning.heads import Head, pool
from plotgenre.learning.history import EpochScores, History
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.sampling import resample
from plotgenre.learning.settings import LearningSettings, TrainingSettings

if TYPE_CHECKING:
    from plotgenre.learning.run import TrainingRun

__all__ = [
    "EpochScores",
    "FittedHead",
    "History",
    "LearningSettings",
    "TrainingSettings",
    "fit_head",
]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head with the weights of its best epoch, and how it came to them."""

    head: Head
    history: History


def fit_head(
    bags: Bags,
    Y: npt.NDArray[np.generic],
    validation: tuple[Bags, npt.NDArray[np.generic]],
    settings: LearningSettings,
    *,
    checkpoints: Path | None = None,
    after_epoch: Callable[[Head, EpochScores], None] | None = None,
    progress: Callable[[EpochScores], None] | None = None,
) -> FittedHead:
    """Train a head on films and keep its best epoch on the validation films.

    On the processor the same arguments give the same weights, whatever the state of any global
    generator, which is left as it was; so does a run that was killed and is started again on its
    checkpoints. On other devices both hold but for rounding.

    Parameters
    ----------
    bags, Y
        Train films and their targets of shape (n, g), 0 or 1. A genre without a film is allowed.
    validation
        Bags and targets of the films that early stopping watches.
    settings
        Which head, how it is trained, and how the train films are resampled before. They are
        resampled as the head sees them: pooled first, where it pools.
    checkpoints
        Folder that this run saves to after each epoch and resumes from; None saves nothing.
    after_epoch
        Called after each epoch with the head as it then is and its scores, before the epoch's
        checkpoint is written: if the run is killed meanwhile, the epoch is done again.
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
        If ``batch_norm`` meets batches of one film, training diverges, resampling leaves none, or
        torch does not have the device.
    MissingExtraError
        If torch or scikit-learn is not installed.
    """
    train, held_out = _checked(bags, Y, validation)
    head, training = settings.head, settings.training
    folder = None
    if checkpoints is not None:
        folder = CheckpointFolder(checkpoints, _identity(train, held_out, settings), History)
    pooled = LabelledBags(pool(train.bags, head), train.Y)
    seen = resample(pooled, settings.sampling, training.seed)
    if head.batch_norm and min(training.batch_size, len(seen)) < 2:
        raise RecipeError("batch_norm needs batches of at least two films")
    run = _run(seen, LabelledBags(pool(held_out.bags, head), held_out.Y), settings)
    if folder is not None and (checkpoint := folder.latest()) is not None:
        run.resume(checkpoint)

    def head_of(tensors: Mapping[str, npt.NDArray[np.float32]]) -> Head:
        return Head(head, bags.dimension, train.Y.shape[1], tensors)

    while not run.finished:
        scores = run.next_epoch()
        if after_epoch is not None:
            after_epoch(head_of(run.network.export()), scores)
        if folder is not None:
            folder.save(run.checkpoint())
        if progress is not None:
            progress(scores)
    return FittedHead(head_of(run.export()), run.history)


def _run(train: LabelledBags, validation: LabelledBags, settings: LearningSettings) -> TrainingRun:
    try:
        from plotgenre.learning.run import TrainingRun
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("torch", "sklearn"):
            raise MissingExtraError("Training", "train") from error
        raise
    return TrainingRun(train, validation, settings.head, settings.training)


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
    train: LabelledBags, validation: LabelledBags, settings: LearningSettings
) -> dict[str, Any]:
    identity: dict[str, Any] = {
        f"{part}.{name}": value
        for part, values in asdict(settings).items()
        for name, value in values.items()
    }
    # It may go on elsewhere.
    del identity["training.device"]
    for name, films in (("train", train), ("validation", validation)):
        identity[f"{name}.films"], identity[f"{name}.genres"] = films.Y.shape
        identity[f"{name}.slices"], identity[f"{name}.dimension"] = films.bags.vectors.shape
        identity[f"{name}.digest"] = films.digest()
    return identity
