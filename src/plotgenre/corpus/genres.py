"""The vocabulary: which genres are learned, which are one genre under several names."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.dataclasses import dataclass as settings

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.labels import Labels, labels_of
from plotgenre.errors import CorpusError, RecipeError


@settings(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class GenreSettings:
    """What becomes of a corpus's genres before anything is learned.

    Parameters
    ----------
    minimum_films
        A genre with fewer train films, after merging, is left out. 0 keeps every
        column of a one-hot table or matrix: one that no train film has gets its prior alone.
    merges
        Genres under several names: the name to keep, and the aliases that become it.
    groups
        A vocabulary of one's own instead: its names, and the corpus's genres that each stands for.
        A genre may belong to several groups; one that belongs to none is left out. A group's own
        name counts as the group, unless it is listed as a member of another one only.
    without_genre
        What becomes of films that are left without a genre.
    """

    minimum_films: int = Field(default=10, ge=0)
    merges: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    without_genre: Literal["drop", "keep"] = "drop"

    @field_validator("merges")
    @classmethod
    def _consistent(cls, merges: dict[str, list[str]]) -> dict[str, list[str]]:
        check_merges(merges)
        return merges

    @model_validator(mode="after")
    def _one_of_both(self) -> GenreSettings:
        if self.merges and self.groups:
            raise ValueError("groups name all genres anew, so merges must be empty beside them")
        return self


@dataclass(frozen=True, slots=True)
class ChosenGenres:
    """A corpus over the chosen genres, and what the choice cost.

    Parameters
    ----------
    corpus
        The films over the chosen genres, in the order of the corpus or of the groups.
    seen
        Every genre after merging or grouping, and how many films have it.
    left_out
        Those of them with too few films.
    respelled
        Names that were read as another spelling of the same name, and that spelling.
    ungrouped
        Names that no group has, and how many films each has; empty without groups.
    without_genre
        How many films are left without a genre.
    dropped
        Whether those films are out of ``corpus``.
    """

    corpus: Corpus
    seen: dict[str, int]
    left_out: dict[str, int]
    respelled: dict[str, str]
    ungrouped: dict[str, int]
    without_genre: int
    dropped: bool


def choose_genres(corpus: Corpus, settings: GenreSettings) -> ChosenGenres:
    """Merge or group genres, leave out those with too few films, count films left without any.

    Raises
    ------
    CorpusError
        If no genre has enough films.
    """
    labels = renamed(corpus, settings)
    films = labels.corpus.films_per_genre()
    least = settings.minimum_films
    kept = [name for name, count in films.items() if count >= least]
    if not any(films.values()):
        raise CorpusError(
            f"none of the {len(corpus)} train films has a genre that the recipe keeps; "
            "expected names of genres beside the plots"
        )
    if not kept:
        most = max(films.values())
        raise CorpusError(
            f"none of the {len(films)} genres has {least} films or more among the {len(corpus)} "
            f"train films; the commonest has {most}: lower genres.minimum_films to it or below"
        )
    chosen = labels.corpus.with_genres(kept)
    labelled = np.asarray(chosen.Y.any(axis=1))
    dropped = settings.without_genre == "drop" and not labelled.all()
    return ChosenGenres(
        corpus=chosen.take(labelled) if dropped else chosen,
        seen=films,
        left_out={name: films[name] for name in sorted(set(films) - set(kept))},
        respelled=labels.respelled,
        ungrouped=labels.ungrouped,
        without_genre=int((~labelled).sum()),
        dropped=dropped,
    )


def renamed(
    corpus: Corpus,
    settings: GenreSettings,
    vocabulary: Sequence[str] | None = None,
    ungrouped: Collection[str] = (),
) -> Labels:
    """The films with their genres called as the settings say, see `labels.labels_of`."""
    return labels_of(
        corpus,
        groups=settings.groups,
        merges=settings.merges,
        vocabulary=vocabulary,
        ungrouped=ungrouped,
    )


def known_labels(
    corpus: Corpus,
    settings: GenreSettings,
    vocabulary: Sequence[str],
    ungrouped: Collection[str] = (),
) -> Labels:
    """`renamed` over a model's vocabulary, once any of its genres is there.

    Raises
    ------
    CorpusError
        If no film has a genre of the vocabulary.
    """
    labels = renamed(corpus, settings, vocabulary, ungrouped)
    if not labels.corpus.Y[:, : len(vocabulary)].any():
        raise CorpusError(
            f"none of the {len(corpus)} films has a genre that the model knows, such as "
            f"{', '.join(vocabulary[:3])}; the films have {', '.join(_some(labels))}"
        )
    return labels


def _some(labels: Labels) -> list[str]:
    names = [*labels.unknown, *labels.ungrouped]
    return [repr(name) for name in names[:3]] or ["no label at all"]


def apply_merges(corpus: Corpus, merges: Mapping[str, Sequence[str]]) -> Corpus:
    """The same films where every alias has become its kept name, in the order of first sight.

    A kept name or an alias that the corpus does not have is no error: one map serves many corpora.

    Raises
    ------
    RecipeError
        If the map contradicts itself, see `check_merges`.
    """
    check_merges(merges)
    return labels_of(corpus, merges=merges).corpus


def check_merges(merges: Mapping[str, Sequence[str]]) -> None:
    """Refuse a map in which a name is kept and an alias at once, or an alias has two kept names.

    Raises
    ------
    RecipeError
        If it is so; names the names.
    """
    kept_name: dict[str, str] = {}
    for name, aliases in merges.items():
        for alias in aliases:
            if alias in merges:
                raise RecipeError(
                    f"merges: {alias!r} is an alias of {name!r} and has aliases of its own; "
                    "expected every name on one side only"
                )
            if kept_name.setdefault(alias, name) != name:
                raise RecipeError(
                    f"merges: {alias!r} is an alias of both {kept_name[alias]!r} and {name!r}; "
                    "expected one name for it"
                )


def read_merges(path: str | Path) -> dict[str, list[str]]:
    """A map of merges from a TOML file with a table such as ``[merges] Comedy = ["Comedy film"]``.

    Raises
    ------
    RecipeError
        If the file is missing, not TOML, has no such table, or the map contradicts itself.
    """
    merges = _read_map(path, "merges")
    check_merges(merges)
    return merges


def read_groups(path: str | Path) -> dict[str, list[str]]:
    """A vocabulary from a TOML file with a table such as ``[groups] Crime = ["Gangster Film"]``.

    Raises
    ------
    RecipeError
        If the file is missing, not TOML, or has no such table or nothing in it.
    """
    groups = _read_map(path, "groups")
    if not groups:
        raise RecipeError(f"{Path(path).name}: the table [groups] is empty; expected a name in it")
    return groups


def _read_map(path: str | Path, table: str) -> dict[str, list[str]]:
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"{path.name} is not TOML: {error}") from error
    found = document.get(table)
    if not isinstance(found, dict) or set(document) != {table}:
        raise RecipeError(
            f"{path.name}: expected one table [{table}], found {', '.join(document) or 'nothing'}"
        )
    for name, aliases in found.items():
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            raise RecipeError(
                f'{path.name}, {name!r}: expected a list of names such as ["Comedy film"], '
                f"got {aliases!r}"
            )
    return found
