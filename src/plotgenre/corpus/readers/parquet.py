"""Parquet, a batch of rows at a time, with pyarrow, which is an optional part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import Keeps, Table
from plotgenre.errors import CorpusError, MissingExtraError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

    from plotgenre.corpus.readers.sources import Source

# Few, for rows are held as objects twice over.
_ROWS = 256
_BUFFER = 1 << 20


def column_names(source: Source) -> list[str]:
    """The names of a Parquet file's columns; errors are those of `column_batches`."""
    with _opened(source) as file:
        return list(file.schema_arrow.names)


def column_batches(
    source: Source, names: Sequence[str] | None = None
) -> Iterator[dict[str, list[Any]]]:
    """The values of some hundred rows at a time, one list a column.

    Parameters
    ----------
    names
        The columns to read; ``None`` reads all.

    Raises
    ------
    CorpusError
        If it is no Parquet file, or a damaged one.
    MissingExtraError
        If pyarrow is not installed.
    """
    with _opened(source) as file:
        for batch in file.iter_batches(_ROWS, columns=names):
            yield batch.to_pydict()


def read_parquet(source: Source, keeps: Keeps) -> Table:
    """A table of the columns that are kept; errors are those of `column_batches`."""
    names = column_names(source)
    columns: dict[str, list[Any]] = {name: [] for name in names if keeps(name)}
    for batch in column_batches(source, list(columns)):
        for name, values in batch.items():
            columns[name] += values
    n = len(next(iter(columns.values()), []))
    return Table(names, columns, range(1, n + 1), Place(source.name))


@contextmanager
def _opened(source: Source) -> Iterator[ParquetFile]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as missing:
        raise MissingExtraError("Reading Parquet", "parquet") from missing
    with source.seekable() as file:
        try:
            # Reads the pages of a column one after the other, rather than the column whole.
            yield ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        # A damaged file may also give text that is not UTF-8, and dates that do not exist.
        except (ArrowException, OSError, ValueError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise CorpusError(f"{source.name} cannot be read as Parquet: {reason}") from error
