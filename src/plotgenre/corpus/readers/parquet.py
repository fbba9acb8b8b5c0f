"""Parquet, a batch of rows at a time, with pyarrow, which is an optional part.

A file of some kilobytes may unpack to gigabytes. Here no page is unpacked that is larger than 64
MiB, by its own header, and as many rows are read at once as take 128 MiB, whatever their encoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from plotgenre.corpus.readers.parquet_pages import pages
from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import Keeps, Table
from plotgenre.errors import CorpusError, MissingExtraError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

    from plotgenre.corpus.readers.sources import Source

# Few, for rows are held as objects twice over.
_ROWS = 256
_BUFFER = 1 << 20
_LARGEST_PAGE = 1 << 26
# Of the rows that are read at once.
_LARGEST_BATCH = 1 << 27
# Of a column of lists in a row group, all of which may be one row's.
_LARGEST_LISTS = 1 << 29
_BYTES_OF_ITEM = 8
# A table in memory may take so many bytes, or so many times those of its file.
_LARGEST_TABLE, _LARGEST_RATIO = 1 << 29, 100


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
        If it is no Parquet file, a damaged one, or one whose rows unpack to too many bytes.
    MissingExtraError
        If pyarrow is not installed.
    """
    with _opened(source) as (file, content):
        for values, _ in _batches(file, content, names, source.name):
            yield values


def read_parquet(source: Source, keeps: Keeps) -> Table:
    """A table of the columns that are kept; errors are those of `column_batches`.

    It may take 512 MiB, or a hundred times the bytes of its file.
    """
    with _opened(source) as (file, content):
        names = list(file.schema_arrow.names)
        columns: dict[str, list[Any]] = {name: [] for name in names if keeps(name)}
        size, most = 0, max(_LARGEST_TABLE, _LARGEST_RATIO * content.seek(0, 2))
        for batch, taken in _batches(file, content, list(columns), source.name):
            size += taken
            if size > most:
                raise CorpusError(
                    f"{source.name} unpacks to more than {most:,} bytes; expected a table of films"
                )
            for name, values in batch.items():
                columns[name] += values
    n = len(next(iter(columns.values()), []))
    return Table(names, columns, range(1, n + 1), Place(source.name))


def _batches(
    file: ParquetFile, content: IO[bytes], names: Sequence[str] | None, source: str
) -> Iterator[tuple[dict[str, list[Any]], int]]:
    """The values of some rows, and their bytes."""
    rows, lists = _checked_pages(file, content, names, source)
    for batch in _parquet_file(content, lists).iter_batches(rows, columns=names):
        size = _unpacked(batch)
        if size > _LARGEST_BATCH:
            raise CorpusError(
                f"{source}: {len(batch)} of its rows unpack to more than {_LARGEST_BATCH:,} bytes; "
                "expected a table of films"
            )
        yield batch.to_pydict(), size


def _checked_pages(
    file: ParquetFile, content: IO[bytes], names: Sequence[str] | None, source: str
) -> tuple[int, list[str]]:
    """How many rows may be read at once, and the columns of texts in lists.

    One value is no larger than its page, or than the dictionary that it is looked up in.
    """
    row, lists = 0, []
    for i in range(file.metadata.num_columns):
        column = file.schema.column(i)
        if names is not None and not any(f"{column.path}.".startswith(f"{n}.") for n in names):
            continue
        text, is_list = column.physical_type == "BYTE_ARRAY", column.max_repetition_level > 0
        largest = 0
        for group in range(file.metadata.num_row_groups):
            whole = 0
            for page in pages(content, file.metadata.row_group(group).column(i)):
                largest = max(largest, page.bytes)
                whole += page.bytes + _BYTES_OF_ITEM * page.values
                if largest > _LARGEST_PAGE or (is_list and whole > _LARGEST_LISTS):
                    most = _LARGEST_LISTS if largest <= _LARGEST_PAGE else _LARGEST_PAGE
                    raise CorpusError(
                        f"{source}: the column {column.path!r} unpacks to more than {most:,} "
                        "bytes at once; expected a table of films"
                    )
        row += max(largest if text else 0, column.length, _BYTES_OF_ITEM)
        lists += [column.path] if text and is_list else []
    return min(max(_LARGEST_BATCH // max(row, 1), 1), _ROWS), lists


def _unpacked(batch: Any) -> int:
    """Bytes of a record batch, with the texts of dictionaries as often as they are meant."""
    return sum(map(_unpacked_array, batch.columns))


def _unpacked_array(array: Any) -> int:
    import pyarrow as pa
    from pyarrow import compute

    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = compute.binary_length(array.dictionary)
        return int(compute.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(map(_unpacked_array, array.flatten()))
    if pa.types.is_map(kind):
        return _unpacked_array(array.keys) + _unpacked_array(array.items)
    if pa.types.is_nested(kind):
        return _unpacked_array(array.flatten()) + int(array.nbytes)
    return int(array.nbytes)


def _parquet_file(content: IO[bytes], lists: Sequence[str] = ()) -> ParquetFile:
    from pyarrow.parquet import ParquetFile

    # Reads the pages of a column one after the other, rather than the column whole. Texts in lists
    # stay in their dictionary until it is known how often each is meant.
    return ParquetFile(content, buffer_size=_BUFFER, pre_buffer=False, read_dictionary=lists)


@contextmanager
def _opened(source: Source) -> Iterator[tuple[ParquetFile, IO[bytes]]]:
    try:
        from pyarrow import ArrowException
    except ImportError as missing:
        raise MissingExtraError("Reading Parquet", "parquet") from missing
    with source.seekable() as file:
        try:
            yield _parquet_file(file), file
        except CorpusError:
            raise
        # A damaged file may also give text that is not UTF-8, and dates that do not exist.
        except (ArrowException, OSError, ValueError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise CorpusError(f"{source.name} cannot be read as Parquet: {reason}") from error
