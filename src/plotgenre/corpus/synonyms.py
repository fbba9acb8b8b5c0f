"""Genres that may be one genre under two names, and the map of merges that follows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import numpy as np
import tomli_w

from plotgenre.corpus.cooccurrence import Cooccurrence, GenrePair
from plotgenre.corpus.films import Corpus
from plotgenre.texts import normalised
from plotgenre.whole_files import write_whole

# Said of every film, so that they tell no genre from another.
_EMPTY = {"film", "movie", "cinema", "picture", "genre", "and", "the", "a", "of"}
# Words that catalogues use for one another.
_SAME = {
    "biographical": "biography",
    "biopic": "biography",
    "pornographic": "pornography",
    "romantic": "romance",
    "scifi": "science fiction",
    "sci fi": "science fiction",
}
_SAME_NAME = "one name, give or take words such as film, plural, order, or biopic for biography"
_SAME_TYPO, _TYPO_LENGTH, _TYPO_RARITY = 0.85, 5, 0.1
_LONGEST_WORD = 100
_SURE_JACCARD, _IDENTICAL_JACCARD, _SURE_FILMS = 0.8, 0.95, 20
_LIKELY_JACCARD, _LIKELY_FILMS = 0.3, 5


@dataclass(frozen=True, slots=True)
class Synonym:
    """Two genres that may be one.

    Parameters
    ----------
    pair
        The genres and their films; ``pair.first`` has more films.
    reasons
        Why, in words, the strongest first.
    merge
        Whether it is sure enough to be merged without being asked.
    """

    pair: GenrePair
    reasons: tuple[str, ...]
    merge: bool


def find_synonyms(corpus: Corpus) -> list[Synonym]:
    """Pairs of genres that may be one, the sure ones first, then by films of the rarer one.

    Sure are names equal but for words such as "film", plurals, brackets, order and case; a rare
    misspelling of a common name; and genres that nearly always stand together. A genre whose name
    holds all words of another's and more is a subgenre, and no synonym unless the two have the
    same films.
    """
    together = Cooccurrence(corpus)
    has_films = np.flatnonzero(together.counts.diagonal()).tolist()
    words = {j: normalised_name(corpus.genres[j]) for j in has_films}
    known = Counter(word for name in set(words.values()) for word in set(name))
    named = _same_names(words) | _misspelt_names(words, known)
    found = []
    for i, j in sorted(named | set(together.overlapping(_LIKELY_JACCARD, _LIKELY_FILMS))):
        pair, subgenre = together.pair(i, j), _is_subgenre(words[i], words[j])
        by_name = _name_reason(pair, known)
        reasons = (*by_name, *_overlap_reason(pair, subgenre))
        if reasons:
            sure = bool(by_name) or _is_same_films(pair, subgenre)
            found.append(Synonym(pair, reasons, sure))
    found.sort(key=lambda one: (not one.merge, -one.pair.second_films, one.pair.first))
    return found


def normalised_name(genre: str) -> tuple[str, ...]:
    """The words of a genre's name by which two names are compared, sorted; may be none.

    >>> normalised_name("Biopic [feature]"), normalised_name("Swashbuckler films")
    (('biography',), ('swashbuckler',))
    """
    text = normalised("NFKC", genre).casefold()
    for opening, closing in ("[]", "()"):
        # What is never closed is no bracket, and would be sought to the end each time.
        head, mark, rest = text.rpartition(closing)
        text = head + mark + rest.replace(opening, " ")
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)", " ", text)
    text = re.sub(r"['’](s\b)?", "", text)
    text = " ".join(re.findall(r"[^\W_]+", text))
    for word, same in _SAME.items():
        text = re.sub(rf"\b{word}\b", same, text)
    singular = [_singular(word) for word in text.split()]
    return tuple(sorted(word for word in singular if word not in _EMPTY))


def merge_map(synonyms: Sequence[Synonym]) -> dict[str, list[str]]:
    """The sure synonyms as `genres.apply_merges` takes them; the name with most films is kept."""
    groups: dict[str, list[str]] = {}
    films: dict[str, int] = {}
    for synonym in synonyms:
        if not synonym.merge:
            continue
        pair = synonym.pair
        films |= {pair.first: pair.first_films, pair.second: pair.second_films}
        both = groups.setdefault(pair.first, [pair.first])
        other = groups.setdefault(pair.second, [pair.second])
        if both is not other:
            both.extend(other)
            groups |= dict.fromkeys(other, both)
    merges: dict[str, list[str]] = {}
    for group in {id(group): group for group in groups.values()}.values():
        kept, *aliases = sorted(group, key=lambda name: (-films[name], len(name), name))
        merges[kept] = aliases
    return dict(sorted(merges.items()))


def write_merges(synonyms: Sequence[Synonym], path: str | Path) -> None:
    """Write the map of merges as TOML; pairs that are only likely stand below as comments."""
    merges = merge_map(synonyms)
    lines = ["# Genres under several names. Read it before training with --merges.\n"]
    lines.append(tomli_w.dumps({"merges": merges}))
    kept_name = {alias: name for name, aliases in merges.items() for alias in [name, *aliases]}
    likely = [
        one
        for one in synonyms
        if one.pair.first not in kept_name
        or kept_name[one.pair.first] != kept_name.get(one.pair.second)
    ]
    if likely:
        lines.append("\n# Perhaps also:\n")
    lines += [
        f"# {_quoted(one.pair.first)} = [{_quoted(one.pair.second)}]  ({'; '.join(one.reasons)})\n"
        for one in likely
    ]
    write_whole(Path(path), "".join(lines).encode())


def _columns_by_name(words: Mapping[int, tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    columns: dict[tuple[str, ...], list[int]] = {}
    for j, name in words.items():
        columns.setdefault(name, []).append(j)
    return columns


def _same_names(words: Mapping[int, tuple[str, ...]]) -> set[tuple[int, int]]:
    columns = _columns_by_name(words)
    return {pair for name, same in columns.items() if name for pair in combinations(same, 2)}


def _misspelt_names(
    words: Mapping[int, tuple[str, ...]], known: Counter[str]
) -> set[tuple[int, int]]:
    columns = _columns_by_name(words)
    found = set()
    for j, name in words.items():
        for word in name:
            if known[word] > 1:
                continue
            for other in known:
                if other != word and _is_misspelling(word, other):
                    meant = tuple(sorted(other if one == word else one for one in name))
                    found |= {(min(j, k), max(j, k)) for k in columns.get(meant, ())}
    return found


def _name_reason(pair: GenrePair, known: Counter[str]) -> tuple[str, ...]:
    name, alias = normalised_name(pair.first), normalised_name(pair.second)
    if not name or not alias:
        return ()
    if name == alias:
        return (_SAME_NAME,)
    odd, right = sorted(set(alias) - set(name)), sorted(set(name) - set(alias))
    if len(odd) != 1 or len(right) != 1:
        return ()
    rare = pair.second_films <= _TYPO_RARITY * pair.first_films and known[odd[0]] == 1
    if rare and _is_misspelling(odd[0], right[0]):
        return (f"{odd[0]!r} looks like a misspelling of {right[0]!r}",)
    return ()


def _is_misspelling(odd: str, right: str) -> bool:
    lengths = len(odd), len(right)
    # Comparing takes time that grows with the square of the lengths.
    if min(lengths) < _TYPO_LENGTH or max(lengths) > _LONGEST_WORD:
        return False
    if odd[0] != right[0] or odd[-1] != right[-1]:
        return False
    return SequenceMatcher(None, odd, right, autojunk=False).ratio() >= _SAME_TYPO


def _overlap_reason(pair: GenrePair, subgenre: bool) -> tuple[str, ...]:
    # A subgenre stands beside its genre because it is one.
    least = _SURE_JACCARD if subgenre else _LIKELY_JACCARD
    if pair.both < _LIKELY_FILMS or pair.jaccard < least:
        return ()
    return (f"{pair.jaccard:.0%} of the films that have either have both",)


def _is_same_films(pair: GenrePair, subgenre: bool) -> bool:
    least = _IDENTICAL_JACCARD if subgenre else _SURE_JACCARD
    return pair.both >= _SURE_FILMS and pair.jaccard >= least


def _is_subgenre(name: tuple[str, ...], alias: tuple[str, ...]) -> bool:
    return set(name) < set(alias) or set(alias) < set(name)


def _singular(word: str) -> str:
    plural = len(word) > 4 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


def _quoted(name: str) -> str:
    return json.dumps(name).replace("\x7f", "\\u007f")
