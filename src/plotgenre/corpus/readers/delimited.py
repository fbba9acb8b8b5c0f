"""Text tables: a delimiter, quotes, one record a film, and where a record is ragged."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count, islice
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.errors import CorpusError

if TYPE_CHECKING:
    from _csv import Reader

    from plotgenre.corpus.readers.sources import Source

BINARY = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_DELIMITERS = (",", ";", "\t", "|")
# What is looked at to guess the delimiter.
_HEAD = 1000
# An opening quote that none closes must not make the rest of a large file one field.
_LONGEST_FIELD = 1 << 24
_BARE_RETURN = re.compile(r"\r(?!\n|\Z)")
_CSV_LIMIT = Lock()


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


class Record(NamedTuple):
    """A record of a text table.

    Parameters
    ----------
    number
        From 1; the header's is 0.
    line
        The line it begins in, from 1.
    fields
        Empty where it cannot be read.
    text
        As it stands in the file.
    error
        How a sentence goes on that begins with the record, where it cannot be read.
    """

    number: int
    line: int
    fields: list[str]
    text: str
    error: str | None = None


def records(lines: Iterable[str], source: str, dialect: Dialect) -> Iterator[Record]:
    r"""The records of a table from its header on; blank ones are left out, but counted.

    A bare ``\r``, which some write into fields without quoting them, reads as a space.

    Raises
    ------
    CorpusError
        If the header cannot be read, or a quote is never closed, which the file's end shows.
    """
    taken: list[str] = []
    reader = _reader(_noted(lines, taken), dialect)
    number, line, expected = 0 if dialect.header else 1, 0, 0
    while True:
        fields, error = _next(reader)
        if fields is None:
            return
        text, first_line, line = "".join(taken), line + 1, reader.line_num
        at_end = bool(taken) and not taken[-1]
        taken.clear()
        if error and (at_end or not (number or expected)):
            raise CorpusError(f"{dialect.place(source).at(number)} (from line {first_line}){error}")
        blank = not error and not any(fields) and '"' not in text
        expected = expected or (0 if blank else len(fields))
        if not blank:
            if not error and len(fields) != expected:
                error = _ragged(len(fields), expected)
            yield Record(number, first_line, [] if error else fields, text, error)
        # Blank lines above a header are no rows.
        number += 1 if number or expected else 0


def column_names(header: Iterable[str]) -> list[str]:
    """The names of columns; one that stands twice is numbered."""
    names: dict[str, None] = {}
    for name in header:
        numbered = (f"{name}_{k}" for k in count(2))
        names[next(free for free in chain([name], numbered) if free not in names)] = None
    return list(names)


def tsv_dialect(source: Source) -> Dialect:
    """How a TSV is written: some put quotes around fields, for some a quote is a quote.

    The first, unless only the second gives every record as many fields.
    """

    def sound(dialect: Dialect) -> bool:
        with closing(source.lines()) as lines, suppress(CorpusError):
            return all(record.error is None for record in records(lines, source.name, dialect))
        return False

    quoted, unquoted = Dialect("\t"), Dialect("\t", quoted=False)
    # What is no regular file is read but once.
    if source.path is None or not source.path.is_file():
        return quoted
    return unquoted if not sound(quoted) and sound(unquoted) else quoted


def cut_at_guess(lines: Iterator[str]) -> tuple[Iterator[str], Dialect]:
    """All of the lines, and a dialect with the delimiter that the first record suggests."""
    head = list(islice(lines, _HEAD))
    return chain(head, lines), Dialect(guess_delimiter(head))


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


def guess_delimiter(head: Sequence[str]) -> str:
    """The one of ``, ; TAB |`` that makes the first record a one-hot one, or else cuts it finest.

    The comma where two cut it alike.

    Parameters
    ----------
    head
        The first lines of the table.
    """

    def fitness(delimiter: str) -> tuple[bool, int]:
        fields = _first_record(head, delimiter)
        return _is_onehot(fields), len(fields)

    return max(_DELIMITERS, key=fitness)


def looks_onehot(lines: Iterable[str]) -> bool:
    """Whether the first record is a plot and then nothing but 0/1, as in the origin's tables."""
    head = list(islice(lines, _HEAD))
    return _is_onehot(_first_record(head, guess_delimiter(head)))


def _is_onehot(fields: list[str]) -> bool:
    return len(fields) > 1 and all(field.strip().lower() in BINARY for field in fields[1:])


def _first_record(head: Sequence[str], delimiter: str) -> list[str]:
    with suppress(CorpusError):
        return next((record.fields for record in records(head, "", Dialect(delimiter))), [])
    return []


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """The lines, each noted in ``taken`` as it is taken; at their end so is an empty one."""
    for line in lines:
        whole = _BARE_RETURN.sub(" ", line) if "\r" in line else line
        taken.append(whole)
        yield whole
    taken.append("")


def _reader(lines: Iterator[str], dialect: Dialect) -> Reader:
    if not dialect.quoted:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=True)


def _next(reader: Reader) -> tuple[list[str] | None, str | None]:
    """The fields of the next record, None after the last; or why it cannot be read."""
    # The csv module refuses fields of over 128 KiB, and its limit is the whole process's.
    with _CSV_LIMIT:
        before = csv.field_size_limit(_LONGEST_FIELD)
        try:
            return next(reader, None), None
        except csv.Error as error:
            return [], f": {error}; expected every quoted field to end in a double quote"
        finally:
            csv.field_size_limit(before)


def _ragged(found: int, expected: int) -> str:
    columns = "1 column" if found == 1 else f"{found} columns"
    return f" has {columns}; expected {expected}, as in the first row"


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
