"""Labels: how the genre names of a corpus become the genres of a model, and which do not.

Two names are one where they differ in case, in spaces, in invisible characters or in the way that
Unicode writes them. A name that the recipe's groups or merges list is read as they say. Any other
name is read as the genre of that name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plotgenre.corpus.films import Corpus
from plotgenre.texts import normalised


def cleaned(name: str) -> str:
    """A name in Unicode's form NFKC, without invisible characters, with single spaces."""
    text = normalised("NFKC", name)
    return " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split())


def folded(name: str) -> str:
    """A name as it is compared with others: `cleaned`, and without case."""
    return cleaned(name).casefold()


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A corpus in the genres of a model, and what became of each of its names.

    Parameters
    ----------
    corpus
        The films over the vocabulary, then over the names in ``unknown``.
    respelled
        Names that were read as another spelling, and the spelling.
    unknown
        Names that the vocabulary does not have, and how many films each has.
    ungrouped
        Names that the groups leave out, and how many films each has.
    """

    corpus: Corpus
    respelled: dict[str, str]
    unknown: dict[str, int]
    ungrouped: dict[str, int]


def labels_of(
    corpus: Corpus,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    merges: Mapping[str, Sequence[str]] | None = None,
    vocabulary: Sequence[str] | None = None,
    ungrouped: Collection[str] = (),
) -> Labels:
    """Read the genre names of a corpus as those of a model.

    Parameters
    ----------
    corpus
        Films with their genres as a catalogue names them.
    groups, merges
        As in `genres.GenreSettings`. A name that is a member of a group counts as that group, even
        where it is another group's own name; a group's own name counts as itself otherwise.
    vocabulary
        The model's genres. ``None`` is for train films, whose own names are the vocabulary: of
        several spellings of one name the one with most films is kept.
    ungrouped
        With groups and a vocabulary: names of train that no group has. With groups and no
        vocabulary, every such name is one.
    """
    groups, merges = groups or {}, merges or {}
    films = dict(zip(corpus.genres, corpus.Y.sum(axis=0).tolist(), strict=True))
    rules = _rules(groups, merges)
    own = _Names(_own_vocabulary(films, groups, merges) if vocabulary is None else vocabulary)
    left, others = _Names(ungrouped), _Names(())
    respelled: dict[str, str] = {}
    unknown: dict[str, int] = {}
    in_no_group: dict[str, int] = {}
    genres_of: list[list[str]] = []
    for name, count in films.items():
        known_as = rules.spelling(name)
        wanted = [] if known_as is None else [*rules.genres[known_as]]
        if known_as is None or own.spelling(name) not in groups:
            # A genre that was added to a model stands beside what groups and merges say.
            wanted.append(name)
        genres = list(dict.fromkeys(g for one in wanted if (g := own.spelling(one)) is not None))
        if not genres and groups and (vocabulary is None or left.spelling(name) is not None):
            in_no_group[name] = count
        elif not genres and count:
            known_as = others.spelling(name) or others.add(name)
            unknown[known_as] = unknown.get(known_as, 0) + count
            genres = [known_as]
        elif known_as is None:
            known_as = own.spelling(name)
        if count and known_as not in (None, name):
            respelled[name] = str(known_as)
        genres_of.append(genres)
    return Labels(_over(corpus, [*own.names, *unknown], genres_of), respelled, unknown, in_no_group)


class _Names:
    """Names, found by their own spelling or else by one that differs as `folded` allows."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._exact = set(self.names)
        self._folded: dict[str, str] = {}
        for name in self.names:
            self._folded.setdefault(folded(name), name)

    def add(self, name: str) -> str:
        self.names.append(name)
        self._exact.add(name)
        self._folded[folded(name)] = name
        return name

    def spelling(self, name: str) -> str | None:
        return name if name in self._exact else self._folded.get(folded(name))


class _Rules(_Names):
    """The names that groups or merges speak of, and the genres of each."""

    def __init__(self, genres: Mapping[str, list[str]]) -> None:
        super().__init__(genres)
        self.genres = genres


def _rules(groups: Mapping[str, Sequence[str]], merges: Mapping[str, Sequence[str]]) -> _Rules:
    genres: dict[str, list[str]] = {}
    for group, members in groups.items():
        for member in members:
            genres.setdefault(member, []).append(group)
    for name, aliases in merges.items():
        genres |= {alias: [name] for alias in aliases}
    for name in [*groups, *merges]:
        genres.setdefault(name, [name])
    return _Rules(genres)


def _own_vocabulary(
    films: Mapping[str, int],
    groups: Mapping[str, Sequence[str]],
    merges: Mapping[str, Sequence[str]],
) -> list[str]:
    """The genres of train films, in the order of first sight."""
    if groups:
        return list(groups)
    ruled = _rules({}, merges)
    kept: dict[str, str] = {}
    most: dict[str, int] = {}
    for name, count in films.items():
        rule = ruled.spelling(name)
        if rule is not None:
            kept[folded(ruled.genres[rule][0])] = ruled.genres[rule][0]
        elif (key := folded(name)) not in kept or count > most.get(key, count):
            kept[key], most[key] = cleaned(name), count
    return list(kept.values())


def _over(corpus: Corpus, names: Sequence[str], genres_of: Sequence[Sequence[str]]) -> Corpus:
    column_of = {name: j for j, name in enumerate(names)}
    Y = np.zeros((len(corpus), len(names)), dtype=np.bool_)
    for old, genres in enumerate(genres_of):
        for genre in genres:
            Y[:, column_of[genre]] |= corpus.Y[:, old]
    return corpus.with_targets(names, Y)
