"""The account: what was read of films with genres, and what of it counts in a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.labels import Labels, folded
from plotgenre.corpus.synonyms import normalised_name

_SHOWN = 6
# Of difflib's ratio; below it names have little in common but their length.
_SIMILAR = 0.8
# Below this share of labels that the model knows, its scores are mostly about names.
_FEW = 0.5


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name that is no genre of the model, its films, and the genre of the most similar name."""

    name: str
    films: int
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """What was read of films with genres.

    Parameters
    ----------
    films
        Films that were read; none of them is left out of a score.
    without_label
        Films of which the table names no genre.
    columns
        What was read, and the column that it was read from.
    labels, known
        Pairs of a film and a name, and those of them whose name is a genre of the model.
    respelled
        Names that were read as another spelling of the same name, and that spelling.
    unknown
        Names that are no genre of the model: none of their films can be tagged with them, which
        counts as missed.
    ungrouped
        Names that no group of the recipe has, and their films: they are left out of all scores.
    untested
        Genres of the model that no film has, and how many films were tagged with each; every such
        tag counts as wrong.
    shared
        Of the sides of a split, how many of these films have a plot that stands there too.
    """

    films: int
    without_label: int
    columns: Mapping[str, str]
    labels: int
    known: int
    respelled: Mapping[str, str]
    unknown: tuple[UnknownName, ...]
    ungrouped: Mapping[str, int]
    untested: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        films: Corpus,
        labels: Labels,
        tags: Mapping[str, int] | None = None,
        shared: Mapping[str, int] | None = None,
    ) -> Account:
        """The account of films whose names were read as ``labels``.

        Parameters
        ----------
        films
            As they were read, under their own names.
        labels
            What `labels.labels_of` made of them.
        tags
            Films tagged with each genre of the model, if the model was asked.
        shared
            Films whose plot stands on each other side of the split too.
        """
        counts = labels.corpus.films_per_genre()
        vocabulary = [name for name in counts if name not in labels.unknown]
        return cls(
            films=len(films),
            without_label=int((~films.Y.any(axis=1)).sum()),
            columns=dict(films.columns),
            labels=sum(counts.values()),
            known=sum(counts[name] for name in vocabulary),
            respelled=dict(labels.respelled),
            unknown=tuple(
                UnknownName(name, count, _nearest(name, vocabulary))
                for name, count in sorted(labels.unknown.items(), key=lambda one: -one[1])
            ),
            ungrouped={name: count for name, count in labels.ungrouped.items() if count},
            untested={name: n for name, n in (tags or {}).items() if not counts.get(name)},
            shared={side: n for side, n in (shared or {}).items() if n},
        )

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Account:
        """The account that `as_dict` was taken of."""
        fields = dict(stored)
        return cls(unknown=tuple(UnknownName(**one) for one in fields.pop("unknown")), **fields)

    def less(self, respelled: Mapping[str, str]) -> Account:
        """The account without those spellings, of which is told elsewhere."""
        own = {name: as_ for name, as_ in self.respelled.items() if name not in respelled}
        return replace(self, respelled=own)

    def as_dict(self) -> dict[str, Any]:
        """Everything as what JSON can hold."""
        return asdict(self)

    def sentences(self) -> list[str]:
        """Each thing that a reader of the scores should know, in one sentence."""
        said = []
        if self.columns:
            read = (f"{role} from the column {column!r}" for role, column in self.columns.items())
            said.append(f"Read: {', '.join(read)}.")
        said += self.warnings()
        if self.ungrouped:
            names = [f"{name} ({n:,})" for name, n in self.ungrouped.items()]
            said.append(f"{_names(len(names))} left out, as no group has them: {_some(names)}.")
        if self.untested:
            tags = sum(self.untested.values())
            have = "genre has" if len(self.untested) == 1 else "genres have"
            said.append(
                f"{len(self.untested):,} {have} no film here; {tags:,} tags count as wrong."
            )
        return said

    def warnings(self) -> list[str]:
        """Of the sentences those that tell of something wrong with the films or their names."""
        said = []
        if self.shared:
            sides = (f"{n:,} are {side} films too" for side, n in self.shared.items())
            said.append(f"Of {_films(self.films)}, {', '.join(sides)}: scores are too good.")
        if self.without_label:
            bare = _films(self.without_label)
            said.append(f"{bare} without a label: each tag of theirs counts as wrong.")
        if self.respelled:
            names = [f"{written!r} as {read!r}" for written, read in self.respelled.items()]
            said.append(f"{_names(len(names))} read as another spelling: {_some(names)}.")
        if self.unknown:
            missed = f"{self.labels - self.known:,} of {self.labels:,} labels"
            names = [_unknown(one) for one in self.unknown]
            said.append(f"{missed} are not genres of the model, so it misses them: {_some(names)}.")
        if self.known < _FEW * self.labels:
            share = f"{self.known / self.labels:.0%}"
            said.append(
                f"Only {share} of the labels are genres of the model: these scores are mostly "
                "about names. Give the table the model's names, or train on it."
            )
        return said


def _nearest(name: str, vocabulary: Sequence[str]) -> str | None:
    """The genre whose name has the same words, or else the most similar letters."""
    words = normalised_name(name)
    same = (one for one in vocabulary if words and normalised_name(one) == words)
    if (found := next(same, None)) is not None:
        return found
    spelled = {folded(one): one for one in vocabulary}
    close = get_close_matches(folded(name), spelled, n=1, cutoff=_SIMILAR)
    return spelled[close[0]] if close else None


def _unknown(one: UnknownName) -> str:
    near = "" if one.nearest is None else f"; the nearest genre is {one.nearest}"
    return f"{one.name} ({_films(one.films)}{near})"


def _films(count: int) -> str:
    return f"{count:,} film{'' if count == 1 else 's'}"


def _names(count: int) -> str:
    return f"{count:,} name{' was' if count == 1 else 's were'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
