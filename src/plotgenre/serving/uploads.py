"""An uploaded file of plots: what it is, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import FileFormat, Source
from plotgenre.errors import PlotgenreError
from plotgenre.serving.refusals import RefusedError

_GZIP = b"\x1f\x8b"


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
    most
        Rows that it may have: a small Parquet file may have billions.
    """

    def __init__(self, path: Path, kind: FileFormat, plot_column: str, most: int) -> None:
        self.path, self.plot_column = path, plot_column
        self._kind, self._most = kind, most

    def rows(self) -> Iterator[Row]:
        """Its rows."""
        return iter_rows(Source(self.path, "the file"), self._kind)

    def looked_over(self) -> tuple[list[str], int]:
        """Its columns and number of rows, once all of it could be parsed.

        Raises
        ------
        RefusedError
            422 if it cannot be, has no row, or not the plot's column; 413 with too many rows, 415
            if it is packed.
        """
        with self.path.open("rb") as file:
            # A small one may be gigabytes once unpacked.
            if file.read(2) == _GZIP:
                raise RefusedError(415, "the file is packed with gzip; expected it unpacked")
        columns: dict[str, None] = {}
        count = 0
        try:
            for count, row in enumerate(self.rows(), start=1):
                if count > self._most:
                    raise RefusedError(413, f"the file has more than {self._most:,} rows")
                columns.update(dict.fromkeys(row.values))
        except PlotgenreError as broken:
            raise RefusedError(422, " ".join(str(broken).split())) from None
        if not count:
            raise RefusedError(422, "the file has no row; expected a plot or more")
        if self.plot_column not in columns:
            raise RefusedError(
                422,
                "the file has no column of the name given by plot_column; its columns are "
                f"{', '.join(list(columns)[:20])}",
            )
        return list(columns), count
