"""Text tables: a delimiter, quotes, one record a film, and where a record is ragged."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, count, islice
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import TOO_LONG, Keeps, Table, TooLongLine
from plotgenre.errors import CorpusError
from plotgenre.texts import LONGEST_ROW

if TYPE_CHECKING:
    from _csv import Reader

    from plotgenre.corpus.readers.sources import FileFormat, Source

BINARY = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_DELIMITERS = (",", ";", "\t", "|")
# What is looked at to guess the delimiter.
_HEAD = 1000
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

    def refuse(self, place: Place) -> None:
        """Raise CorpusError if it cannot be read."""
        if self.error:
            raise CorpusError(f"{place.at(self.number)} (from line {self.line}){self.error}")

    def with_nulls(self, dialect: Dialect) -> Sequence[str | None]:
        """The fields, ``None`` for those with nothing in them, not even quotes."""
        if "" not in self.fields:
            return self.fields
        if not dialect.quoted or '""' not in self.text:
            return [field or None for field in self.fields]
        mark = re.escape(dialect.delimiter)
        found = re.finditer(rf'(?:^|{mark})(?:("[^"]*(?:""[^"]*)*")|[^{mark}]*)', self.text)
        quoted = (match[1] is not None for match in found)
        return [
            field if field or in_quotes else None
            for field, in_quotes in zip(self.fields, quoted, strict=True)
        ]


def records(lines: Iterable[str], source: str, dialect: Dialect) -> Iterator[Record]:
    r"""The records of a table from its header on; blank ones are left out, but counted.

    A bare ``\r``, which some write into fields without quoting them, reads as a space.

    Raises
    ------
    CorpusError
        If the header cannot be read, or a quote is never closed, which the file's end shows.
    """
    noted = _Noted(lines)
    reader = _reader(noted, dialect)
    number, line, expected = 0 if dialect.header else 1, 0, 0
    while True:
        fields, error = _next(reader)
        if fields is None:
            return
        text, first_line, line = noted.taken(), line + 1, noted.lines_read
        if error and (noted.ended or not (number or expected)):
            Record(number, first_line, [], text, error).refuse(dialect.place(source))
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


def lines_and_dialect(
    lines: Iterator[str], source: Source, kind: FileFormat
) -> tuple[Iterator[str], Dialect]:
    """All of the lines of a source, and how they are written.

    The delimiter of a CSV is guessed from its first record. Some put quotes around the fields of a
    TSV, for some a quote in it is a quote: the first is taken, unless only the second gives every
    record as many fields.
    """
    if kind == "tsv":
        return lines, _tsv_dialect(source)
    head = _head(lines)
    return chain(head, lines), Dialect(guess_delimiter(head))


def _tsv_dialect(source: Source) -> Dialect:
    def sound(dialect: Dialect) -> bool:
        with closing(source.lines()) as lines, suppress(CorpusError):
            return all(record.error is None for record in records(lines, source.name, dialect))
        return False

    quoted, unquoted = Dialect("\t"), Dialect("\t", quoted=False)
    # What is no regular file can be read but once.
    if source.path is None or not source.path.is_file():
        return quoted
    return unquoted if not sound(quoted) and sound(unquoted) else quoted


def read_delimited(
    lines: Iterable[str], source: str, dialect: Dialect, keeps: Keeps = lambda _: True
) -> Table:
    """A table of text columns; a field with nothing in it, not even quotes, is ``None``.

    Without a header columns are called 0, 1 and so on.

    Raises
    ------
    CorpusError
        If a record has more or fewer fields than the first, or its quotes are wrong.
    """
    place, rows = dialect.place(source), []
    names: list[str] = []
    kept: list[int] = []
    values: list[list[str | None]] = []
    for record in records(lines, source, dialect):
        record.refuse(place)
        if not names:
            names = column_names(
                record.fields if dialect.header else map(str, range(len(record.fields)))
            )
            kept = [j for j, name in enumerate(names) if keeps(name)]
            if dialect.header:
                continue
        fields = record.with_nulls(dialect)
        rows.append(record.number)
        values.append([fields[j] for j in kept])
    columns = {names[j]: [row[k] for row in values] for k, j in enumerate(kept)}
    return Table(names, columns, rows, place)


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
    head = _head(iter(lines))
    return _is_onehot(_first_record(head, guess_delimiter(head)))


def _head(lines: Iterator[str]) -> list[str]:
    """The first lines, as many as one row may have bytes."""
    room = LONGEST_ROW
    head: list[str] = []
    for line in islice(lines, _HEAD):
        head.append(line)
        room -= len(line)
        if room < 0:
            break
    return head


def _is_onehot(fields: list[str]) -> bool:
    return len(fields) > 1 and all(field.strip().lower() in BINARY for field in fields[1:])


def _first_record(head: Sequence[str], delimiter: str) -> list[str]:
    with suppress(CorpusError):
        return next((record.fields for record in records(head, "", Dialect(delimiter))), [])
    return []


class _Noted:
    """The lines for a reader, which are noted as it takes them; too many of a record are refused.

    No generator, which could not go on after that.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._taken, self._room = iter(lines), list[str](), LONGEST_ROW
        self.lines_read, self.ended = 0, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.lines_read += 1
        self._room -= len(line)
        # An opening quote that none closes must not make the rest of a large file one field.
        if self._room < 0 or isinstance(line, TooLongLine):
            raise csv.Error(TOO_LONG)
        whole = _BARE_RETURN.sub(" ", line) if "\r" in line else line
        self._taken.append(whole)
        return whole

    def taken(self) -> str:
        """The lines since this was asked last, as one text."""
        text = "".join(self._taken)
        self._taken.clear()
        self._room = LONGEST_ROW
        return text


def _reader(lines: Iterator[str], dialect: Dialect) -> Reader:
    if not dialect.quoted:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=True)


def _next(reader: Reader) -> tuple[list[str] | None, str | None]:
    """The fields of the next record, None after the last; or why it cannot be read."""
    # The csv module refuses fields of over 128 KiB, and its limit is the whole process's.
    with _CSV_LIMIT:
        before = csv.field_size_limit(LONGEST_ROW)
        try:
            return next(reader, None), None
        except csv.Error as error:
            return [], f": {error}; expected every quoted field to end in a double quote"
        finally:
            csv.field_size_limit(before)


def _ragged(found: int, expected: int) -> str:
    columns = "1 column" if found == 1 else f"{found} columns"
    return f" has {columns}; expected {expected}, as in the first row"
