"""The page of a comparison: differences, then every genre in every run."""

from __future__ import annotations

from pathlib import Path

from plotgenre.evaluation.comparison import ComparedGenre, Comparison
from plotgenre.evaluation.report.template import shortened, write_page

# What keeps the page of a few runs with the largest vocabulary, and the longest names, under 3 MB.
_MOST_GENRES = 1000
_LONGEST_NAME = 80


def write_comparison(comparison: Comparison, path: str | Path) -> None:
    """Write one self-contained HTML page about a comparison, as `write_report` does of one model.

    Parameters
    ----------
    comparison
        Of two or more runs.
    path
        Of the page; folders above it are made.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    rows = sorted(comparison.per_genre, key=lambda row: -row.support)[:_MOST_GENRES]
    contents = {
        "comparison": comparison,
        "runs": [shortened(run, _LONGEST_NAME) for run in comparison.runs],
        "headline": comparison.headline(),
        "wins": list(comparison.wins().values()),
        "rows": [(shortened(row.genre, _LONGEST_NAME), row, _less_first(row)) for row in rows],
        "genre_count": len(comparison.per_genre),
    }
    write_page("comparison.html.jinja", contents, path)


def _less_first(row: ComparedGenre) -> list[tuple[float, float]]:
    """Average precision and F1 of each later run, less the reference's."""
    return [
        (precision - row.average_precision[0], f1 - row.f1[0])
        for precision, f1 in zip(row.average_precision[1:], row.f1[1:], strict=True)
    ]
