"""The semantic branch: an embedder and a head; plots in, one logit per genre out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.branches.branch import CHUNK_FILMS, Labelled, Logits, Progress
from plotgenre.embedding.bags import Bags
from plotgenre.embedding.embedder import Embedder
from plotgenre.learning.heads import Head
from plotgenre.learning.history import EpochScores, History
from plotgenre.learning.settings import LearningSettings


@dataclass(frozen=True, slots=True, eq=False)
class SemanticBranch:
    """A fitted branch: plots -> slices -> vectors -> logits."""

    embedder: Embedder
    head: Head

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """One logit per film and genre, shape (n, g), float32."""
        return self.logits_of(self.embed(plots, progress))

    def embed(self, plots: Sequence[str], progress: Progress | None = None) -> Bags:
        """The slice vectors of the plots."""
        return self.embedder.embed(plots, progress.embedding if progress else None)

    def logits_of(self, bags: Bags) -> Logits:
        """What `logits` gives, of plots that are embedded already."""
        logits = np.empty((len(bags), self.head.n_genres), dtype=np.float32)
        for at in range(0, len(bags), CHUNK_FILMS):
            rows = np.arange(at, min(at + CHUNK_FILMS, len(bags)))
            logits[rows] = self.head.logits(bags.take(rows))
        return logits

    def tensors(self) -> Mapping[str, npt.NDArray[np.float32]]:
        """What the branch has learned, by name."""
        return self.head.tensors


def fit_semantic(
    embedder: Embedder,
    train: Labelled,
    validation: Labelled,
    settings: LearningSettings,
    *,
    checkpoints: Path | None = None,
    after_epoch: Callable[[SemanticBranch, Bags, EpochScores], None] | None = None,
    progress: Progress | None = None,
) -> tuple[SemanticBranch, Bags, History]:
    """Embed both sides and fit a head on train, stopped early by validation.

    Parameters
    ----------
    embedder
        Cuts and encodes; with a store, an interrupted call resumes.
    train, validation
        Plots (n) and targets (n, g).
    settings
        The head's, the training's and the sampling's; only train is resampled.
    checkpoints
        Folder of checkpoints that an interrupted training resumes from.
    after_epoch
        Called after each epoch, as `fit_head` does, with the branch as it then is and the
        validation films' slice vectors.
    progress
        Whom to tell.

    Returns
    -------
    tuple
        The branch of the best epoch, the validation films' slice vectors, and the history.
    """
    from plotgenre.learning.training import fit_head

    progress = progress or Progress()
    bags = embedder.embed([*train[0], *validation[0]], progress.embedding)
    rows = np.arange(len(bags))
    held_out = bags.take(rows[len(train[0]) :])

    def heard(head: Head, scores: EpochScores) -> None:
        if after_epoch is not None:
            after_epoch(SemanticBranch(embedder, head), held_out, scores)

    fitted = fit_head(
        bags.take(rows[: len(train[0])]),
        train[1],
        (held_out, validation[1]),
        settings,
        checkpoints=checkpoints,
        after_epoch=heard,
        progress=progress.epoch,
    )
    return SemanticBranch(embedder, fitted.head), held_out, fitted.history
