"""How much of a text is read: characters of a plot, bytes of a row, combining marks on end."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Literal

from plotgenre.errors import PlotgenreWarning

LONGEST_PLOT = 100_000
"""Characters that are read of a plot; the longest of 68,000 real ones has 20,019."""

LONGEST_ROW = 1 << 24
"""Bytes of a row of a table, in the file or as it is unpacked from it: 16 MiB."""

# As many as Unicode's stream-safe text has (Unicode Standard Annex #15, section 13).
_MOST_MARKS = 30
# Every mark is one of these; Latin prose has none.
_MAYBE_MARKS = re.compile(rf"[\u0300-\U0010ffff]{{{_MOST_MARKS + 1}}}")


def read_part(plot: str) -> str:
    """The beginning of a plot, of `LONGEST_PLOT` characters: the rest is not read by any model."""
    return plot[:LONGEST_PLOT]


def cut_warning(plot: str) -> str | None:
    """What is not read of a plot, as the end of a sentence; None where all of it is."""
    if len(plot) <= LONGEST_PLOT:
        return None
    return f"has {len(plot):,} characters, of which the first {LONGEST_PLOT:,} are read"


def warn_of_cut(plots: Sequence[str], what: str = "plot") -> None:
    """Warn, in one sentence, of plots that are not read to their end."""
    longer = [i for i, plot in enumerate(plots) if len(plot) > LONGEST_PLOT]
    if longer:
        more = f" (and {len(longer) - 1} more are too long)" if len(longer) > 1 else ""
        said = f"{what} {longer[0]} (counting from 0) {cut_warning(plots[longer[0]])}{more}"
        warnings.warn(said, PlotgenreWarning, stacklevel=4)


def normalised(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    """The text in a normal form of Unicode, of which time grows with its length alone.

    Normalising sorts marks that stand on end, in time that grows with the square of their number.
    So of more than 30 the first 30 are kept, which is more than any script has.
    """
    if _MAYBE_MARKS.search(text):
        text = _too_many_marks().sub(r"\1", text)
    return unicodedata.normalize(form, text)


@cache
def _too_many_marks() -> re.Pattern[str]:
    # Some are marks only once they are taken apart, and become two then. None is beyond plane 1.
    marks = "".join(
        mark
        for mark in map(chr, range(0x300, 0x20000))
        if not 0xD800 <= ord(mark) < 0xE000
        and all(map(unicodedata.combining, unicodedata.normalize("NFKD", mark)))
    )
    return re.compile(f"([{marks}]{{{_MOST_MARKS}}})[{marks}]+")
