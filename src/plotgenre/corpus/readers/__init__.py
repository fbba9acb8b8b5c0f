"""Files to a corpus: the origin's one-hot table, the CMU folder, CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.readers.cmu import read_cmu
from plotgenre.corpus.readers.columns import Columns, film_table
from plotgenre.corpus.readers.delimited import lines_and_dialect, read_delimited
from plotgenre.corpus.readers.jsonl import read_jsonl
from plotgenre.corpus.readers.onehot import OneHot, read_genres_file, read_onehot
from plotgenre.corpus.readers.parquet import read_parquet
from plotgenre.corpus.readers.sources import FileFormat, Format, Location, Source, find_sources
from plotgenre.corpus.readers.tables import FilmTable, Keeps, Table, refuse_duplicate_ids
from plotgenre.errors import CorpusError, InputError

__all__ = ["Columns", "Format", "read_corpus", "read_genres_file"]


def read_corpus(
    path: Location | Sequence[Location],
    format: Format = "auto",
    *,
    columns: Columns = Columns(),  # noqa: B008 (frozen)
    genres_file: Location | None = None,
    labelled: bool = True,
) -> Corpus:
    """Read films from one or several files of one format.

    Parameters
    ----------
    path
        A file, a folder (of the CMU corpus, or of tables), a glob, several of these, or ``"-"``
        for JSON lines on standard input. Text is UTF-8, and may be gzipped.
    format
        ``"auto"`` goes by the ending, and takes a CSV whose first row is a plot and then 0/1 only
        for the origin's ``"onehot"``.
    columns
        The names of the columns, for tables that name them.
    genres_file
        Names of the one-hot columns, one a line. Without it, a genres.txt beside the table serves
        if it has as many names; else genres are called genre_0, genre_1 and so on.
    labelled
        False for films to be tagged: then no genres column is needed.

    Returns
    -------
    Corpus
        The films in file order. A film without an id is called by file and row, as
        ``films.csv:3``; rows count from 1 after the header, lines of JSON from 1. A film without
        genres is kept. The vocabulary is sorted by name, or as one-hot columns stand in the file.

    Raises
    ------
    CorpusError
        If the files cannot be read as films; says file, row, column and what was expected.
    InputError
        If the format is unknown, or ``genres_file`` is given for one that names its genres itself.
    MissingExtraError
        If the files are Parquet and pyarrow is not installed.
    """
    sources, kind = find_sources(path, format)
    if genres_file is not None and kind != "onehot":
        raise InputError(f"a genres file names one-hot columns, but {sources[0].name} is {kind}")
    tables: list[OneHot] = []
    if kind == "onehot":
        tables = [read_onehot(source, genres_file) for source in sources]
        read = [table.films for table in tables]
    elif kind == "cmu":
        read = [read_cmu(_folder(source)) for source in sources]
    else:
        read = [
            film_table(_read_table(source, kind, columns.serve), columns, labelled=labelled)
            for source in sources
        ]
    corpus = Corpus.from_films(chain.from_iterable(table.films for table in read))
    if not len(corpus):
        names = ", ".join(source.name for source in sources[:3])
        raise CorpusError(f"no film in {names}; expected at least one")
    refuse_duplicate_ids(chain.from_iterable(table.placed_ids() for table in read))
    if tables:
        return corpus.with_targets(*_stacked(sources, tables))
    return replace(corpus, columns=_columns_read(read))


def _columns_read(tables: Sequence[FilmTable]) -> dict[str, str]:
    """The column of each role; where files differ, all that served."""
    served: dict[str, dict[str, None]] = {}
    for table in tables:
        for role, column in table.columns.items():
            served.setdefault(role, {})[column] = None
    return {role: ", ".join(columns) for role, columns in served.items()}


def _stacked(
    sources: list[Source], tables: list[OneHot]
) -> tuple[tuple[str, ...], npt.NDArray[np.bool_]]:
    genres = tables[0].genres
    for source, table in zip(sources, tables, strict=True):
        if table.genres != genres:
            raise CorpusError(
                f"{source.name} has other genres ({len(table.genres)} columns) than "
                f"{sources[0].name} ({len(genres)}); expected the same in every file"
            )
    return genres, np.concatenate([table.Y for table in tables])


def _folder(source: Source) -> Path:
    if source.path is None:
        raise CorpusError("the CMU corpus is a folder of two files; expected its path")
    return source.path if source.path.is_dir() else source.path.parent


def _read_table(source: Source, kind: FileFormat, keeps: Keeps) -> Table:
    if kind == "parquet":
        return read_parquet(source, keeps)
    with closing(source.lines()) as lines:
        if kind == "jsonl":
            return read_jsonl(lines, source.name, keeps)
        all_lines, dialect = lines_and_dialect(lines, source, kind)
        return read_delimited(all_lines, source.name, dialect, keeps)
