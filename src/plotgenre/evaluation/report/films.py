"""What the report says of films beside their scores, and which of them it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plotgenre.errors import InputError
from plotgenre.evaluation.metrics import Array, Bools, film_values

# Below this a probability counts no further against the model: 0 is a genre that it cannot say.
_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class ReportFilms:
    """The ``n`` test films, in the order of the rows of P and Y.

    Parameters
    ----------
    plots, ids
        One a film.
    titles, years
        One a film, or ``None`` where none is known.

    Raises
    ------
    InputError
        If lengths differ.
    """

    plots: Sequence[str]
    ids: Sequence[str]
    titles: Sequence[str | None] | None = None
    years: Sequence[int | None] | None = None

    def __post_init__(self) -> None:
        for name in ("ids", "titles", "years"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.plots):
                raise InputError(f"{len(self.plots)} plots need as many {name}, got {len(column)}")

    def __len__(self) -> int:
        return len(self.plots)


@dataclass(frozen=True, slots=True)
class GuessedGenre:
    """A genre that a film has or was given; ``p`` is the model's probability of it."""

    genre: str
    p: float
    right: bool


@dataclass(frozen=True, slots=True)
class FilmCard:
    """One film as the page shows it: genres predicted, and true ones, by falling probability."""

    title: str
    year: int | None
    plot: str
    f1: float
    predicted: tuple[GuessedGenre, ...]
    true: tuple[GuessedGenre, ...]


def best_and_worst(P: Array, Y: Bools, D: Bools, count: int = 10) -> tuple[list[int], list[int]]:
    """Rows of the films that went best and worst, of those with a true genre.

    By the film's F1; of equals, best are those with most genres found and worst those whose
    genres the model thought least likely (cross-entropy, probabilities clipped at 0.001).

    Parameters
    ----------
    P, Y, D
        Probabilities, targets and decisions of shape (n, g).
    count
        The most films in each list; no film is in both.
    """
    p = np.clip(P, _FLOOR, 1 - _FLOOR)
    loss = -np.where(Y, np.log(p), np.log1p(-p)).sum(axis=1)
    f1, found = film_values(Y, D)["samples_f1"], (Y & D).sum(axis=1)
    order = np.lexsort((loss, -found, -f1))
    order = order[Y[order].any(axis=1)]
    best = order[: min(count, (len(order) + 1) // 2)].tolist()
    rest = order[len(best) :]
    return best, rest[np.lexsort((-loss[rest], f1[rest]))][:count].tolist()


def film_card(
    row: int, films: ReportFilms, genres: Sequence[str], P: Array, Y: Bools, D: Bools
) -> FilmCard:
    """One film with its genres, from matrices of shape (n, g) and ``g`` names."""

    def genres_where(mask: Bools, right: Bools) -> tuple[GuessedGenre, ...]:
        columns = np.flatnonzero(mask)
        ranked = columns[np.argsort(-P[row, columns], kind="stable")]
        return tuple(GuessedGenre(genres[j], float(P[row, j]), bool(right[j])) for j in ranked)

    title = None if films.titles is None else films.titles[row]
    return FilmCard(
        title=title or films.ids[row],
        year=None if films.years is None else films.years[row],
        plot=films.plots[row],
        f1=float(film_values(Y[row : row + 1], D[row : row + 1])["samples_f1"][0]),
        predicted=genres_where(D[row], Y[row]),
        true=genres_where(Y[row], D[row]),
    )
