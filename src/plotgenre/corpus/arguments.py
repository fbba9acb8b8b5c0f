"""Plots and genres as Python callers give them, checked and made a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.films import Corpus
from plotgenre.errors import InputError

Genres = Sequence[Iterable[str]] | npt.NDArray[Any]


def checked_plots(plots: Sequence[str]) -> list[str]:
    """The plots as a list.

    Raises
    ------
    InputError
        If one is not a text, or empty.
    """
    if isinstance(plots, str):
        raise InputError("expected a list of plots, got one text; use tag(plot) for a single plot")
    listed = list(_each(plots, "plots"))
    for i, plot in enumerate(listed):
        if not isinstance(plot, str) or not plot.strip() or not _is_unicode(plot):
            raise InputError(f"plot {i} (counting from 0) is {plot!r}; expected a text")
    return listed


def _checked_names(genres: Sequence[Iterable[str]]) -> list[list[str]]:
    if isinstance(genres, str):
        raise InputError("expected a list of genre names for each film, got one text")
    lists: list[list[str]] = []
    for i, film in enumerate(_each(genres, "genres")):
        names = [film] if isinstance(film, str) else list(_each(film, f"genres of film {i}"))
        if isinstance(film, str) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"genres of film {i} (counting from 0) are {film!r}; expected a list of names, "
                "or a numpy array of 0 and 1 for all films"
            )
        lists.append([name.strip() for name in names if name.strip()])
    return lists


def _each(values: Iterable[Any], what: str) -> Iterable[Any]:
    if not isinstance(values, Iterable):
        raise InputError(f"{what}: expected a list, got {values!r}")
    return values


def _is_unicode(text: str) -> bool:
    # Bytes of a wrong encoding reach here as lone surrogates, which no tokenizer reads.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def corpus_of(plots: Sequence[str], genres: Genres) -> Corpus:
    """A corpus of plots and either lists of genre names or targets of shape (n, g).

    Raises
    ------
    InputError
        If lengths differ, or a value is neither.
    """
    listed = checked_plots(plots)
    if not isinstance(genres, np.ndarray):
        return Corpus.from_lists(listed, _checked_names(genres))
    if genres.ndim != 2 or not np.isin(genres, (0, 1)).all():
        raise InputError(
            "an array of genres must be targets of shape (n, g) with 0 and 1; "
            "for names give a list of lists"
        )
    names = tuple(f"genre_{j}" for j in range(genres.shape[1]))
    return Corpus(listed, names, genres.astype(np.bool_), [str(i + 1) for i in range(len(listed))])
