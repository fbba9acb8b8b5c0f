"""The origin's table: no header, column 0 the plot, then one 0/1 column per genre."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.readers.columns import Columns, film_table
from plotgenre.corpus.readers.delimited import BINARY, Record, lines_and_dialect, records
from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.sources import Location, Source
from plotgenre.corpus.readers.tables import FilmTable, Table
from plotgenre.errors import CorpusError

_BESIDE = "genres.txt"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OneHot:
    """The films of one table, but for their genres, which are in ``Y``.

    Parameters
    ----------
    films
        Without genres.
    genres
        The vocabulary in the file's order.
    Y
        Targets of shape (n, g), bool.
    """

    films: FilmTable
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
    place = Place(source.name)
    plots: list[str | None] = []
    rows: list[int] = []
    genres: list[str] = []
    cells = bytearray()
    with closing(source.lines()) as lines:
        all_lines, guessed = lines_and_dialect(lines, source, "onehot")
        dialect = replace(guessed, header=False)
        for record in records(all_lines, source.name, dialect):
            record.refuse(place)
            genres = genres or _vocabulary(source, len(record.fields) - 1, genres_file)
            plots.append(record.fields[0] or record.with_nulls(dialect)[0])
            rows.append(record.number)
            cells += bytes(_flags(record, genres, place))
    films = film_table(Table(["plot"], {"plot": plots}, rows, place), Columns(), labelled=False)
    Y = np.frombuffer(cells, dtype=np.bool_).reshape(len(rows), len(genres))
    return OneHot(films, tuple(genres), Y)


def read_genres_file(path: Location) -> list[str]:
    """The genre names of a text file, one a line; blank lines at its end do not count.

    Raises
    ------
    CorpusError
        If there is no such file, or a name is blank or stands twice; names both lines.
    """
    path = Path(path)
    lines = "".join(Source(path, path.name).lines()).rstrip().split("\n")
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
    if not g:
        raise CorpusError(
            f"{source.name} has one column; expected a plot and then one 0/1 column per genre"
        )
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


def _flags(record: Record, genres: list[str], place: Place) -> list[bool]:
    flags: list[bool] = []
    for j, value in enumerate(record.fields[1:]):
        flag = BINARY.get(value)
        if flag is None:
            flag = BINARY.get(value.strip().lower())
        if flag is None:
            raise CorpusError(
                f"{place.at(record.number)}, column {j + 1} (the genre {genres[j]!r}): "
                f"the value is {repr(value) if value else 'empty'}; expected 0 or 1"
            )
        flags.append(flag)
    return flags
