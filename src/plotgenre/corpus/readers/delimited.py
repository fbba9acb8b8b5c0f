"""Text tables: a delimiter, quotes, one record a film, and where a record is ragged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.errors import CorpusError

if TYPE_CHECKING:
    from _csv import Reader

BINARY = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written.

    Parameters
    ----------
    delimiter
        One character between fields.
    header
        Whether the first record names the columns.
    quoted
        Whether a double quote begins a field that may hold delimiters and line ends.
    """

    delimiter: str = ","
    header: bool = True
    quoted: bool = True

    def place(self, source: str) -> Place:
        """How messages call the rows of a table written so."""
        return Place(source, "row {} after the header" if self.header else "row {}")


def read_delimited(data: bytes, source: str, dialect: Dialect) -> pl.DataFrame:
    """A table of text columns, with a column ``ROW`` that counts records from 1 after the header.

    Records that are blank from end to end are left out, but counted.

    Parameters
    ----------
    data
        UTF-8 without a byte order mark.
    source
        What errors call the file.

    Raises
    ------
    CorpusError
        If a record has more or fewer fields than the first, or a quote is never closed.
    """
    try:
        frame = pl.read_csv(
            data,
            separator=dialect.delimiter,
            has_header=dialect.header,
            quote_char='"' if dialect.quoted else None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        _refuse_ragged(data, source, dialect, strict=True)
        reason = str(error).splitlines()[0]
        raise CorpusError(f"{source} cannot be read as a table of text: {reason}") from error
    frame = frame.with_row_index(ROW, offset=1)
    filled = frame.filter(~pl.all_horizontal(pl.exclude(ROW).is_null()))
    # polars fills a short record up with nulls, so one shows in the last column. Looking closer is
    # slow, and less forgiving of stray quotes than polars was, hence not strict.
    if filled.to_series(-1).null_count():
        _refuse_ragged(data, source, dialect, strict=False)
    return filled


def guess_delimiter(data: bytes) -> str:
    """The one of ``, ; TAB |`` that makes the first record a one-hot one, or else cuts it finest.

    The comma where two cut it alike.
    """

    def fitness(delimiter: str) -> tuple[bool, int]:
        fields = _first_record(data, delimiter)
        return _is_onehot(fields), len(fields)

    return max(_DELIMITERS, key=fitness)


def looks_onehot(data: bytes) -> bool:
    """Whether the first record is a plot and then nothing but 0/1, as in the origin's tables."""
    return _is_onehot(_first_record(data, guess_delimiter(data)))


def _is_onehot(fields: list[str]) -> bool:
    return len(fields) > 1 and all(field.strip().lower() in BINARY for field in fields[1:])


def _refuse_ragged(data: bytes, source: str, dialect: Dialect, *, strict: bool) -> None:
    place, row, line, expected = dialect.place(source), 0, 0, 0
    first = 0 if dialect.header else 1
    with _long_fields_allowed():
        records = _records(data, dialect, strict=strict)
        try:
            for row, fields in enumerate(records, start=first):
                expected = expected or len(fields)
                if fields and len(fields) != expected:
                    columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
                    raise CorpusError(
                        f"{place.at(row)} (from line {line + 1}) has {columns}; "
                        f"expected {expected}, as in the first row"
                    )
                line = records.line_num
        except csv.Error as error:
            raise CorpusError(
                f"{place.at(row + 1 if line else first)} (from line {line + 1})"
                f": {error}; expected every quoted field to end in a double quote"
            ) from error


def _first_record(data: bytes, delimiter: str) -> list[str]:
    with _long_fields_allowed():
        try:
            records = _records(data, Dialect(delimiter), strict=False)
            return next((fields for fields in records if fields), [])
        except csv.Error:
            return []


def _records(data: bytes, dialect: Dialect, *, strict: bool) -> Reader:
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    if not dialect.quoted:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=strict)


@contextmanager
def _long_fields_allowed() -> Iterator[None]:
    """The csv module refuses fields of over 128 KiB, and its limit is the whole process's."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
