"""Results on a page that people read."""

from __future__ import annotations

from pathlib import Path


def between_marks(page: Path, marks: tuple[str, str], text: str) -> None:
    """Put the text, which ends with a line's end, where the page has its marks."""
    before, begin, rest = page.read_text().partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise SystemExit(f"{page}: expected the marks {marks[0]} and {marks[1]}, one is missing")
    page.write_text(f"{before}{marks[0]}\n{text}{marks[1]}{after}")
