"""Genre names out of a column: lists, objects with a name, JSON-like text, separated text."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta
from typing import Any

from plotgenre.corpus.readers.tables import Table, as_text, kind_of
from plotgenre.errors import CorpusError

_SEPARATORS = ("|", ";", ",")
_NO_NAMES = (dict, bytes, date, time, timedelta)


def genre_names(table: Table, name: str, separator: str | None) -> list[tuple[str, ...]]:
    """The genre names of each film: stripped, without nulls, empty names and repeats.

    Parameters
    ----------
    name
        The column. It holds lists of names or of objects with a ``name``; or text: a JSON or Python
        list or object (whose values are the names), or names with a separator between them.
    separator
        What stands between names in a text; ``None`` guesses, see `Columns`.

    Returns
    -------
    list
        One tuple a film; a null becomes an empty one.

    Raises
    ------
    CorpusError
        If the column holds anything else, or a JSON-like text is broken.
    """
    values = table.columns[name]
    _refuse_what_holds_no_names(values, table, name)
    # Few distinct texts serve many films.
    texts = [None if _is_list(value) else as_text(value).strip() for value in values]
    films = Counter(text for text in texts if text is not None)
    read = _names_of_texts(films, separator)
    if broken := next((text for text in films if read[text] is None), None):
        raise CorpusError(
            f"{table.place.at(table.rows[texts.index(broken)])}, column {name!r}: {broken[:80]!r} "
            'is not a list of genre names; expected for example ["Drama", "Comedy"]'
        )
    return [
        _distinct(value or ()) if text is None else read[text] or ()
        for value, text in zip(values, texts, strict=True)
    ]


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list | tuple)


def _refuse_what_holds_no_names(values: Sequence[Any], table: Table, name: str) -> None:
    lists = [value for value in values if value and _is_list(value)]
    named = any("name" in item for items in lists for item in items if isinstance(item, dict))

    def wrong(item: Any) -> bool:
        inner = item.get("name") if named and isinstance(item, dict) else item
        return isinstance(inner, list | tuple | dict | bytes)

    for value in values:
        if any(map(wrong, value or ())) if _is_list(value) else isinstance(value, _NO_NAMES):
            raise CorpusError(
                f"{table.place.source}: the genres column {name!r} holds {kind_of(value)}; "
                "expected a list of names, or text"
            )


def _distinct(names: Iterable[Any]) -> tuple[str, ...]:
    plain = (name.get("name") if isinstance(name, dict) else name for name in names)
    stripped = (as_text(name).strip() for name in plain if name is not None)
    return tuple(dict.fromkeys(name for name in stripped if name))


def _names_of_texts(
    films: Counter[str], separator: str | None
) -> dict[str, tuple[str, ...] | None]:
    """The names in each text, None where it looks like a list and is none."""
    plain = {text: n for text, n in films.items() if not text.startswith(("[", "{"))}
    mark = separator or _guess_separator(plain)
    read: dict[str, tuple[str, ...] | None] = {}
    for text in films:
        names = text.split(mark) if text in plain else _parse(text)
        read[text] = None if names is None else _distinct(names)
    return read


def _guess_separator(films_of: dict[str, int]) -> str:
    films = {mark: sum(n for text, n in films_of.items() if mark in text) for mark in _SEPARATORS}
    enough = max(1.0, max(films.values()) / 10)
    return next((mark for mark in _SEPARATORS if films[mark] >= enough), ",")


def _parse(text: str) -> list[str] | None:
    """The names in a JSON or Python list or object; None where it is neither."""
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    items = list(value.values()) if isinstance(value, dict) else list(value)
    names = [_name(item) for item in items if item is not None]
    return None if None in names else [name for name in names if name is not None]


def _name(item: Any) -> str | None:
    if isinstance(item, dict):
        item = item.get("name")
    return None if item is None or isinstance(item, list | dict | tuple) else str(item)
