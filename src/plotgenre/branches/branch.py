"""What a branch is: a way of reading that turns plots into one logit per genre."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.embedding.embedder import ProgressListener
from plotgenre.learning.adapting_log import Evaluated
from plotgenre.learning.history import EpochScores
from plotgenre.learning.sparse_fitting import GenresFitted
from plotgenre.lexicon.reading import PlotsRead

Logits = npt.NDArray[np.float32]
Targets = npt.NDArray[np.bool_]
Labelled = tuple[Sequence[str], Targets]
LexicalListener = Callable[[PlotsRead | GenresFitted], None]

CHUNK_FILMS = 4096
"""Films scored at once: bounds memory at a few hundred MB for 350 genres."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell how far a long call has come; each may be left out.

    Parameters
    ----------
    embedding
        Called after every chunk of newly encoded slices.
    epoch
        Called after every epoch of a head's training.
    lexical
        Called after every block of plots that the lexical branch read while it is fitted, then
        after every genre.
    adapting
        Called after every evaluation of an encoder that is fine-tuned.
    """

    embedding: ProgressListener | None = None
    epoch: Callable[[EpochScores], None] | None = None
    lexical: LexicalListener | None = None
    adapting: Callable[[Evaluated], None] | None = None


class Branch(Protocol):
    """A fitted branch."""

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """One logit per film and genre, shape (n, g), float32."""
        ...

    def tensors(self) -> Mapping[str, npt.NDArray[Any]]:
        """What the branch has learned, by name."""
        ...


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class BranchSettings:
    """Which branches a model has; the calibration joins the logits of several.

    Parameters
    ----------
    semantic
        An encoder and a head on its vectors: reads meaning.
    lexical
        N-grams and a sparse head: reads words.
    adapted
        The semantic branch's encoder is first fine-tuned on the train films.

    Raises
    ------
    pydantic.ValidationError
        If there is none, or an encoder to adapt without a branch that reads it.
    """

    semantic: bool = True
    lexical: bool = False
    adapted: bool = False

    @model_validator(mode="after")
    def _one_at_least(self) -> BranchSettings:
        if not (self.semantic or self.lexical):
            raise ValueError("a model needs a branch, so semantic or lexical must be true")
        if self.adapted and not self.semantic:
            raise ValueError("adapted needs semantic: without it there is no encoder to adapt")
        return self
