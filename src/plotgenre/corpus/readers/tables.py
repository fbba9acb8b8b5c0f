"""What files are read into: a table of raw columns, and then a table of films."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plotgenre.corpus.films import Film
from plotgenre.corpus.readers.places import Place
from plotgenre.errors import CorpusError
from plotgenre.texts import LONGEST_ROW

Keeps = Callable[[str], bool]
TOO_LONG = f"more than {LONGEST_ROW:,} bytes, which is the most of a row"
_KINDS = {
    str: "String",
    bool: "Boolean",
    int: "Int64",
    float: "Float64",
    bytes: "Binary",
    dict: "Struct",
    list: "List",
    tuple: "List",
}


class TooLongLine(str):
    """Stands for a line of text that has more bytes than a row may have, and was not kept."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Raw columns of one file, of ``n`` rows.

    Parameters
    ----------
    names
        Of all its columns, in the file's order.
    columns
        By name, ``n`` values of each column that was kept; ``None`` where there is none.
    rows
        The number of each row, as people count.
    place
        What messages call the table and its rows.
    """

    names: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    place: Place


@dataclass(frozen=True, slots=True)
class FilmTable:
    """The films of one file, the row of each, and which column was read as what."""

    films: Sequence[Film]
    rows: Sequence[int]
    place: Place
    columns: Mapping[str, str] = field(default_factory=dict)

    def placed_ids(self) -> Iterator[tuple[str, Place, int]]:
        """Each film's id and where it stands."""
        for film, row in zip(self.films, self.rows, strict=True):
            yield film.id, self.place, row


def refuse_duplicate_ids(placed_ids: Iterable[tuple[str, Place, int]]) -> None:
    """Raise CorpusError at the first id that stands twice; names both rows."""
    first: dict[str, tuple[Place, int]] = {}
    for name, place, row in placed_ids:
        if name in first:
            earlier, its_row = first[name]
            raise CorpusError(
                f"{place.at(row)}: the id {name!r} already stands in {earlier.at(its_row)}; "
                "expected an id of its own for every film"
            )
        first[name] = place, row


def as_text(value: Any) -> str:
    """A value that is no list or object, as text: true and 1999, whatever the file's format."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool) else str(value)


def kind_of(value: Any) -> str:
    """What messages call a value's type, and that of a list's first item."""
    kind = _KINDS.get(type(value)) or type(value).__name__.capitalize()
    return f"{kind}({kind_of(value[0])})" if kind == "List" and value else kind
