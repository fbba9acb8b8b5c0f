"""Choosing the vocabulary: which n-grams of the train plots are worth a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.errors import InputError
from plotgenre.lexicon.characters import Characters, Ids, cut
from plotgenre.lexicon.reading import ReadListener, blocks
from plotgenre.lexicon.vocabulary import BLOCK, Vocabulary, pair_keys, word_ids
from plotgenre.lexicon.words import words

# Plots whose pairs are counted at once: bounds memory.
_BLOCK = 4096

_Length = Annotated[int, Field(ge=1)]


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class VocabularySettings:
    """Which n-grams are read.

    Parameters
    ----------
    longest
        1: words; 2: pairs of words on end too.
    minimum_films
        Films that an n-gram must occur in.
    maximum_ngrams
        The most frequent words and pairs are kept, at most this many.
    characters
        Shortest and longest n-gram of characters within a word, the spaces around it included;
        None reads none.
    maximum_characters
        The most frequent character n-grams are kept, at most this many.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range, or the longest shorter than the shortest.
    """

    longest: Literal[1, 2] = 2
    minimum_films: Annotated[int, Field(ge=1)] = 3
    maximum_ngrams: Annotated[int, Field(ge=1)] = 100_000
    characters: tuple[_Length, _Length] | None = None
    maximum_characters: Annotated[int, Field(ge=1)] = 100_000

    @model_validator(mode="after")
    def _characters_in_order(self) -> Self:
        if self.characters is not None and self.characters[1] < self.characters[0]:
            shortest, longest = self.characters
            raise ValueError(
                f"characters must be shortest and longest, got {shortest} and {longest}"
            )
        return self


def choose_vocabulary(
    plots: Sequence[str], settings: VocabularySettings, progress: ReadListener | None = None
) -> Vocabulary:
    """The most frequent n-grams of the plots, words before pairs where they tie.

    A pair is never more frequent than either of its words, so both words of every pair that is
    kept are kept too. The idf is ln((1 + n) / (1 + films)) + 1. ``progress`` is called after each
    block of plots, for each kind of n-gram anew.

    Raises
    ------
    InputError
        If no word occurs in enough films.
    """
    occurrences: Counter[str] = Counter()
    films: Counter[str] = Counter()
    for block in blocks(plots, _BLOCK, "words", progress):
        for plot in block:
            found = words(plot)
            occurrences.update(found)
            films.update(set(found))
    chosen = sorted(word for word in films if films[word] >= settings.minimum_films)
    if not chosen:
        raise InputError(
            f"no word occurs in minimum_films {settings.minimum_films} of {len(plots)} plots"
        )
    counts = np.array([(occurrences[word], films[word]) for word in chosen], dtype=np.int64)
    keys, pair_counts = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    if settings.longest == 2:
        keys, pair_counts = _count_pairs(plots, chosen, progress)
        enough = pair_counts[:, 1] >= settings.minimum_films
        keys, pair_counts = keys[enough], pair_counts[enough]
    kept = _most_frequent(
        np.concatenate([counts[:, 0], pair_counts[:, 0]]), settings.maximum_ngrams
    )
    in_films = np.concatenate([counts[:, 1], pair_counts[:, 1]])[kept]
    rows = kept[kept < len(chosen)]
    pairs = _renumbered(keys[kept[len(rows) :] - len(chosen)], rows, len(chosen))
    characters = None
    if settings.characters is not None:
        characters, in_them = _choose_characters(plots, settings, occurrences, progress)
        in_films = np.concatenate([in_films, in_them])
    idf = np.log((1 + len(plots)) / (1 + in_films)) + 1
    return Vocabulary(tuple(chosen[row] for row in rows), pairs, idf.astype(np.float32), characters)


def _most_frequent(frequency: Ids, most: int) -> Ids:
    return np.sort(np.argsort(-frequency, kind="stable")[:most])


def _choose_characters(
    plots: Sequence[str],
    settings: VocabularySettings,
    occurrences: Mapping[str, int],
    progress: ReadListener | None,
) -> tuple[Characters, Ids]:
    """The most frequent character n-grams, and the films of each."""
    assert settings.characters is not None
    frequency: Counter[str] = Counter()
    for word, times in occurrences.items():
        for piece in cut(word, *settings.characters):
            frequency[piece] += times
    # Fewer occurrences than minimum_films are fewer films too.
    found = sorted(piece for piece in frequency if frequency[piece] >= settings.minimum_films)
    candidates = Characters(*settings.characters, tuple(found))
    films = np.zeros(len(candidates), dtype=np.int64)
    for block in blocks(plots, BLOCK, "characters", progress):
        _, ngrams, _ = candidates.counts([words(plot) for plot in block])
        films += np.bincount(ngrams, minlength=len(candidates))
    enough = np.flatnonzero(films >= settings.minimum_films)
    counts = np.array([frequency[found[row]] for row in enough], dtype=np.int64)
    kept = enough[_most_frequent(counts, settings.maximum_characters)]
    return Characters(*settings.characters, tuple(found[row] for row in kept)), films[kept]


def _count_pairs(
    plots: Sequence[str], chosen: Sequence[str], progress: ReadListener | None
) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Pairs of the chosen words, rising, with their occurrences and films, shape (n_pairs, 2)."""
    ids = {word: row for row, word in enumerate(chosen)}
    counted = [_count_block(block, ids) for block in blocks(plots, _BLOCK, "pairs", progress)]
    keys, places = np.unique(np.concatenate([keys for keys, _ in counted]), return_inverse=True)
    counts = np.zeros((len(keys), 2), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([counts for _, counts in counted]))
    return keys, counts


def _count_block(plots: Sequence[str], ids: dict[str, int]) -> tuple[Ids, npt.NDArray[np.int64]]:
    keys, films = pair_keys(*word_ids([words(plot) for plot in plots], ids), len(ids))
    order = np.lexsort((films, keys))
    keys, films = keys[order], films[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    first_of_film = np.diff(keys, prepend=-1) != 0
    first_of_film[1:] |= films[1:] != films[:-1]
    occurrences = np.diff(starts, append=len(keys))
    in_films = np.add.reduceat(first_of_film, starts, dtype=np.int64) if len(keys) else starts
    return keys[starts], np.stack([occurrences, in_films], axis=1)


def _renumbered(keys: Ids, rows: Ids, n_words: int) -> Ids:
    """Pair keys among the words of ``rows``, which are of ``n_words``; the order stays."""
    first, second = np.divmod(keys, n_words)
    return np.searchsorted(rows, first) * len(rows) + np.searchsorted(rows, second)
