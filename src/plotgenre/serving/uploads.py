"""An uploaded file of plots: what it is, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import FileFormat, Source
from plotgenre.errors import PlotgenreError
from plotgenre.serving.refusals import RefusedError

_GZIP = b"\x1f\x8b"
# Each row names every column, so that rows of commas alone would be many times their bytes.
_MOST_COLUMNS = 10_000
# Times the bytes that a file may have: what its rows may unpack to.
_UNPACKED = 8
# Of the columns' names in a sentence; a file without a header has a plot there.
_SHOWN, _LONGEST_SHOWN = 20, 40


class Upload:
    """An uploaded file.

    Parameters
    ----------
    path
        Where it lies.
    kind
        How it is read.
    plot_column
        Which column holds the plots.
    most, most_bytes
        Rows that it may have, and bytes: of a small Parquet file both may be billions.
    """

    def __init__(
        self, path: Path, kind: FileFormat, plot_column: str, most: int, most_bytes: int
    ) -> None:
        self.path, self.plot_column = path, plot_column
        self._kind, self._most, self._most_bytes = kind, most, _UNPACKED * most_bytes

    def append(self, piece: bytes) -> None:
        """Write more of it, and close it: many slow ones would be many open files."""
        with self.path.open("ab") as file:
            file.write(piece)

    def rows(self) -> Iterator[Row]:
        """Its rows."""
        return iter_rows(Source(self.path, "the file"), self._kind)

    def looked_over(self) -> tuple[list[str], int]:
        """Its columns and number of rows, once all of it could be parsed.

        Raises
        ------
        RefusedError
            422 if it cannot be, has no row that can be read, or not the plot's column; 413 with too
            many rows or columns, 415 if it is packed.
        """
        with self.path.open("rb") as file:
            # A small one may be gigabytes once unpacked.
            if file.read(2) == _GZIP:
                raise RefusedError(415, "the file is packed with gzip; expected it unpacked")
        columns: dict[str, None] = {}
        count, size, wrong = 0, 0, ""
        try:
            for count, row in enumerate(self.rows(), start=1):
                if count > self._most:
                    raise RefusedError(413, f"the file has more than {self._most:,} rows")
                size += row.size
                if size > self._most_bytes:
                    raise RefusedError(
                        413, f"the file unpacks to more than {self._most_bytes:,} bytes"
                    )
                columns.update(dict.fromkeys(row.values))
                if len(columns) > _MOST_COLUMNS:
                    raise RefusedError(413, f"the file has more than {_MOST_COLUMNS:,} columns")
                if row.error and not wrong:
                    wrong = f"row {row.number}: {row.error}"
        except PlotgenreError as broken:
            raise RefusedError(422, " ".join(str(broken).split())) from None
        if not count:
            raise RefusedError(422, "the file has no row; expected a plot or more")
        if not columns:
            wrong = wrong or "its first row has no column"
            raise RefusedError(422, f"the file has no row that can be read; {wrong}")
        if self.plot_column not in columns:
            raise RefusedError(
                422,
                "the file has no column of the name given by plot_column; its columns are "
                f"{', '.join(map(_shown, list(columns)[:_SHOWN]))}",
            )
        return list(columns), count


def _shown(name: str) -> str:
    line = " ".join(str(name).split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
