"""Films and a corpus of them: plots, an ordered genre vocabulary and the target matrix Y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError

Rows = Sequence[int] | npt.NDArray[np.integer] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Film:
    """One film: its plot, its genres in vocabulary order, and what is known beside them."""

    plot: str
    genres: tuple[str, ...]
    id: str
    title: str | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """``n`` films and the vocabulary of the ``g`` genres that they may have.

    Parameters
    ----------
    plots
        One text a film.
    genres
        The vocabulary: ``genres[j]`` is the name of column ``j`` of ``Y``; no name stands twice.
    Y
        Targets of shape (n, g), bool: film ``i`` has genre ``j``.
    ids
        One id a film. Unique in what `read_corpus` returns, free to repeat after `take`.
    titles, years
        One a film, or ``None`` where the source knows none at all.
    columns
        What was read as a plot, as genres and so on, and the column that it was read from; empty
        for films that come from no table with a header.

    Raises
    ------
    InputError
        If lengths, the shape or the type of ``Y`` disagree, or a genre stands twice.
    """

    plots: list[str]
    genres: tuple[str, ...]
    Y: npt.NDArray[np.bool_]
    ids: list[str]
    titles: list[str | None] | None = None
    years: list[int | None] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, g = len(self.plots), len(self.genres)
        if self.Y.shape != (n, g):
            raise InputError(
                f"{n} plots and {g} genres need Y of shape {(n, g)}, got {self.Y.shape}"
            )
        if self.Y.dtype != np.bool_:
            raise InputError(f"Y must be bool, got {self.Y.dtype}")
        for name, column in (("ids", self.ids), ("titles", self.titles), ("years", self.years)):
            if column is not None and len(column) != n:
                raise InputError(f"{n} plots need as many {name}, got {len(column)}")
        _refuse_repeated(self.genres)

    @classmethod
    def from_lists(
        cls,
        plots: Sequence[str],
        genres: Sequence[Iterable[str]],
        ids: Sequence[str] | None = None,
        titles: Sequence[str | None] | None = None,
        years: Sequence[int | None] | None = None,
        vocabulary: Iterable[str] | None = None,
    ) -> Corpus:
        """A corpus from one plot and one list of genre names a film.

        Without ``ids`` films are numbered from "1"; without ``vocabulary`` it is every genre that
        stands in ``genres``, by name.

        Raises
        ------
        InputError
            If lengths differ, or a film has a genre outside the vocabulary.
        """
        genre_lists = [_names(names) for names in genres]
        if len(genre_lists) != len(plots):
            raise InputError(f"{len(plots)} plots need as many genre lists, got {len(genre_lists)}")
        if vocabulary is None:
            vocabulary = sorted(set(chain.from_iterable(genre_lists)))
        ordered = tuple(vocabulary)
        return cls(
            plots=list(plots),
            genres=ordered,
            Y=targets(genre_lists, ordered),
            ids=list(ids) if ids is not None else [str(i) for i in range(1, len(plots) + 1)],
            titles=None if titles is None else list(titles),
            years=None if years is None else list(years),
        )

    @classmethod
    def from_films(cls, films: Iterable[Film]) -> Corpus:
        """A corpus of films; titles and years are kept if any film has one."""
        films = list(films)
        titles, years = [film.title for film in films], [film.year for film in films]
        return cls.from_lists(
            plots=[film.plot for film in films],
            genres=[film.genres for film in films],
            ids=[film.id for film in films],
            titles=titles if any(title is not None for title in titles) else None,
            years=years if any(year is not None for year in years) else None,
        )

    def __len__(self) -> int:
        return len(self.plots)

    def __getitem__(self, i: int) -> Film:
        return Film(
            plot=self.plots[i],
            genres=tuple(self.genres[j] for j in np.flatnonzero(self.Y[i])),
            id=self.ids[i],
            title=None if self.titles is None else self.titles[i],
            year=None if self.years is None else self.years[i],
        )

    def __iter__(self) -> Iterator[Film]:
        return (self[i] for i in range(len(self)))

    def take(self, rows: Rows) -> Corpus:
        """The films at ``rows`` in that order, or where a bool mask of shape (n,) is true."""
        index = np.asarray(rows)
        if index.dtype == np.bool_:
            if index.shape != (len(self),):
                raise InputError(f"a mask must be of shape {(len(self),)}, got {index.shape}")
            index = np.flatnonzero(index)
        index = index.astype(np.int64)
        order: list[int] = index.tolist()
        return Corpus(
            plots=[self.plots[i] for i in order],
            genres=self.genres,
            Y=self.Y[index],
            ids=[self.ids[i] for i in order],
            titles=None if self.titles is None else [self.titles[i] for i in order],
            years=None if self.years is None else [self.years[i] for i in order],
            columns=self.columns,
        )

    def with_genres(self, vocabulary: Iterable[str]) -> Corpus:
        """The same films over another vocabulary: reordered, dropped, or added as all false."""
        ordered = tuple(vocabulary)
        Y = np.zeros((len(self), len(ordered)), dtype=np.bool_)
        column_of = {name: j for j, name in enumerate(self.genres)}
        kept = [(new, column_of[name]) for new, name in enumerate(ordered) if name in column_of]
        if kept:
            new, old = map(list, zip(*kept, strict=True))
            Y[:, new] = self.Y[:, old]
        return self.with_targets(ordered, Y)

    def with_targets(self, genres: Iterable[str], Y: npt.NDArray[np.bool_]) -> Corpus:
        """The same films with other genres and targets of shape (n, len(genres))."""
        return replace(self, genres=tuple(genres), Y=Y)

    def films_per_genre(self) -> dict[str, int]:
        """How many films each genre has, in vocabulary order."""
        return dict(zip(self.genres, self.Y.sum(axis=0).tolist(), strict=True))

    def genre_lists(self) -> list[list[str]]:
        """Each film's genre names, in vocabulary order."""
        names = [self.genres[j] for j in np.nonzero(self.Y)[1].tolist()]
        ends = np.cumsum(self.Y.sum(axis=1)).tolist()
        return [names[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def targets(
    genre_lists: Sequence[Iterable[str]],
    vocabulary: Sequence[str],
    unknown: Literal["raise", "ignore"] = "raise",
) -> npt.NDArray[np.bool_]:
    """Targets of shape (n, g) from ``n`` lists of genre names and a vocabulary of ``g`` names.

    Parameters
    ----------
    unknown
        What to do with a genre outside the vocabulary: refuse it, or leave it out.

    Raises
    ------
    InputError
        If a genre is unknown (unless ignored), the vocabulary names one twice, or a film's genres
        are one bare text, whose letters would pass for genres.
    """
    _refuse_repeated(vocabulary)
    column_of = {name: j for j, name in enumerate(vocabulary)}
    lists = [_names(names) for names in genre_lists]
    flat = list(chain.from_iterable(lists))
    rows = np.repeat(np.arange(len(lists)), np.fromiter(map(len, lists), np.int64, len(lists)))
    columns = np.fromiter((column_of.get(name, -1) for name in flat), np.int64, len(flat))
    known = columns >= 0
    if unknown == "raise" and not known.all():
        at = int(np.argmin(known))
        raise InputError(
            f"film {rows[at]} (counting from 0) has the genre {flat[at]!r}, "
            f"which is not among the {len(vocabulary)} genres of the vocabulary"
        )
    Y = np.zeros((len(lists), len(vocabulary)), dtype=np.bool_)
    Y[rows[known], columns[known]] = True
    return Y


def _names(names: Iterable[str]) -> list[str]:
    if isinstance(names, str):
        raise InputError(f"a film's genres must be a list of names, got the text {names!r}")
    return list(names)


def _refuse_repeated(vocabulary: Sequence[str]) -> None:
    if len(set(vocabulary)) < len(vocabulary):
        name, times = Counter(vocabulary).most_common(1)[0]
        raise InputError(f"the genre {name!r} stands {times} times in the vocabulary")
