"""What a corpus is like before anything is learned: sizes, imbalance, duplicates, short plots."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.plots import plot_groups

SHORT = 20


@dataclass(frozen=True, slots=True)
class PlotWords:
    """How long plots are, in words between white space."""

    mean: float
    median: float
    p90: float
    max: int


@dataclass(frozen=True, slots=True)
class CorpusHealth:
    """Figures of a corpus of ``n`` films and ``g`` genres.

    Parameters
    ----------
    films, genres
        ``n`` and ``g``.
    films_without_genre
        Films of which no genre is known.
    label_cardinality, label_density
        Genres per film; the same divided by ``g``.
    films_per_genre
        Films of each genre, commonest first.
    irlbl
        Imbalance ratio of each genre: films of the commonest genre / films of this one, in the same
        order; infinite for a genre without films.
    mean_ir
        Mean of ``irlbl`` over the genres that have films.
    scumble
        How far common and rare genres stand in the same films, 0 to 1, see `scumble`.
    plot_words
        Lengths of plots in words.
    short_plots
        Plots of under 20 words.
    duplicate_films
        Films whose plot, normalised, already stands in an earlier film.
    """

    films: int
    genres: int
    films_without_genre: int
    label_cardinality: float
    label_density: float
    films_per_genre: dict[str, int]
    irlbl: dict[str, float]
    mean_ir: float
    scumble: float
    plot_words: PlotWords
    short_plots: int
    duplicate_films: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON can hold them; an infinite or undefined one becomes ``None``."""
        figures: dict[str, Any] = _finite(asdict(self))
        return figures


def examine(corpus: Corpus) -> CorpusHealth:
    """The figures of a corpus; means over nothing are NaN."""
    films = corpus.Y.sum(axis=0)
    ratios = imbalance_ratios(corpus.Y)
    order = np.lexsort((np.asarray(corpus.genres, dtype=np.str_), -films)).tolist()
    cardinality = _mean(corpus.Y.sum(axis=1))
    words = np.asarray([len(plot.split()) for plot in corpus.plots], dtype=np.int64)
    return CorpusHealth(
        films=len(corpus),
        genres=len(corpus.genres),
        films_without_genre=int((~corpus.Y.any(axis=1)).sum()),
        label_cardinality=cardinality,
        label_density=cardinality / len(corpus.genres) if corpus.genres else math.nan,
        films_per_genre={corpus.genres[j]: int(films[j]) for j in order},
        irlbl={corpus.genres[j]: float(ratios[j]) for j in order},
        mean_ir=_mean(ratios[np.isfinite(ratios)]),
        scumble=scumble(corpus.Y),
        plot_words=_plot_words(words),
        short_plots=int((words < SHORT).sum()),
        duplicate_films=len(corpus) - len(np.unique(plot_groups(corpus.plots))),
    )


def imbalance_ratios(Y: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """IRLbl, shape (g,): films of the commonest genre / films of each; infinite for none.

    Charte, Rivera, del Jesus and Herrera, "Addressing imbalance in multilabel classification:
    measures and random resampling algorithms", Neurocomputing 163 (2015), equation 5.
    """
    films = np.asarray(Y.sum(axis=0), dtype=np.float64)
    ratios = np.full(films.shape, np.inf)
    np.divide(films.max(initial=0), films, out=ratios, where=films > 0)
    return ratios


def scumble(Y: npt.NDArray[np.bool_]) -> float:
    """Mean over films of 1 - geometric mean / arithmetic mean of the IRLbl of their genres.

    0 where the genres of each film are equally common. A film without genre counts as 0. NaN for
    no films. Charte, Rivera, del Jesus and Herrera, "Concurrence among imbalanced labels and its
    influence on multilabel resampling algorithms", HAIS 2014, with the means taken over a film's
    own genres, as its authors' package mldr does.
    """
    ratios = imbalance_ratios(Y)
    ratios = np.where(np.isfinite(ratios), ratios, 1.0)
    sizes = np.maximum(Y.sum(axis=1), 1)
    arithmetic = Y @ ratios / sizes
    geometric = np.exp(Y @ np.log(ratios) / sizes)
    labelled = Y.any(axis=1)
    return _mean(np.where(labelled, 1 - geometric / np.where(labelled, arithmetic, 1.0), 0.0))


def _plot_words(words: npt.NDArray[np.integer]) -> PlotWords:
    if not len(words):
        return PlotWords(math.nan, math.nan, math.nan, 0)
    median, p90 = np.quantile(words, [0.5, 0.9]).tolist()
    return PlotWords(_mean(words), median, p90, int(words.max()))


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if values.size else math.nan


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
