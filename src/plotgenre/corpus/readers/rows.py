"""A table row by row, however long it is: CSV, TSV, JSON lines and Parquet, gzipped too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from plotgenre.corpus.readers.delimited import column_names, lines_and_dialect, records
from plotgenre.corpus.readers.jsonl import objects
from plotgenre.corpus.readers.parquet import column_batches
from plotgenre.corpus.readers.sources import FileFormat, Source
from plotgenre.corpus.readers.tables import TOO_LONG
from plotgenre.errors import InputError
from plotgenre.texts import LONGEST_ROW


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    number
        As people count: rows from 1, after the header if there is one; lines of JSON from 1.
    values
        By column: text for CSV and TSV, else what the file holds. Empty where the row is broken.
    error
        One sentence on why it cannot be read, without the file's name and the row's number.
    """

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes its values take: their characters, and 8 for each value."""
        # No recursion, for lines of JSON may be nested as deep as that goes.
        size, values = 0, list(self.values.values())
        while values:
            value = values.pop()
            size += 8
            if isinstance(value, str | bytes):
                size += len(value)
            elif isinstance(value, dict | list | tuple):
                values += value.values() if isinstance(value, dict) else value
        return size


def iter_rows(source: Source, kind: FileFormat) -> Iterator[Row]:
    """The rows of a table one by one, in memory that does not grow with the file.

    Blank rows of text are left out, but counted. A row that cannot be read is a `Row` with an
    ``error`` where the rows after it can be: a CSV record with fields missing, a line that is no
    JSON, a row of more than `LONGEST_ROW` bytes. What cannot be read on raises.

    Parameters
    ----------
    kind
        ``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``. The delimiter of a CSV is guessed from
        its first record.

    Raises
    ------
    CorpusError
        If the file is missing, empty, damaged, or not UTF-8; also found while reading.
    InputError
        If the format is none of the four.
    MissingExtraError
        If it is Parquet and pyarrow is not installed.
    """
    if kind in ("csv", "tsv"):
        yield from _of_text(source, kind)
    elif kind == "jsonl":
        with closing(source.lines()) as lines:
            for number, values, error in objects(lines):
                yield Row(number, values, error)
    elif kind == "parquet":
        numbers = count(1)
        for batch in column_batches(source):
            for fields in zip(*batch.values(), strict=True):
                row = Row(next(numbers), dict(zip(batch, fields, strict=True)))
                yield row if row.size <= LONGEST_ROW else Row(row.number, error=TOO_LONG)
    else:
        raise InputError(f"rows are read from csv, tsv, jsonl or parquet, not from {kind}")


def _of_text(source: Source, kind: FileFormat) -> Iterator[Row]:
    with closing(source.lines()) as all_lines:
        lines, dialect = lines_and_dialect(all_lines, source, kind)
        names: list[str] = []
        for record in records(lines, source.name, dialect):
            if not names:
                names = column_names(record.fields)
            elif record.error:
                yield Row(record.number, error=f"the record from line {record.line}{record.error}")
            else:
                yield Row(record.number, dict(zip(names, record.fields, strict=True)))
