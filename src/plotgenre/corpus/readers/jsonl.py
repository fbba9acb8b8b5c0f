"""JSON lines: one object a line, one film an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import TOO_LONG, Keeps, Table, TooLongLine
from plotgenre.errors import CorpusError


def objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    """Each line that is not blank: its number from 1, its object, and what is wrong with it."""
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        if isinstance(line, TooLongLine):
            yield number, {}, TOO_LONG
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


def read_jsonl(lines: Iterable[str], source: str, keeps: Keeps = lambda _: True) -> Table:
    """A table of the keys that are kept; blank lines are left out, but counted.

    Raises
    ------
    CorpusError
        If a line is not a JSON object; names the line.
    """
    place, rows = Place(source, "line {}"), []
    kept: dict[str, bool] = {}
    films: list[dict[str, Any]] = []
    for number, values, error in objects(lines):
        if error:
            raise CorpusError(f"{place.at(number)}: {error}")
        for name in values:
            if name not in kept:
                kept[name] = keeps(name)
        rows.append(number)
        films.append({name: value for name, value in values.items() if kept[name]})
    columns = {name: [film.get(name) for film in films] for name in kept if kept[name]}
    return Table(list(kept), columns, rows, place)
