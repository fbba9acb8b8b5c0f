"""Which genres stand in the same films, and how much oftener than by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.films import Corpus


@dataclass(frozen=True, slots=True)
class GenrePair:
    """Two genres and the films that have them; ``first`` has at least as many as ``second``.

    Parameters
    ----------
    first, second
        Names.
    first_films, second_films, both
        Films that have the one, the other, both.
    lift
        Films that have both / films that would if the genres were independent.
    """

    first: str
    second: str
    first_films: int
    second_films: int
    both: int
    lift: float

    @property
    def jaccard(self) -> float:
        """Films that have both / films that have either."""
        return self.both / (self.first_films + self.second_films - self.both)

    @property
    def first_given_second(self) -> float:
        """Share of the second genre's films that have the first."""
        return self.both / self.second_films

    @property
    def second_given_first(self) -> float:
        """Share of the first genre's films that have the second."""
        return self.both / self.first_films


class Cooccurrence:
    """How many films each two genres of a corpus share.

    Parameters
    ----------
    corpus
        Its ``g`` genres give ``counts``, shape (g, g), with their own films on the diagonal.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.genres, self.films = corpus.genres, len(corpus)
        # float32 counts exactly to 16 million films, and multiplies far faster than integers do.
        Y = corpus.Y.astype(np.float32)
        self.counts: npt.NDArray[np.int64] = (Y.T @ Y).astype(np.int64)

    def pair(self, i: int, j: int) -> GenrePair:
        """Two genres that have films, by their columns."""
        own = self.counts.diagonal()
        if (-own[i], i) > (-own[j], j):
            i, j = j, i
        a, b, both = int(own[i]), int(own[j]), int(self.counts[i, j])
        return GenrePair(self.genres[i], self.genres[j], a, b, both, both * self.films / (a * b))

    def commonest(self, most: int) -> list[GenrePair]:
        """The pairs with most films in common; none without any."""
        i, j = np.nonzero(np.triu(self.counts, 1))
        ranked = np.argsort(-self.counts[i, j], kind="stable")[:most]
        return [self.pair(*at) for at in zip(i[ranked].tolist(), j[ranked].tolist(), strict=True)]

    def overlapping(self, jaccard: float, films: int) -> list[tuple[int, int]]:
        """Columns of the pairs with at least this similarity and this many films in common."""
        i, j = np.nonzero(np.triu(self.counts >= max(films, 1), 1))
        own, both = self.counts.diagonal(), self.counts[i, j]
        alike = both >= jaccard * (own[i] + own[j] - both)
        return list(zip(i[alike].tolist(), j[alike].tolist(), strict=True))
