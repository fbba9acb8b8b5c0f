"""Results and arrays as files, and results on a page that people read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.whole_files import write_whole


def write_results(path: Path, results: dict[str, Any]) -> None:
    """The results as JSON, whole or not at all."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    write_whole(path, f"{text}\n".encode())


def write_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """An array as .npy, whole or not at all; its folder is made."""
    file = io.BytesIO()
    np.save(file, array)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, file.getvalue())


def with_interval(found: Mapping[str, float | None], form: str, between: str = "–") -> str:
    """A value and its interval in brackets; the value alone where it has none, a dash for neither.

    ``found`` has ``value``, ``low`` and ``high``, which are None where they are undefined.
    """
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:{form}}"
    return f"{value:{form}} ({low:{form}}{between}{high:{form}})"


def between_marks(page: Path, marks: tuple[str, str], text: str) -> None:
    """Put the text, which ends with a line's end, where the page has its marks."""
    before, begin, rest = page.read_text().partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise SystemExit(f"{page}: expected the marks {marks[0]} and {marks[1]}, one is missing")
    page.write_text(f"{before}{marks[0]}\n{text}{marks[1]}{after}")
