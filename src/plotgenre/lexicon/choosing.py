"""Choosing the vocabulary: which words and word pairs of the train plots are worth a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.errors import InputError
from plotgenre.lexicon.vocabulary import Ids, Vocabulary, pair_keys, word_ids
from plotgenre.lexicon.words import words

# Plots whose pairs are counted at once: bounds memory.
_BLOCK = 4096


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
        The most frequent ones are kept, at most this many.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    longest: Literal[1, 2] = 2
    minimum_films: Annotated[int, Field(ge=1)] = 3
    maximum_ngrams: Annotated[int, Field(ge=1)] = 100_000


def choose_vocabulary(plots: Sequence[str], settings: VocabularySettings) -> Vocabulary:
    """The most frequent n-grams of the plots, words before pairs where they tie.

    A pair is never more frequent than either of its words, so both words of every pair that is
    kept are kept too. The idf is ln((1 + n) / (1 + films)) + 1.

    Raises
    ------
    InputError
        If no word occurs in enough films.
    """
    occurrences: Counter[str] = Counter()
    films: Counter[str] = Counter()
    for plot in plots:
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
        keys, pair_counts = _count_pairs(plots, chosen)
        enough = pair_counts[:, 1] >= settings.minimum_films
        keys, pair_counts = keys[enough], pair_counts[enough]
    frequency = np.concatenate([counts[:, 0], pair_counts[:, 0]])
    kept = np.sort(np.argsort(-frequency, kind="stable")[: settings.maximum_ngrams])
    in_films = np.concatenate([counts[:, 1], pair_counts[:, 1]])[kept]
    idf = np.log((1 + len(plots)) / (1 + in_films)) + 1
    rows = kept[kept < len(chosen)]
    pairs = _renumbered(keys[kept[len(rows) :] - len(chosen)], rows, len(chosen))
    return Vocabulary(tuple(chosen[row] for row in rows), pairs, idf.astype(np.float32))


def _count_pairs(plots: Sequence[str], chosen: Sequence[str]) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Pairs of the chosen words, rising, with their occurrences and films, shape (n_pairs, 2)."""
    ids = {word: row for row, word in enumerate(chosen)}
    blocks = [_count_block(plots[at : at + _BLOCK], ids) for at in range(0, len(plots), _BLOCK)]
    keys, places = np.unique(np.concatenate([keys for keys, _ in blocks]), return_inverse=True)
    counts = np.zeros((len(keys), 2), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([counts for _, counts in blocks]))
    return keys, counts


def _count_block(plots: Sequence[str], ids: dict[str, int]) -> tuple[Ids, npt.NDArray[np.int64]]:
    keys, films = pair_keys(*word_ids(plots, ids), len(ids))
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
