"""The vocabulary: which words and word pairs are read, and plots as their TF-IDF rows.

An n-gram is a number, ``0…v-1``: first the words in alphabetical order, then the pairs. A pair is
kept as one integer, ``first * n_words + second``, in a sorted array, so that all pairs of a block
of plots are found by one binary search, without making their texts. Nothing is hashed: no two
n-grams ever share a column, and the texts stay at hand to explain a film.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import ArtefactError
from plotgenre.lexicon.sparse_rows import SparseRows, joined
from plotgenre.lexicon.words import words

Ids = npt.NDArray[np.int64]

# Plots that are counted at once: bounds memory, and changes no row.
BLOCK = 256

_TYPES = {"words": np.uint8, "pairs": np.int64, "idf": np.float32}


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The ``v`` n-grams that are read, and how much each counts.

    Parameters
    ----------
    words
        The words, in alphabetical order; each is an n-gram.
    pairs
        Pairs of words, ``first * n_words + second``, rising, int64.
    idf
        Inverse document frequency of every n-gram, words first, shape (v,), float32.
    """

    words: tuple[str, ...]
    pairs: Ids
    idf: npt.NDArray[np.float32]
    _ids: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: row for row, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.idf)

    def rows(self, plots: Sequence[str]) -> SparseRows:
        """TF-IDF of plots, shape (n, v).

        An entry is (1 + ln tf) idf, and a film's entries have Euclidean length 1 (Manning et al.,
        "Introduction to Information Retrieval", 2008, section 6.4: ``ltc``). A film without a
        known n-gram is a row of zeros. A row does not depend on the other plots.
        """
        blocks = range(0, len(plots), BLOCK)
        return joined([self._block(plots[at : at + BLOCK]) for at in blocks], len(self))

    def text(self, ngram: int) -> str:
        """The word, or the two words with a space between."""
        if ngram < len(self.words):
            return self.words[ngram]
        first, second = divmod(int(self.pairs[ngram - len(self.words)]), len(self.words))
        return f"{self.words[first]} {self.words[second]}"

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """``words`` (UTF-8, one a line), ``pairs`` and ``idf``."""
        listed = np.frombuffer("\n".join(self.words).encode(), dtype=np.uint8)
        return {"words": listed, "pairs": self.pairs, "idf": self.idf}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Vocabulary:
        """The vocabulary of what ``tensors`` gave.

        Raises
        ------
        ArtefactError
            If a tensor is missing, of another type or shape, or cannot be a vocabulary's.
        """
        for name, kind in _TYPES.items():
            if name not in tensors:
                raise ArtefactError(f"lexicon tensor {name!r} is missing")
            found = tensors[name]
            if found.ndim != 1 or found.dtype != kind:
                raise ArtefactError(
                    f"lexicon tensor {name!r} must be {np.dtype(kind)} of one dimension, "
                    f"found {found.dtype} of shape {found.shape}"
                )
        try:
            text = tensors["words"].tobytes().decode()
        except UnicodeDecodeError as broken:
            raise ArtefactError(f"lexicon tensor 'words' is not UTF-8: {broken}") from None
        vocabulary = cls(tuple(text.split("\n")) if text else (), tensors["pairs"], tensors["idf"])
        vocabulary.check()
        return vocabulary

    def check(self) -> None:
        """Refuse n-grams that cannot be right.

        Raises
        ------
        ArtefactError
            If a word stands twice, pairs do not rise or name words that are not there, or the
            idf is not finite and positive or not one per n-gram.
        """
        n_words = len(self.words)
        if len(self._ids) != n_words:
            raise ArtefactError("lexicon tensor 'words' has a word twice")
        inside = len(self.pairs) == 0 or (self.pairs[0] >= 0 and self.pairs[-1] < n_words**2)
        if not inside or (np.diff(self.pairs) <= 0).any():
            raise ArtefactError(
                f"lexicon tensor 'pairs' must rise from 0 to below {n_words}² (words squared)"
            )
        if self.idf.shape != (n_words + len(self.pairs),):
            raise ArtefactError(
                f"lexicon tensor 'idf' must be one per n-gram, "
                f"{n_words} words and {len(self.pairs)} pairs, found shape {self.idf.shape}"
            )
        if not (np.isfinite(self.idf) & (self.idf > 0)).all():
            raise ArtefactError("lexicon tensor 'idf' has NaN, infinity or a number not above 0")

    def _block(self, plots: Sequence[str]) -> SparseRows:
        ids, films = word_ids(plots, self._ids)
        n_words, width = len(self.words), len(self)
        known = ids >= 0
        cells = [films[known] * width + ids[known]]
        if len(self.pairs):
            keys, owners = pair_keys(ids, films, n_words)
            places = np.searchsorted(self.pairs, keys).clip(max=len(self.pairs) - 1)
            known = self.pairs[places] == keys
            cells.append(owners[known] * width + n_words + places[known])
        cell, counts = np.unique(np.concatenate(cells), return_counts=True)
        film, column = np.divmod(cell, max(width, 1))
        values = (1 + np.log(counts)) * self.idf[column]
        lengths = np.sqrt(np.bincount(film, weights=values**2, minlength=len(plots)))
        offsets = np.searchsorted(film, np.arange(len(plots) + 1))
        return SparseRows(
            (values / lengths[film]).astype(np.float32), column.astype(np.int32), offsets, width
        )


def word_ids(plots: Sequence[str], ids: Mapping[str, int]) -> tuple[Ids, Ids]:
    """The id of each word of all plots, -1 for one unknown, and the film of each."""
    found = [[ids.get(word, -1) for word in words(plot)] for plot in plots]
    sizes = [len(one) for one in found]
    flat = np.fromiter((one for film in found for one in film), np.int64, sum(sizes))
    return flat, np.repeat(np.arange(len(plots)), sizes)


def pair_keys(ids: Ids, films: Ids, n_words: int) -> tuple[Ids, Ids]:
    """The key of each two known words on end, and the film of each; an unknown word parts them."""
    pair = (ids[:-1] >= 0) & (ids[1:] >= 0) & (films[:-1] == films[1:])
    return ids[:-1][pair] * n_words + ids[1:][pair], films[:-1][pair]
