"""Parquet, a batch of rows at a time, with pyarrow, which is an optional part.

A file of some kilobytes may unpack to gigabytes. Here no page is unpacked that is larger than 64
MiB, by its own header, and as many rows are read at once as take 256 MiB, whatever their encoding.
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
_LARGEST_BATCH = 1 << 28
# Of a column of lists in a row group, all of which may be one row's.
_LARGEST_LISTS = 1 << 29
_BYTES_OF_ITEM = 8
# Bytes that all rows may take, or times the bytes of their file: of a table in memory, and of rows
# that are read one after the other.
_TABLE, _STREAM = (1 << 29, 100), (1 << 32, 1000)


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
        yield from _batches(file, content, names, source.name, _STREAM)


def read_parquet(source: Source, keeps: Keeps) -> Table:
    """A table of the columns that are kept; errors are those of `column_batches`.

    It may take 512 MiB, or a hundred times the bytes of its file; rows read by
    `column_batches` 4 GiB, or a thousand times.
    """
    with _opened(source) as (file, content):
        names = list(file.schema_arrow.names)
        columns: dict[str, list[Any]] = {name: [] for name in names if keeps(name)}
        for batch in _batches(file, content, list(columns), source.name, _TABLE):
            for name, values in batch.items():
                columns[name] += values
    n = len(next(iter(columns.values()), []))
    return Table(names, columns, range(1, n + 1), Place(source.name))


def _batches(
    file: ParquetFile,
    content: IO[bytes],
    names: Sequence[str] | None,
    source: str,
    most: tuple[int, int],
) -> Iterator[dict[str, list[Any]]]:
    left = max(most[0], most[1] * content.seek(0, 2))
    rows, looked_up = _checked_pages(file, content, names, source)
    for batch in _parquet_file(content, looked_up).iter_batches(rows, columns=names):
        size = _unpacked(batch)
        left -= size
        if size > _LARGEST_BATCH or left < 0:
            raise CorpusError(
                f"{source} unpacks to many times its bytes ({size:,} bytes in {len(batch)} rows); "
                "expected a table of films"
            )
        yield batch.to_pydict()


def _checked_pages(
    file: ParquetFile, content: IO[bytes], names: Sequence[str] | None, source: str
) -> tuple[int, list[str]]:
    """How many rows may be read at once, and the columns of lists that few bytes may make large.

    One value is no larger than its page, or than the dictionary that it is looked up in.
    """
    row, looked_up = 0, []
    for i in range(file.metadata.num_columns):
        column = file.schema.column(i)
        if names is not None and not any(f"{column.path}.".startswith(f"{n}.") for n in names):
            continue
        text, is_list = column.physical_type == "BYTE_ARRAY", column.max_repetition_level > 0
        largest = 0
        for group in range(file.metadata.num_row_groups):
            values = whole = dictionary = 0
            for page in pages(content, file.metadata.row_group(group).column(i)):
                largest, values = max(largest, page.bytes), values + page.values
                whole += page.bytes * (page.values if page.prefixes else 1)
                dictionary = max(dictionary, 0 if page.values else page.bytes)
                most = _LARGEST_LISTS if largest <= _LARGEST_PAGE else _LARGEST_PAGE
                if most == _LARGEST_PAGE or (is_list and whole + values * _BYTES_OF_ITEM > most):
                    raise CorpusError(
                        f"{source}: the column {column.path!r} unpacks to more than {most:,} "
                        "bytes at once; expected a table of films"
                    )
            if text and is_list and dictionary * values > _LARGEST_LISTS:
                looked_up.append(column.path)
        if not is_list:
            row += max(largest if text else 0, column.length, _BYTES_OF_ITEM)
    return min(max(_LARGEST_BATCH // max(row, 1), 1), _ROWS), looked_up


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


def _parquet_file(content: IO[bytes], looked_up: Sequence[str] = ()) -> ParquetFile:
    from pyarrow.parquet import ParquetFile

    # Reads the pages of a column one after the other, rather than the column whole. Texts that
    # are looked up stay in their dictionary until it is known how often each is meant.
    return ParquetFile(content, buffer_size=_BUFFER, pre_buffer=False, read_dictionary=looked_up)


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
