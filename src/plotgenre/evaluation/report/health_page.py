"""The page of `plotgenre inspect`: what a corpus is like, from plain figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plotgenre.evaluation.report.template import write_page

_MOST_GENRES = 1000
_MOST_ROWS = 100


def write_health(figures: Mapping[str, Any], path: str | Path) -> None:
    """Write one self-contained HTML page; every name and text of the corpus is taken for hostile.

    Parameters
    ----------
    figures
        As ``plotgenre inspect --json`` writes them.
    path
        Of the page; folders above it are made.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    genres = [
        (genre, films, figures["irlbl"][genre])
        for genre, films in list(figures["films_per_genre"].items())[:_MOST_GENRES]
    ]
    write_page(
        "health.html.jinja", {"figures": figures, "genres": genres, "most": _MOST_ROWS}, path
    )
