"""Genre names out of a column: lists, structs with a name, JSON-like text, separated text."""

from __future__ import annotations

import ast
import json
from typing import Any

import polars as pl

from plotgenre.corpus.readers.places import Place
from plotgenre.errors import CorpusError

_LISTS = pl.List(pl.String)
_SEPARATORS = ("|", ";", ",")


def genre_names(
    column: pl.Series, separator: str | None, place: Place, rows: pl.Series
) -> pl.Series:
    """The genre names of each film: stripped, without nulls, empty names and repeats.

    Parameters
    ----------
    column
        A list of names or of structs with a field ``name``; or text: a JSON or Python list or
        object (whose values are the names), or names with a separator between them.
    separator
        What stands between names in a text; ``None`` guesses, see `Columns`.
    place, rows
        What errors call the table, and each film's row in it, shape (n,).

    Returns
    -------
    pl.Series
        Lists of text, shape (n,); a null becomes an empty list.

    Raises
    ------
    CorpusError
        If the column is of another type, or a JSON-like text is broken.
    """
    kind = column.dtype
    if isinstance(kind, pl.List | pl.Array):
        lists = _of_lists(column, place)
    elif kind.is_nested() or kind.is_temporal() or kind == pl.Binary or kind == pl.Object:
        raise _wrong_type(column, place)
    else:
        lists = _of_texts(column.cast(pl.String).str.strip_chars(), separator, place, rows)
    stripped = lists.list.eval(pl.element().str.strip_chars())
    filled = stripped.list.eval(pl.element().filter(pl.element().str.len_bytes() > 0))
    return filled.list.unique(maintain_order=True).fill_null(pl.Series([[]], dtype=_LISTS))


def _wrong_type(column: pl.Series, place: Place) -> CorpusError:
    return CorpusError(
        f"{place.source}: the genres column {column.name!r} holds {column.dtype}; "
        "expected a list of names, or text"
    )


def _of_lists(column: pl.Series, place: Place) -> pl.Series:
    lists = column.arr.to_list() if isinstance(column.dtype, pl.Array) else column
    inner = lists.dtype.inner  # type: ignore[attr-defined]
    if isinstance(inner, pl.Struct):
        if "name" not in {field.name for field in inner.fields}:
            raise _wrong_type(column, place)
        lists = lists.list.eval(pl.element().struct.field("name"))
        inner = lists.dtype.inner  # type: ignore[attr-defined]
    if inner.is_nested() or inner == pl.Binary:
        raise _wrong_type(column, place)
    return lists.cast(_LISTS)


def _of_texts(texts: pl.Series, separator: str | None, place: Place, rows: pl.Series) -> pl.Series:
    like_json = texts.str.contains(r"^[\[{]").fill_null(False)
    plain = texts.set(like_json, None)
    plain_lists = plain.str.split(separator or _guess_separator(plain))
    if not like_json.any():
        return plain_lists
    # Few distinct lists serve many films, and polars reads no Python literals.
    distinct = texts.filter(like_json).unique(maintain_order=True)
    parsed = [_parse(text) for text in distinct]
    if None in parsed:
        broken = distinct[parsed.index(None)]
        row = rows.filter(texts == broken)[0]
        raise CorpusError(
            f"{place.at(row)}, column {texts.name!r}: {broken[:80]!r} is not a list of genre "
            'names; expected for example ["Drama", "Comedy"]'
        )
    read = pl.DataFrame({"text": distinct, "names": pl.Series(parsed, dtype=_LISTS)})
    json_lists = (
        texts.alias("text").to_frame().join(read, on="text", how="left", maintain_order="left")
    ).get_column("names")
    return plain_lists.zip_with(~like_json, json_lists)


def _guess_separator(texts: pl.Series) -> str:
    films = {mark: int(texts.str.contains(mark, literal=True).sum()) for mark in _SEPARATORS}
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
