"""Character n-grams: pieces of words, which a misspelt, inflected or unknown word shares.

They are cut within words, a space before and behind (scikit-learn's ``char_wb`` on the plot's
words), so what a word gives depends on nothing else and is looked up once for a block of plots.
A few letters an n-gram are small enough to be kept as text: nothing is hashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import ArtefactError

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Characters:
    """The character n-grams that are read.

    Parameters
    ----------
    shortest, longest
        Characters of an n-gram, spaces included.
    ngrams
        The n-grams, in alphabetical order.
    """

    shortest: int
    longest: int
    ngrams: tuple[str, ...]
    _ids: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {ngram: row for row, ngram in enumerate(self.ngrams)})

    def __len__(self) -> int:
        return len(self.ngrams)

    def counts(self, films: Sequence[Sequence[str]]) -> tuple[Ids, Ids, Ids]:
        """Film, n-gram and occurrences of each n-gram of each film, by film, then n-gram.

        ``films`` are words.
        """
        distinct: dict[str, int] = {}
        flat = [distinct.setdefault(word, len(distinct)) for film in films for word in film]
        owners = np.repeat(np.arange(len(films)), [len(film) for film in films])
        cells, times = np.unique(owners * len(distinct) + flat, return_counts=True)
        film, word = np.divmod(cells.astype(np.int64), max(len(distinct), 1))
        known = [self._known(word) for word in distinct]
        sizes = np.array([len(one) for one in known], dtype=np.int64)
        pieces = np.array([one for own in known for one in own], dtype=np.int64)
        each = sizes[word]
        # Entry i of a repeated word is the i-th piece behind where the word's pieces start.
        starts = np.repeat((sizes.cumsum() - sizes)[word] - (each.cumsum() - each), each)
        columns = pieces[starts + np.arange(each.sum())]
        entries, places = np.unique(
            np.repeat(film, each) * len(self) + columns, return_inverse=True
        )
        occurrences = np.bincount(places, weights=np.repeat(times, each), minlength=len(entries))
        film, ngram = np.divmod(entries, max(len(self), 1))
        return film, ngram, occurrences.astype(np.int64)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """``characters`` (UTF-8, one a line) and ``lengths``, shortest and longest."""
        return {
            "characters": np.frombuffer("\n".join(self.ngrams).encode(), dtype=np.uint8),
            "lengths": np.array([self.shortest, self.longest], dtype=np.int64),
        }

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Characters:
        """The n-grams of what ``tensors`` gave, both of the right type.

        Raises
        ------
        ArtefactError
            If a tensor cannot be right.
        """
        lengths = tensors["lengths"].tolist()
        if len(lengths) != 2:
            raise ArtefactError(
                f"lexicon tensor 'lengths' must be shortest and longest, found {lengths}"
            )
        shortest, longest = lengths
        characters = cls(shortest, longest, listed("characters", tensors["characters"]))
        characters.check()
        return characters

    def check(self) -> None:
        """Refuse n-grams that cannot be right.

        Raises
        ------
        ArtefactError
            If lengths are out of order, or n-grams not in alphabetical order or longer.
        """
        if not 1 <= self.shortest <= self.longest:
            raise ArtefactError(
                "lexicon tensor 'lengths' must be 1 or more and not fall, "
                f"found {self.shortest} to {self.longest}"
            )
        if any(
            second <= first for first, second in zip(self.ngrams, self.ngrams[1:], strict=False)
        ):
            raise ArtefactError("lexicon tensor 'characters' must be in alphabetical order")
        if any(not 1 <= len(ngram) <= self.longest for ngram in self.ngrams):
            raise ArtefactError(
                f"lexicon tensor 'characters' must hold n-grams of 1 to {self.longest} characters"
            )

    def _known(self, word: str) -> list[int]:
        pieces = cut(word, self.shortest, self.longest)
        return [self._ids[piece] for piece in pieces if piece in self._ids]


def cut(word: str, shortest: int, longest: int) -> list[str]:
    """All pieces of the lengths of a word between two spaces; a shorter word is one piece.

    That one piece counts once, not once a length (as scikit-learn has it).
    """
    padded = f" {word} "
    if len(padded) <= shortest:
        return [padded]
    return [
        padded[at : at + length]
        for length in range(shortest, min(longest, len(padded)) + 1)
        for at in range(len(padded) - length + 1)
    ]


def listed(name: str, tensor: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Texts of a tensor that has one a line.

    Raises
    ------
    ArtefactError
        If it is not UTF-8.
    """
    try:
        text = tensor.tobytes().decode()
    except UnicodeDecodeError as broken:
        raise ArtefactError(f"lexicon tensor {name!r} is not UTF-8: {broken}") from None
    return tuple(text.split("\n")) if text else ()
