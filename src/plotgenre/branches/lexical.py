"""The lexical branch: a vocabulary and a sparse head; plots in, one logit per genre out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.branches.branch import CHUNK_FILMS, LexicalListener, Logits, Progress
from plotgenre.errors import ArtefactError
from plotgenre.learning.labelled import checked_targets
from plotgenre.learning.sparse_fitting import fit_sparse_head
from plotgenre.learning.sparse_heads import SparseHead, SparseHeadSettings
from plotgenre.lexicon.choosing import VocabularySettings, choose_vocabulary
from plotgenre.lexicon.sparse_rows import SparseRows
from plotgenre.lexicon.vocabulary import Vocabulary

_LEXICON, _HEAD = "lexicon.", "head."

# A plot of fewer n-grams is read as if the rest said nothing; a sentence has three times as many.
_LEAST_NGRAMS = 10


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class LexicalSettings(VocabularySettings, SparseHeadSettings):
    """All settings of the branch, those of its vocabulary and of its head."""


@dataclass(frozen=True, slots=True, eq=False)
class LexicalBranch:
    """A fitted branch: plots -> n-grams -> logits."""

    vocabulary: Vocabulary
    head: SparseHead

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """One logit per film and genre, shape (n, g), float32.

        A plot without a known n-gram has the genres' priors, their log-odds in train.
        """
        logits = np.empty((len(plots), self.head.n_genres), dtype=np.float32)
        for at in range(0, len(plots), CHUNK_FILMS):
            chunk = slice(at, at + CHUNK_FILMS)
            logits[chunk] = self.head.logits(self._rows(plots[chunk]))
        return logits

    def contributions(self, plot: str) -> tuple[npt.NDArray[np.int32], Logits]:
        """The known n-grams (m,) of a plot, rising, and what each adds to each logit, (m, g)."""
        rows = self._rows([plot])
        return rows.row(0)[1], self.head.contributions(rows, 0)

    def _rows(self, plots: Sequence[str]) -> SparseRows:
        return self.vocabulary.rows(plots).shortened(_LEAST_NGRAMS)

    def tensors(self) -> Mapping[str, npt.NDArray[Any]]:
        """What the branch has learned, by name."""
        return {
            **{_LEXICON + name: tensor for name, tensor in self.vocabulary.tensors().items()},
            **{_HEAD + name: tensor for name, tensor in self.head.tensors.items()},
        }

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], n_genres: int) -> LexicalBranch:
        """The branch of what ``tensors`` gave, for ``g`` genres.

        Raises
        ------
        ArtefactError
            If a tensor is missing, unknown, of another type or shape, or not finite.
        """
        lexicon = _below(_LEXICON, tensors)
        head = _below(_HEAD, tensors)
        vocabulary = Vocabulary.of_tensors(lexicon)
        odd = set(tensors) - {_LEXICON + name for name in vocabulary.tensors()}
        if unknown := sorted(name for name in odd if not name.startswith(_HEAD)):
            raise ArtefactError(f"the lexical branch has no tensor {unknown[0]!r}")
        branch = cls(vocabulary, SparseHead(len(vocabulary), n_genres, head))
        branch.check()
        return branch

    def check(self) -> None:
        """Refuse a vocabulary and a head that cannot be right, or are not of each other.

        Raises
        ------
        ArtefactError
            If a tensor is missing, unknown, of another type or shape, or not finite.
        """
        self.vocabulary.check()
        self.head.check()
        if self.head.n_ngrams != len(self.vocabulary):
            raise ArtefactError(
                f"the sparse head reads {self.head.n_ngrams} n-grams, "
                f"the vocabulary has {len(self.vocabulary)}"
            )


def fit_lexical(
    train: tuple[Sequence[str], npt.NDArray[np.generic]],
    settings: LexicalSettings,
    *,
    checkpoints: Path | None = None,
    progress: LexicalListener | None = None,
) -> LexicalBranch:
    """Choose the vocabulary of the train plots and fit one logit per genre on it.

    Parameters
    ----------
    train
        Plots (n) and targets (n, g), 0 or 1. A genre that no film or every film has is allowed.
    settings
        The vocabulary's and the head's.
    checkpoints
        Folder of fitted genres that an interrupted call resumes from; a finished call leaves the
        head alone in it. The vocabulary is chosen anew.
    progress
        Called after each block of plots that is read, then after each genre; both have ``done``
        and ``total``.

    Raises
    ------
    InputError
        If plots and targets do not fit together, no word occurs in enough films, or
        ``checkpoints`` holds genres or a head of another run.
    MissingExtraError
        If scikit-learn is not installed.
    """
    plots = list(train[0])
    Y = checked_targets("train", len(plots), train[1])
    vocabulary = choose_vocabulary(plots, settings, progress)
    rows = vocabulary.rows(plots, progress)
    head = fit_sparse_head(rows, Y, settings, checkpoints=checkpoints, progress=progress)
    return LexicalBranch(vocabulary, head)


def _below(prefix: str, tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
