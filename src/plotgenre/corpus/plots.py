"""When two plots are the same plot: the form in which they are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl


def normalised_plot(plot: str) -> str:
    """The plot as it is compared with others: NFKC, case folded, words with one space between.

    Whatever is neither letter, mark nor digit counts as space. A plot of nothing else stays as it
    is, so that two such plots are the same only if they are equal.
    """
    return str(normalised_plots([plot]).item())


def plot_groups(plots: Sequence[str]) -> npt.NDArray[np.int64]:
    """A group number for each plot, shape (n,): the same for plots that are equal normalised.

    Groups are numbered from 0 in the order of their first plots.
    """
    ranks = normalised_plots(plots).rank("dense").to_numpy().astype(np.int64)
    _, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[inverse]


def normalised_plots(plots: Sequence[str]) -> pl.Series:
    """Each plot as `normalised_plot` gives it, shape (n,)."""
    # Splits are imported wherever a recipe is read, and cut far more rarely.
    import polars as pl

    folded = [unicodedata.normalize("NFKC", plot).casefold() for plot in plots]
    texts = pl.Series("plot", folded, dtype=pl.String)
    words = texts.str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ").str.strip_chars()
    return words.zip_with(words != "", texts)
