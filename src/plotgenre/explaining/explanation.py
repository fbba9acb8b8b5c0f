"""What an explanation is: for each genre the sentences and words that speak for and against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from plotgenre.errors import InputError

# In the dict: a long plot has thousands of n-grams, most of next to no weight.
_WORDS_OF_DICT = 20


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the plot, or a few joined.

    Parameters
    ----------
    start, end
        Its characters are ``plot[start:end]``.
    text
        Those characters.
    contribution
        The genre's logit of the plot less that of the plot without it; above 0 it speaks for.
    """

    start: int
    end: int
    text: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Word:
    """An n-gram that the lexical branch knows in the plot.

    Parameters
    ----------
    text
        A word, two words on end, or characters of a word (a space marks the word's border).
    contribution
        What it adds to the genre's logit, over all its places in the plot.
    """

    text: str
    contribution: float


_Evidence = TypeVar("_Evidence", Sentence, Word)


@dataclass(frozen=True, slots=True)
class GenreExplanation:
    """Why a plot has, or has not, one genre.

    Parameters
    ----------
    genre
        Its name.
    probability, logit, threshold
        What the model says of the plot; the logit is the joined one that all contributions are of.
    predicted
        Whether the model tags the plot with it.
    sentences
        All that were weighed, in the plot's order. Each is left out alone, so they do not sum to
        the logit: two that say the same count little each.
    words
        All n-grams with a weight in the genre, strongest first; none without a lexical branch.
        They are exact: with the lexical branch's bias they sum to its part of the logit.
    """

    genre: str
    probability: float
    logit: float
    threshold: float
    predicted: bool
    sentences: tuple[Sentence, ...]
    words: tuple[Word, ...]

    def sentences_for(self, most: int | None = None) -> list[Sentence]:
        """Those that raise the logit, strongest first."""
        return _strongest(self.sentences, 1, most)

    def sentences_against(self, most: int | None = None) -> list[Sentence]:
        """Those that lower the logit, strongest first."""
        return _strongest(self.sentences, -1, most)

    def words_for(self, most: int | None = None) -> list[Word]:
        """Those that raise the logit, strongest first."""
        return _strongest(self.words, 1, most)

    def words_against(self, most: int | None = None) -> list[Word]:
        """Those that lower the logit, strongest first."""
        return _strongest(self.words, -1, most)

    def as_dict(self, words: int | None = _WORDS_OF_DICT) -> dict[str, Any]:
        """Everything for JSON; of the words the strongest ``words``, all with ``None``."""
        return {
            "genre": self.genre,
            "probability": round(self.probability, 6),
            "logit": round(self.logit, 6),
            "threshold": round(self.threshold, 6),
            "predicted": self.predicted,
            "sentences": [
                {
                    "start": one.start,
                    "end": one.end,
                    "text": one.text,
                    "contribution": round(one.contribution, 6),
                }
                for one in self.sentences
            ],
            "words": [
                {"text": one.text, "contribution": round(one.contribution, 6)}
                for one in self.words[:words]
            ],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a plot has its genres; ``explanation["Horror"]`` is one of them.

    Parameters
    ----------
    plot
        The text that was explained.
    genres
        One a genre, in the order asked for, else the most probable first.
    """

    plot: str
    genres: tuple[GenreExplanation, ...]

    def __getitem__(self, genre: str) -> GenreExplanation:
        for one in self.genres:
            if one.genre == genre:
                return one
        explained = ", ".join(one.genre for one in self.genres)
        raise InputError(f"genre {genre!r} is not explained here; expected one of {explained}")

    def __iter__(self) -> Iterator[GenreExplanation]:
        return iter(self.genres)

    def __len__(self) -> int:
        return len(self.genres)

    @property
    def best(self) -> GenreExplanation:
        """The genre of the highest probability."""
        return max(self.genres, key=lambda one: one.probability)

    @property
    def tags(self) -> dict[str, float]:
        """Genre to probability, for the genres here that the model tags the plot with."""
        return {one.genre: one.probability for one in self.genres if one.predicted}

    def as_dict(self, words: int | None = _WORDS_OF_DICT) -> dict[str, Any]:
        """Everything but the plot, for JSON; ``words`` as in `GenreExplanation.as_dict`."""
        return {"genres": [one.as_dict(words) for one in self.genres]}


def _strongest(evidence: Sequence[_Evidence], sign: int, most: int | None) -> list[_Evidence]:
    own = [one for one in evidence if sign * one.contribution > 0]
    return sorted(own, key=lambda one: -abs(one.contribution))[:most]
