"""The origin's table: no header, column 0 the plot, then one 0/1 column per genre."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from plotgenre.corpus.readers.columns import Columns, films_frame
from plotgenre.corpus.readers.delimited import BINARY, Dialect, guess_delimiter, read_delimited
from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.corpus.readers.sources import Location, Source
from plotgenre.errors import CorpusError

_BESIDE = "genres.txt"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OneHot:
    """The films of one table, as `films_frame` has them but for their genres, which are in ``Y``.

    Parameters
    ----------
    films
        One row a film.
    genres
        The vocabulary in the file's order.
    Y
        Targets of shape (n, g), bool.
    """

    films: pl.DataFrame
    genres: tuple[str, ...]
    Y: npt.NDArray[np.bool_]


def read_onehot(source: Source, genres_file: Location | None) -> OneHot:
    """Read one table; values may be written 0 and 1, 0.0 and 1.0, or false and true.

    Genres are named by ``genres_file``; else by a genres.txt beside the table if it has as many
    names as there are genre columns; else they are genre_0, genre_1 and so on.

    Raises
    ------
    CorpusError
        If a row is ragged, a plot is empty, a value is not 0/1, or ``genres_file`` has another
        number of names.
    """
    data = source.text()
    table = read_delimited(
        data, source.name, Dialect(guess_delimiter(data.decode().splitlines(True)), header=False)
    )
    if table.width < 3:
        raise CorpusError(
            f"{source.name} has one column; expected a plot and then one 0/1 column per genre"
        )
    genres = _vocabulary(source, table.width - 2, genres_file)
    plots = table.select(ROW, pl.nth(1).alias("plot"))
    films = films_frame(plots, Place(source.name), Columns(), labelled=False)
    values = pl.nth(range(2, table.width)).str.strip_chars().str.to_lowercase()
    flags = table.select(values.replace_strict(BINARY, default=None, return_dtype=pl.Boolean))
    _refuse_other_values(table, flags, source, genres)
    return OneHot(films, tuple(genres), flags.to_numpy().astype(np.bool_, copy=False))


def read_genres_file(path: Location) -> list[str]:
    """The genre names of a text file, one a line; blank lines at its end do not count.

    Raises
    ------
    CorpusError
        If there is no such file, or a name is blank or stands twice; names both lines.
    """
    path = Path(path)
    lines = Source(path, path.name).text().decode("utf-8").rstrip().split("\n")
    first_line: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name:
            raise CorpusError(f"{path.name}, line {number} is blank; expected a genre's name")
        if name in first_line:
            raise CorpusError(
                f"{path.name}, line {number}: the genre {name!r} already stands in line "
                f"{first_line[name]}; expected every name once"
            )
        first_line[name] = number
    return list(first_line)


def _vocabulary(source: Source, g: int, genres_file: Location | None) -> list[str]:
    if genres_file is not None:
        names = read_genres_file(genres_file)
        if len(names) != g:
            raise CorpusError(
                f"{Path(genres_file).name} names {len(names)} genres, "
                f"but {source.name} has {g} genre columns"
            )
        return names
    beside = source.path.parent / _BESIDE if source.path is not None else None
    if beside is not None and beside.is_file():
        names = read_genres_file(beside)
        if len(names) == g:
            return names
        logger.warning(
            "%s names %d genres but %s has %d genre columns: they are called genre_0 and so on",
            *(beside, len(names), source.name, g),
        )
    return [f"genre_{j}" for j in range(g)]


def _refuse_other_values(
    table: pl.DataFrame, flags: pl.DataFrame, source: Source, vocabulary: list[str]
) -> None:
    wrong = flags.select(pl.any_horizontal(pl.all().is_null())).to_series()
    if not wrong.any():
        return
    at = int(wrong.arg_max() or 0)
    j = next(j for j, flag in enumerate(flags.row(at)) if flag is None)
    value = table[at, j + 2]
    raise CorpusError(
        f"{source.name}, row {table[at, ROW]}, column {j + 1} (the genre {vocabulary[j]!r}): "
        f"the value is {'empty' if value is None else repr(value)}; expected 0 or 1"
    )
