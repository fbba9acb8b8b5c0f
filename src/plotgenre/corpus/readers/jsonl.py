"""JSON lines: one object a line, one film an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from plotgenre.corpus.readers.places import ROW
from plotgenre.errors import CorpusError


def objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    """Each line that is not blank: its number from 1, its object, and what is wrong with it."""
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, {}, f"not JSON ({error}); expected one object a line"
            continue
        if isinstance(value, dict):
            yield number, value, None
        else:
            kind = type(value).__name__
            yield number, {}, f"a JSON {kind}; expected one object a line, which is one film"


def read_jsonl(data: bytes, source: str) -> pl.DataFrame:
    """A table with the keys as columns and the line number, from 1, in ``ROW``.

    Blank lines are left out, but counted.

    Raises
    ------
    CorpusError
        If a line is not a JSON object; names the line.
    """
    lines = data.split(b"\n")
    filled = [number for number, line in enumerate(lines, start=1) if line.strip()]
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        _refuse_broken_line(lines, source)
        reason = str(error).splitlines()[0]
        raise CorpusError(f"{source} cannot be read as JSON lines: {reason}") from error
    if frame.height != len(filled) or ROW in frame.columns:
        _refuse_broken_line(lines, source)
        raise CorpusError(
            f"{source}: {len(filled)} lines give {frame.height} films; expected one object a line"
        )
    return frame.with_columns(pl.Series(ROW, filled, pl.UInt32))


def _refuse_broken_line(lines: list[bytes], source: str) -> None:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise CorpusError(
                f"{source}, line {number}: not JSON ({error}); expected one object a line"
            ) from error
        if not isinstance(value, dict):
            raise CorpusError(
                f"{source}, line {number}: a JSON {type(value).__name__}; "
                "expected one object a line, which is one film"
            )
