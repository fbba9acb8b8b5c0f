"""Forms of output: rows as JSON lines, CSV or Parquet, a part at a time, and parts as one file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from shutil import copyfileobj
from typing import Any, BinaryIO, ClassVar, Protocol

from plotgenre.batch.worker import ADDED, ERROR, GENRES, PROBABILITIES
from plotgenre.errors import BatchError, MissingExtraError

ID = "id"
FORMS = ("jsonl", "csv", "parquet")

_BETWEEN = "|"

Row = dict[str, Any]


class Form(Protocol):
    """How rows are written."""

    kind: ClassVar[str]

    def encode(self, rows: list[Row]) -> bytes:
        """A file of rows; what a row holds that has no room in it is told in the row's error."""
        ...

    def join(self, parts: Iterable[BinaryIO], out: BinaryIO) -> None:
        """Write one file of the files of parts, in their order, without holding them all."""
        ...


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One object a line; every row keeps exactly the keys that it came with."""

    kind: ClassVar[str] = "jsonl"

    def encode(self, rows: list[Row]) -> bytes:  # noqa: D102
        return b"".join(_json(row).encode() + b"\n" for row in rows)

    def join(self, parts: Iterable[BinaryIO], out: BinaryIO) -> None:  # noqa: D102
        for part in parts:
            copyfileobj(part, out)


@dataclass(frozen=True, slots=True)
class Csv:
    """Columns between commas; lists of genres and probabilities have ``|`` between.

    Parameters
    ----------
    columns
        All columns of the output, in order.
    """

    columns: tuple[str, ...]
    kind: ClassVar[str] = "csv"

    def encode(self, rows: list[Row]) -> bytes:  # noqa: D102
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self.columns)
        for row in rows:
            _tell_unknown(row, self.columns)
            writer.writerow([_cell(column, row.get(column)) for column in self.columns])
        return text.getvalue().encode(errors="backslashreplace")

    def join(self, parts: Iterable[BinaryIO], out: BinaryIO) -> None:  # noqa: D102
        header = self.encode([])
        out.write(header)
        for part in parts:
            part.read(len(header))
            copyfileobj(part, out)


@dataclass(frozen=True, slots=True)
class Parquet:
    """Typed columns. A value that its column cannot hold is left out, and told in the error.

    Parameters
    ----------
    schema
        A ``pyarrow.Schema``: all columns of the output, in order.
    """

    schema: Any = field(hash=False)
    kind: ClassVar[str] = "parquet"

    def encode(self, rows: list[Row]) -> bytes:  # noqa: D102
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = tuple(self.schema.names)
        for row in rows:
            _tell_unknown(row, names)
        # The errors come last, for the other columns add to them.
        columns = [_column(rows, one) for one in self.schema]
        out = io.BytesIO()
        pq.write_table(pa.Table.from_arrays(columns, schema=self.schema), out)
        return out.getvalue()

    def join(self, parts: Iterable[BinaryIO], out: BinaryIO) -> None:  # noqa: D102
        import pyarrow.parquet as pq

        with pq.ParquetWriter(out, self.schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))


def form_of(kind: str, columns: Sequence[str], types: Mapping[str, Any]) -> Form:
    """The form of an output that carries the columns; their arrow types matter to Parquet alone.

    Raises
    ------
    MissingExtraError
        If it is Parquet and pyarrow is not installed.
    """
    own = [*([] if ID in columns else [ID]), *columns]
    if kind == "jsonl":
        return JsonLines()
    if kind == "csv":
        return Csv((*own, *ADDED))
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("Writing Parquet", "parquet") from None
    fields = [(column, types.get(column, pa.string())) for column in own]
    added = [(GENRES, pa.list_(pa.string())), (PROBABILITIES, pa.list_(pa.float64()))]
    return Parquet(pa.schema([*fields, *added, (ERROR, pa.string())]))


def kind_of(output: str, asked: str) -> tuple[str, bool]:
    """The form of an output and whether it is a single file, by its ending and ``asked``.

    ``asked`` may be ``auto``: then a folder holds JSON lines.

    Raises
    ------
    BatchError
        If ending and ``asked`` contradict each other, or there is no such form.
    """
    if asked not in ("auto", *FORMS):
        raise BatchError(f"unknown form of output {asked!r}; expected auto, {', '.join(FORMS)}")
    ending = output.rpartition(".")[2].lower()
    if ending not in FORMS:
        return ("jsonl" if asked == "auto" else asked), False
    if asked not in ("auto", ending):
        raise BatchError(f"{output} ends in .{ending}, but {asked} is asked for; expected the same")
    return ending, True


def text_of(value: Any) -> str:
    """A value as text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else _json(value)


def _tell_unknown(row: Row, columns: Sequence[str]) -> None:
    known = set(columns)
    if unknown := [name for name in row if name not in known]:
        _tell(row, f"the column {unknown[0]!r} was not seen when the batch was planned: left out")


def _tell(row: Row, sentence: str) -> None:
    row[ERROR] = sentence if row.get(ERROR) is None else f"{row[ERROR]}; {sentence}"


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is no UTF-8, but JSON has a way to write it.
        return json.dumps(value, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)
    return text


def _plain(value: Any) -> Any:
    """What JSON has no form for, such as dates and decimals, as text."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == GENRES:
        return _BETWEEN.join(value)
    if column == PROBABILITIES:
        return _BETWEEN.join(f"{p:.6f}" for p in value)
    return text_of(value) if isinstance(value, dict | list | tuple) else str(_scalar(value))


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else _plain(value)


def _column(rows: list[Row], one: Any) -> Any:
    """The arrow array of a column, with null where a value does not fit."""
    import pyarrow as pa

    values = [row.get(one.name) for row in rows]
    if one.type == pa.string():
        values = [value if value is None else text_of(value) for value in values]
    try:
        return pa.array(values, type=one.type)
    # Arrow's own errors are of these, except that a text for a number may be a TypeError.
    except (ValueError, TypeError, OverflowError):
        for i, value in enumerate(values):
            try:
                pa.array([value], type=one.type)
            except (ValueError, TypeError, OverflowError):
                values[i] = None
                shown = repr(value)[:40]
                _tell(rows[i], f"the column {one.name!r} holds {shown}, expected {one.type}")
        return pa.array(values, type=one.type)
