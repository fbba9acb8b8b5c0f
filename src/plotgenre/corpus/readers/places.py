"""Where a row stands, for people who must find it again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A table's name, and how its rows are called.

    Parameters
    ----------
    source
        What messages call the table, as a rule the file's name.
    unit
        How they call a row, to be formatted with its number from 1.
    """

    source: str
    unit: str = "row {}"

    def at(self, row: object) -> str:
        """The place of one row, in words: "films.jsonl, line 3"."""
        return f"{self.source}, {self.unit.format(row)}"
