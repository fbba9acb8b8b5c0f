"""When two plots are the same plot: the form in which they are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from plotgenre.texts import normalised


def normalised_plot(plot: str) -> str:
    """The plot as it is compared with others: NFKC, case folded, words with one space between.

    Whatever is neither letter, mark nor digit counts as space. A plot of nothing else stays as it
    is, so that two such plots are the same only if they are equal.
    """
    folded = normalised("NFKC", plot).casefold()
    return " ".join(folded.translate(_SPACES).split()) or folded


def plot_groups(plots: Iterable[str]) -> npt.NDArray[np.int64]:
    """A group number for each plot, shape (n,): the same for plots that are equal normalised.

    Groups are numbered from 0 in the order of their first plots.
    """
    groups: dict[str, int] = {}
    numbers = [groups.setdefault(normalised_plot(plot), len(groups)) for plot in plots]
    return np.asarray(numbers, dtype=np.int64)


def shared_plots(plots: Sequence[str], others: Iterable[str]) -> int:
    """How many of the plots stand, normalised, among the others too."""
    known = {normalised_plot(plot) for plot in others}
    return sum(normalised_plot(plot) in known for plot in plots)


class _Spaces(dict[int, str | int]):
    """For `str.translate`: a space for what is neither letter, mark nor digit."""

    def __missing__(self, code: int) -> str | int:
        kept = unicodedata.category(chr(code))[0] in "LMN"
        return self.setdefault(code, code if kept else " ")


_SPACES = _Spaces()
