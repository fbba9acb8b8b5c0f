"""Which column is which, and from raw columns to one clean frame of films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.errors import CorpusError

SOURCE, UNIT = "source", "unit"
USUAL_NAMES = {
    "plot": ("plot", "overview", "summary", "synopsis", "description", "text"),
    "genres": ("genres", "genre", "labels", "tags"),
    "id": ("id",),
    "title": ("title",),
    "year": ("year",),
}


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


def films_frame(
    raw: pl.DataFrame, place: Place, columns: Columns, *, labelled: bool = True
) -> pl.DataFrame:
    """Films in one fixed form, whatever table they come from.

    Parameters
    ----------
    raw
        The columns of the table, and ``ROW`` as its people count.
    place
        What errors call the table and its rows.
    labelled
        Whether there must be a genres column.

    Returns
    -------
    pl.DataFrame
        plot (text), genres (list of text), id (text), title (text), year (integer), ``ROW``,
        ``SOURCE`` and ``UNIT``. Genres are stripped, without nulls and repeats.

    Raises
    ------
    CorpusError
        If a column is missing or of a type that cannot hold what it should, or a plot is empty.
    """
    names = [name for name in raw.columns if name != ROW]
    plot = _named("plot", columns.plot, names, place)
    if plot is None:
        raise _missing("plot", columns.plot, names, place)
    genres = _named("genres", columns.genres, names, place)
    if genres is None and labelled:
        raise _missing("genres", columns.genres, names, place)
    by_row = pl.concat_str(pl.lit(f"{place.source}:"), pl.col(ROW).cast(pl.String))
    frame = raw.select(
        _plots(raw, plot, place).alias("plot"),
        _genres(raw, genres, columns.separator, place).alias("genres"),
        pl.coalesce(_text(raw, _named("id", columns.id, names, place)), by_row).alias("id"),
        _text(raw, _named("title", columns.title, names, place)).alias("title"),
        _years(raw, _named("year", columns.year, names, place)).alias("year"),
        pl.col(ROW).cast(pl.UInt32),
        pl.lit(place.source).alias(SOURCE),
        pl.lit(place.unit).alias(UNIT),
    )
    _refuse_empty_plots(frame, plot)
    return frame


def refuse_duplicate_ids(frame: pl.DataFrame) -> None:
    """Raise CorpusError at the first id that two films of a films frame share; names both rows."""
    if frame["id"].n_unique() == frame.height:
        return
    later = frame.filter(~pl.col("id").is_first_distinct()).row(0, named=True)
    first = frame.filter(pl.col("id") == later["id"]).row(0, named=True)
    raise CorpusError(
        f"{_place(later)}: the id {later['id']!r} already stands in {_place(first)}; "
        "expected an id of its own for every film"
    )


def _place(film: dict[str, Any]) -> str:
    return Place(film[SOURCE], film[UNIT]).at(film[ROW])


def _named(role: str, wanted: str, names: list[str], place: Place) -> str | None:
    """The column for a role; None where there is none and its name was left at the default."""
    if wanted in names:
        return wanted
    if wanted != USUAL_NAMES[role][0]:
        raise _missing(role, wanted, names, place)
    # Of two columns that differ in capitals only, the left one.
    by_lower = {name.strip().lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in USUAL_NAMES[role] if name in by_lower), None)


def _missing(role: str, wanted: str, names: list[str], place: Place) -> CorpusError:
    usual = USUAL_NAMES[role]
    others = f" (or {', '.join(usual[1:])})" if wanted == usual[0] and len(usual) > 1 else ""
    shown = ", ".join(repr(name if len(name) <= 40 else f"{name[:40]}…") for name in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    # A header of digits is a row of the origin's table that is wrong in its first line.
    hint = "; a table without a header is read by format='onehot'" if "0" in names else ""
    return CorpusError(
        f"{place.source} has no {role} column: expected {wanted!r}{others}, "
        f"found {shown or 'none'}{more}{hint}"
    )


def _plots(raw: pl.DataFrame, name: str, place: Place) -> pl.Expr:
    kind = raw.schema[name]
    if not isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null):
        raise CorpusError(f"{place.source}: the plot column {name!r} holds {kind}; expected text")
    return pl.col(name).cast(pl.String)


def _refuse_empty_plots(frame: pl.DataFrame, column: str) -> None:
    empty = frame.filter(pl.col("plot").is_null() | (pl.col("plot").str.strip_chars() == ""))
    if empty.is_empty():
        return
    film = empty.row(0, named=True)
    more = f" (and {empty.height - 1} more are)" if empty.height > 1 else ""
    raise CorpusError(
        f"{_place(film)}, column {column!r}: the plot of the film {film['id']!r} is "
        f"{'null' if film['plot'] is None else 'empty'}{more}; expected text"
    )


def _genres(raw: pl.DataFrame, name: str | None, separator: str | None, place: Place) -> pl.Series:
    if name is None:
        return pl.Series([[]] * raw.height, dtype=pl.List(pl.String))
    return genre_names(raw[name], separator, place, raw[ROW])


def _text(raw: pl.DataFrame, name: str | None) -> pl.Expr:
    if name is None or raw.schema[name].is_nested():
        return pl.lit(None, dtype=pl.String)
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _years(raw: pl.DataFrame, name: str | None) -> pl.Expr:
    # The first four digits in a row serve 1999, 1999.0, "1999-05-01" and dates alike.
    return _text(raw, name).str.extract(r"(\d{4})").cast(pl.Int64)
