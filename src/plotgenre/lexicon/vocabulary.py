"""The vocabulary: which n-grams are read, and plots as their TF-IDF rows.

An n-gram is a number, ``0…v-1``: first the words in alphabetical order, then the pairs, then the
character n-grams, if any. A pair is
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
from plotgenre.lexicon.characters import Characters, Ids, listed
from plotgenre.lexicon.reading import ReadListener, blocks
from plotgenre.lexicon.sparse_rows import SparseRows, joined
from plotgenre.lexicon.words import words

# Plots that are counted at once: bounds memory, and changes no row.
BLOCK = 256

_TYPES = {"words": np.uint8, "pairs": np.int64, "idf": np.float32}
_CHARACTER_TYPES = {"characters": np.uint8, "lengths": np.int64}


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
    characters
        The character n-grams, where they are read.
    """

    words: tuple[str, ...]
    pairs: Ids
    idf: npt.NDArray[np.float32]
    characters: Characters | None = None
    _ids: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: row for row, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.idf)

    def rows(self, plots: Sequence[str], progress: ReadListener | None = None) -> SparseRows:
        """TF-IDF of plots, shape (n, v).

        An entry is (1 + ln tf) idf, and a film's entries have Euclidean length 1 (Manning et al.,
        "Introduction to Information Retrieval", 2008, section 6.4: ``ltc``). Words and pairs have
        one length, characters another that is equal to it, since a plot has many times more
        characters than words. A film without a known n-gram is a row of zeros. A row does not
        depend on the other plots. ``progress`` is called after each block of plots.
        """
        read = blocks(plots, BLOCK, "rows", progress)
        return joined([self._block([words(plot) for plot in block]) for block in read], len(self))

    def text(self, ngram: int) -> str:
        """The word, the two words with a space between, or the characters."""
        if ngram < len(self.words):
            return self.words[ngram]
        if self.characters is not None and ngram >= self._n_words_and_pairs:
            return self.characters.ngrams[ngram - self._n_words_and_pairs]
        first, second = divmod(int(self.pairs[ngram - len(self.words)]), len(self.words))
        return f"{self.words[first]} {self.words[second]}"

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """``words`` (UTF-8, one a line), ``pairs`` and ``idf``; what ``characters`` add, if any."""
        texts = np.frombuffer("\n".join(self.words).encode(), dtype=np.uint8)
        spelt = {} if self.characters is None else self.characters.tensors()
        return {"words": texts, "pairs": self.pairs, "idf": self.idf, **spelt}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Vocabulary:
        """The vocabulary of what ``tensors`` gave.

        Raises
        ------
        ArtefactError
            If a tensor is missing, of another type or shape, or cannot be a vocabulary's.
        """
        # Both or neither: one alone is a tensor that is missing.
        spelt = not tensors.keys().isdisjoint(_CHARACTER_TYPES)
        for name, kind in (_TYPES | _CHARACTER_TYPES if spelt else _TYPES).items():
            if name not in tensors:
                raise ArtefactError(f"lexicon tensor {name!r} is missing")
            found = tensors[name]
            if found.ndim != 1 or found.dtype != kind:
                raise ArtefactError(
                    f"lexicon tensor {name!r} must be {np.dtype(kind)} of one dimension, "
                    f"found {found.dtype} of shape {found.shape}"
                )
        vocabulary = cls(
            listed("words", tensors["words"]),
            tensors["pairs"],
            tensors["idf"],
            Characters.of_tensors(tensors) if spelt else None,
        )
        vocabulary.check()
        return vocabulary

    def check(self) -> None:
        """Refuse n-grams that cannot be right.

        Raises
        ------
        ArtefactError
            If a word stands twice, pairs do not rise or name words that are not there, characters
            cannot be right, or the idf is not finite and positive or not one per n-gram.
        """
        n_words = len(self.words)
        if len(self._ids) != n_words:
            raise ArtefactError("lexicon tensor 'words' has a word twice")
        inside = len(self.pairs) == 0 or (self.pairs[0] >= 0 and self.pairs[-1] < n_words**2)
        if not inside or (np.diff(self.pairs) <= 0).any():
            raise ArtefactError(
                f"lexicon tensor 'pairs' must rise from 0 to below {n_words}² (words squared)"
            )
        n_characters = 0
        if self.characters is not None:
            self.characters.check()
            n_characters = len(self.characters)
        if self.idf.shape != (self._n_words_and_pairs + n_characters,):
            raise ArtefactError(
                f"lexicon tensor 'idf' must be one per n-gram, {n_words} words, "
                f"{len(self.pairs)} pairs and {n_characters} characters, "
                f"found shape {self.idf.shape}"
            )
        if not (np.isfinite(self.idf) & (self.idf > 0)).all():
            raise ArtefactError("lexicon tensor 'idf' has NaN, infinity or a number not above 0")

    @property
    def _n_words_and_pairs(self) -> int:
        return len(self.words) + len(self.pairs)

    def _block(self, films: Sequence[Sequence[str]]) -> SparseRows:
        film, column, values = self._weighted(*self._word_counts(films), len(films))
        if self.characters is not None:
            owner, ngram, counts = self.characters.counts(films)
            spelt = self._weighted(owner, self._n_words_and_pairs + ngram, counts, len(films))
            film, column, values = (
                np.concatenate(both) for both in zip((film, column, values), spelt, strict=True)
            )
            # Stable: words stay before characters.
            order = np.argsort(film, kind="stable")
            film, column = film[order], column[order]
            values = _of_length_1(film, values[order], len(films))
        offsets = np.searchsorted(film, np.arange(len(films) + 1))
        return SparseRows(values.astype(np.float32), column.astype(np.int32), offsets, len(self))

    def _word_counts(self, films: Sequence[Sequence[str]]) -> tuple[Ids, Ids, Ids]:
        """Film, column and occurrences of the words and pairs, by film, then column."""
        ids, owners = word_ids(films, self._ids)
        n_words, width = len(self.words), len(self)
        known = ids >= 0
        cells = [owners[known] * width + ids[known]]
        if len(self.pairs):
            keys, parted = pair_keys(ids, owners, n_words)
            places = np.searchsorted(self.pairs, keys).clip(max=len(self.pairs) - 1)
            known = self.pairs[places] == keys
            cells.append(parted[known] * width + n_words + places[known])
        cell, counts = np.unique(np.concatenate(cells), return_counts=True)
        film, column = np.divmod(cell, max(width, 1))
        return film, column, counts

    def _weighted(
        self, film: Ids, column: Ids, counts: Ids, n_films: int
    ) -> tuple[Ids, Ids, npt.NDArray[np.float64]]:
        values = (1 + np.log(counts)) * self.idf[column]
        return film, column, _of_length_1(film, values, n_films)


def _of_length_1(
    film: Ids, values: npt.NDArray[np.floating], n_films: int
) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = np.sqrt(
        np.bincount(film, weights=values**2, minlength=n_films)
    )
    return values / lengths[film]


def word_ids(films: Sequence[Sequence[str]], ids: Mapping[str, int]) -> tuple[Ids, Ids]:
    """The id of each word of all films, -1 for one unknown, and the film of each."""
    sizes = [len(film) for film in films]
    flat = np.fromiter((ids.get(word, -1) for film in films for word in film), np.int64, sum(sizes))
    return flat, np.repeat(np.arange(len(films)), sizes)


def pair_keys(ids: Ids, films: Ids, n_words: int) -> tuple[Ids, Ids]:
    """The key of each two known words on end, and the film of each; an unknown word parts them."""
    pair = (ids[:-1] >= 0) & (ids[1:] >= 0) & (films[:-1] == films[1:])
    return ids[:-1][pair] * n_words + ids[1:][pair], films[:-1][pair]
