"""Tables as large as one likes, made of the plots of the examples or of a file."""

from __future__ import annotations

import csv
import json
from itertools import cycle, islice
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "films.csv"


def plots_of(path: Path | None = None) -> list[str]:
    """The plots of a table of films."""
    from plotgenre import read_corpus

    return read_corpus(path or EXAMPLES, labelled=False).plots


def write_table(path: Path, plots: list[str], rows: int) -> int:
    """Write a CSV or JSON lines of so many rows, with ids from 0 and no two plots alike.

    Row ``i`` is the plot ``i`` of a list without an end, and its number, after a line's end: what
    ends lines within fields, as plots do, is read by a slower way, and is lost by careless readers.

    Returns
    -------
    int
        Bytes.
    """
    found = ({"id": i, "plot": f"{plot}\n{i}"} for i, plot in enumerate(islice(cycle(plots), rows)))
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in found)
        else:
            writer = csv.DictWriter(file, ["id", "plot"])
            writer.writeheader()
            writer.writerows(found)
    return path.stat().st_size


def command(source: Path, output: Path, *options: str) -> list[str]:
    """The command that tags the table."""
    import sys

    return [sys.executable, "-m", "plotgenre", "tag", str(source), "-o", str(output), *options]
