"""Which column is which, and from raw columns to films."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from plotgenre.corpus.films import Film
from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.tables import FilmTable, Table, as_text, kind_of
from plotgenre.errors import CorpusError

USUAL_NAMES = {
    "plot": ("plot", "overview", "summary", "synopsis", "description", "text"),
    "genres": ("genres", "genre", "labels", "tags"),
    "id": ("id",),
    "title": ("title",),
    "year": ("year",),
}
_USUAL = frozenset(chain.from_iterable(USUAL_NAMES.values()))
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns of a table of films.

    A name left at its default may also be written in capitals, and be one of the usual others:
    overview, summary, synopsis, description or text for the plot; genre, labels or tags for the
    genres. Another name must be there exactly as given.

    Parameters
    ----------
    separator
        What stands between genre names in one text. ``None`` guesses: the first of ``|``, ``;``,
        ``,`` that stands in at least a tenth as many films as the commonest of the three does. A
        slash is never guessed, since it stands within names such as Action/Adventure.
    """

    plot: str = "plot"
    genres: str = "genres"
    id: str = "id"
    title: str = "title"
    year: str = "year"
    separator: str | None = None

    def serve(self, name: str) -> bool:
        """Whether a column of this name may be one of the five."""
        wanted = (self.plot, self.genres, self.id, self.title, self.year)
        return name in wanted or name.strip().lower() in _USUAL


def film_table(table: Table, columns: Columns, *, labelled: bool = True) -> FilmTable:
    """Films, whatever table they come from.

    A film's genres are stripped, without nulls and repeats. One without an id is called by file and
    row.

    Parameters
    ----------
    labelled
        Whether there must be a genres column.

    Raises
    ------
    CorpusError
        If a column is missing or of a type that cannot hold what it should, or a plot is empty.
    """
    plot = _named("plot", columns.plot, table)
    if plot is None:
        raise _missing("plot", columns.plot, table)
    genres = _named("genres", columns.genres, table)
    if genres is None and labelled:
        raise _missing("genres", columns.genres, table)
    _refuse_other_than_text(plot, table)
    ids = [
        name or f"{table.place.source}:{row}"
        for name, row in zip(_texts("id", columns.id, table), table.rows, strict=True)
    ]
    _refuse_empty_plots(plot, table, ids)
    films = map(
        Film,
        table.columns[plot],
        genre_names(table, genres, columns.separator) if genres else [()] * len(ids),
        ids,
        _texts("title", columns.title, table),
        map(_year, _texts("year", columns.year, table)),
    )
    read = {"plot": plot, "genres": genres} if genres else {"plot": plot}
    return FilmTable(list(films), table.rows, table.place, read)


def _named(role: str, wanted: str, table: Table) -> str | None:
    """The column for a role; None where there is none and its name was left at the default."""
    if wanted in table.names:
        return wanted
    if wanted != USUAL_NAMES[role][0]:
        raise _missing(role, wanted, table)
    # Of two columns that differ in capitals only, the left one.
    by_lower = {name.strip().lower(): name for name in reversed(table.names)}
    return next((by_lower[name] for name in USUAL_NAMES[role] if name in by_lower), None)


def _missing(role: str, wanted: str, table: Table) -> CorpusError:
    usual, names = USUAL_NAMES[role], table.names
    others = f" (or {', '.join(usual[1:])})" if wanted == usual[0] and len(usual) > 1 else ""
    shown = ", ".join(repr(name if len(name) <= 40 else f"{name[:40]}…") for name in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    # A header of digits is a row of the origin's table that is wrong in its first line.
    hint = "; a table without a header is read by format='onehot'" if "0" in names else ""
    return CorpusError(
        f"{table.place.source} has no {role} column: expected {wanted!r}{others}, "
        f"found {shown or 'none'}{more}{hint}"
    )


def _refuse_other_than_text(name: str, table: Table) -> None:
    values = table.columns[name]
    if set(map(type, values)) <= {str, type(None)}:
        return
    other = next(value for value in values if not isinstance(value, str | None))
    raise CorpusError(
        f"{table.place.source}: the plot column {name!r} holds {kind_of(other)}; expected text"
    )


def _refuse_empty_plots(name: str, table: Table, ids: list[str]) -> None:
    plots = table.columns[name]
    empty = [i for i, plot in enumerate(plots) if not plot or plot.isspace()]
    if not empty:
        return
    i, more = empty[0], f" (and {len(empty) - 1} more are)" if len(empty) > 1 else ""
    raise CorpusError(
        f"{table.place.at(table.rows[i])}, column {name!r}: the plot of the film {ids[i]!r} is "
        f"{'null' if plots[i] is None else 'empty'}{more}; expected text"
    )


def _texts(role: str, wanted: str, table: Table) -> list[str | None]:
    """A role's values, stripped; None for lists, objects and blank ones."""
    name = _named(role, wanted, table)
    if name is None:
        return [None] * len(table.rows)
    return [
        None if isinstance(value, list | dict | None) else as_text(value).strip() or None
        for value in table.columns[name]
    ]


def _year(text: str | None) -> int | None:
    # The first four digits in a row serve 1999, 1999.0, "1999-05-01" and dates alike.
    digits = _YEAR.search(text or "")
    return int(digits[0]) if digits else None
