"""What inputs hold, by their first rows: columns, their types, which is the plot, how many rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from itertools import islice
from typing import Any

from plotgenre.batch.forms import ID, text_of
from plotgenre.batch.inputs import Input
from plotgenre.batch.storage import open_file
from plotgenre.batch.worker import carried_names
from plotgenre.corpus.readers.columns import USUAL_NAMES
from plotgenre.errors import CorpusError, MissingExtraError

_ROWS = 1000
_END_BYTES = 1 << 16
# And no more bytes of them.
_LARGEST = 1 << 26
# Of files far away, looking is mostly waiting.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Carried:
    """The columns that a batch carries through.

    Parameters
    ----------
    names
        What each is called in the output, by its name in the inputs; in order.
    types
        The arrow type of each that has one, by its name in the output; others are text.
    """

    names: Mapping[str, str]
    types: Mapping[str, Any]


def look_at(inputs: Sequence[Input], plot_column: str) -> list[Input]:
    """The inputs with what their first 1,000 rows tell, or with why they cannot be read.

    Raises
    ------
    MissingExtraError
        If one is Parquet and pyarrow is not installed.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(partial(_looked_at, plot_column=plot_column), inputs))


def carried(inputs: Sequence[Input]) -> Carried:
    """All columns of the inputs, in the order in which they turn up.

    A column keeps its type where all inputs agree on it, whole numbers beside others are numbers;
    else it is text.
    """
    # A table without rows says nothing of columns.
    readable = [one for one in inputs if one.error is None and one.columns]
    names = carried_names(dict.fromkeys(name for one in readable for name in one.columns))
    types: dict[str, Any] = {}
    for name, shown in names.items():
        found = [one.types.get(name) for one in readable if name in one.columns]
        if name == ID and len(found) < len(readable):
            # The other inputs' rows are called by file and number.
            continue
        if (agreed := _agreed(found)) is not None:
            types[shown] = agreed
    return Carried(names, types)


def _looked_at(one: Input, plot_column: str) -> Input:
    if one.error is not None:
        return one
    try:
        one = replace(one, digest=_digest(one))
        rows, room = [], _LARGEST
        for row in islice(one.rows(), _ROWS + 1):
            rows.append(row)
            room -= row.size
            if room < 0:
                break
        columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
        # Without a row there is nothing that would need the column.
        plot = _plot_column(columns, plot_column, one.name) if rows else plot_column
        types = _types(one, [row.values for row in rows], columns)
        if one.format == "parquet":
            columns = tuple(types)
        return replace(one, plot=plot, columns=columns, types=types, estimate=_estimate(one, rows))
    except MissingExtraError:
        raise
    # Whatever is wrong with one file must not end the others' run.
    except Exception as broken:
        return replace(one, error=next(iter(str(broken).splitlines()), type(broken).__name__))


def _digest(one: Input) -> str:
    """SHA-256 of the first and the last bytes: what neither size nor time tells apart."""
    with open_file(one.location) as file:
        digest = sha256(file.read(_END_BYTES))
        file.seek(max(one.bytes - _END_BYTES, 0))
        digest.update(file.read(_END_BYTES))
    return digest.hexdigest()


def _plot_column(columns: Sequence[str], wanted: str, name: str) -> str:
    if wanted in columns:
        return wanted
    usual = USUAL_NAMES["plot"]
    if wanted == usual[0]:
        # Of two columns that differ in capitals only, the left one.
        by_lower = {column.strip().lower(): column for column in reversed(columns)}
        for one in usual:
            if one in by_lower:
                return by_lower[one]
    shown = ", ".join(map(repr, columns[:12])) or "none"
    raise CorpusError(f"{name} has no plot column {wanted!r}; found {shown}")


def _types(one: Input, rows: list[dict[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    if one.format in ("csv", "tsv") or find_spec("pyarrow") is None:
        return {}
    import pyarrow as pa

    if one.format == "parquet":
        import pyarrow.parquet as pq

        with open_file(one.location) as file:
            schema = pq.read_schema(file)
        return dict(zip(schema.names, schema.types, strict=True))
    found: dict[str, Any] = {}
    for name in columns:
        try:
            kind = pa.array([row.get(name) for row in rows]).type
        except (ValueError, TypeError, OverflowError):
            continue
        # Objects of later rows may have other keys, which a type of objects would drop.
        inner = kind.value_type if pa.types.is_list(kind) else kind
        if not pa.types.is_nested(inner) and not pa.types.is_null(inner):
            found[name] = kind
    return found


def _agreed(types: Sequence[Any]) -> Any:
    """The one type of all; None, which is text, where there is none."""
    known = set(types)
    if len(known) == 1:
        return types[0]
    import pyarrow as pa

    numbers = {pa.int64(), pa.float64()}
    return pa.float64() if known == numbers else None


def _estimate(one: Input, rows: Sequence[Any]) -> int | None:
    """About how many rows: counted where all were seen, told by Parquet, else by size."""
    if len(rows) <= _ROWS:
        return len(rows)
    if one.format == "parquet":
        import pyarrow.parquet as pq

        with open_file(one.location) as file:
            return int(pq.read_metadata(file).num_rows)
    if one.name.lower().endswith(".gz"):
        return None
    if one.format == "jsonl":
        sizes = [len(json.dumps(row.values, ensure_ascii=False).encode()) + 1 for row in rows]
    else:
        sizes = [sum(len(text_of(v).encode()) + 1 for v in row.values.values()) for row in rows]
    return round(one.bytes / max(sum(sizes), 1) * len(rows))
