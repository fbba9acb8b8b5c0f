"""Templates: contents through one of this folder's templates to a page that stands alone."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotgenre.errors import MissingExtraError
from plotgenre.whole_files import write_whole


def write_page(template: str, contents: Mapping[str, Any], path: str | Path) -> None:
    """Render a template, with the pages' style and script in it, to a file.

    Parameters
    ----------
    template
        Name of a file in this folder.
    contents
        What the template shows; every text in it is escaped.
    path
        Of the page; folders above it are made.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    page = _render(template, contents)
    # A lone surrogate in a title is no reason to lose the page.
    write_whole(Path(path), page.encode("utf-8", "replace"))


def shortened(text: str, longest: int) -> str:
    """At most ``longest`` characters, cut between words where there is a gap to cut at."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    cut = text.rfind(" ", longest // 2, longest)
    return text[: cut if cut > 0 else longest - 1] + "\u00a0…"


def _render(template: str, contents: Mapping[str, Any]) -> str:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as missing:
        raise MissingExtraError("A report", "train") from missing
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _figure,
        "signed": _signed,
        "shortened": shortened,
        "sortable": _sortable,
    }
    script, style = _read("report.js"), _read("report.css")
    # The one script that may run is this one, whatever a corpus smuggles in.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "script": Markup(script),
        "script_digest": digest,
        "style": Markup(style),
    }
    return environment.get_template(template).render(contents)


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _figure(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:+.{digits}f}"


def _sortable(value: float) -> str:
    """A number as the script sorts it; undefined ones stand last as below everything."""
    return "-2" if math.isnan(value) else f"{value:.6g}"
