"""Resampling of train films against imbalance between genres; validation is never resampled.

The methods are multi-label ones: a film carries several genres, so that a clone of a rare genre
is often one of a common genre too. Distances are Euclidean, between the mean vectors of films.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.embedding.bags import Bags
from plotgenre.errors import MissingExtraError, RecipeError
from plotgenre.learning.labelled import LabelledBags

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

# Beside the purposes 0 to 2 that `run.py` draws from the same seed.
_PURPOSE = 3
# Means of equal fractions carry rounding noise; a film must exceed it to lie above the mean.
_NOISE = 1e-9


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SamplingSettings:
    """How train films of the semantic branch are resampled before training.

    The lexical branch reads each train film once; see its ``pos_weight_cap``.

    A genre is a *minority* one where its IRLbl exceeds MeanIR (see `imbalance_ratios`).

    Parameters
    ----------
    method
        ``none``; ``ml_ros`` clones films of minority genres; ``ml_smote`` makes new ones between
        neighbours; ``ml_tomek`` removes films of links; ``remedial`` parts the common from the
        rare genres of a film.
    share
        ``ml_ros``: clones as a share of the train films, at most.
    neighbours
        ``ml_smote``: films of the genre that a new film's reference is drawn from, and that vote
        on its genres.
    distance_threshold
        ``ml_tomek``: neighbours make a link where the adjusted Hamming distance of their genres
        exceeds this, in [0, 1).
    removes
        ``ml_tomek``: ``majority``, undersampling, removes of a link that joins a film with a
        minority genre to one without the latter; ``both``, cleaning, removes both films of every
        link.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    method: Literal["none", "ml_ros", "ml_smote", "ml_tomek", "remedial"] = "none"
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.25
    neighbours: Annotated[int, Field(ge=1)] = 5
    distance_threshold: Annotated[float, Field(ge=0, lt=1)] = 0.5
    removes: Literal["majority", "both"] = "majority"


def resample(films: LabelledBags, settings: SamplingSettings, seed: int) -> LabelledBags:
    """The films as training shall see them; the same arguments give the same films.

    Kept films stay in their order and keep all their slices, as clones do; added films follow
    them. The arguments are left as they are.

    Parameters
    ----------
    films
        Train films: bags of (n_slices, d), targets (n, g).
    settings
        Which method, and how strongly.
    seed
        Fixes which films are cloned, and where between its neighbours a new film lies.

    Returns
    -------
    LabelledBags
        Of another ``n``, the same ``d`` and ``g``; ``films`` itself for ``none``.

    Raises
    ------
    RecipeError
        If no film is left.
    MissingExtraError
        If the method looks for neighbours and scikit-learn is not installed.
    """
    if settings.method == "none":
        return films
    return METHODS[settings.method](films, settings, np.random.default_rng([seed, _PURPOSE]))


def imbalance_ratios(films_per_genre: npt.NDArray[np.integer]) -> Doubles:
    """IRLbl, shape (g,): films of the commonest genre / films of each; infinite for none.

    MeanIR is their mean over the genres that have films. Charte, Rivera, del Jesus and Herrera,
    "Addressing imbalance in multilabel classification: measures and random resampling algorithms",
    Neurocomputing 163 (2015), section 3.
    """
    ratios = np.full(films_per_genre.shape, np.inf)
    most = films_per_genre.max(initial=0)
    np.divide(most, films_per_genre, out=ratios, where=films_per_genre > 0)
    return ratios


def minority_genres(Y: Bools) -> Bools:
    """Which genres have an IRLbl above MeanIR, shape (g,); never one without films."""
    ratios = imbalance_ratios(Y.sum(axis=0))
    return np.isfinite(ratios) & (ratios > _mean_ir(ratios))


def film_scumble(Y: Bools) -> Doubles:
    """SCUMBLE of each film, shape (n,): 1 - geometric / arithmetic mean of its genres' IRLbl.

    0 for a film without genres. Charte, Rivera, del Jesus and Herrera, "Concurrence among
    imbalanced labels and its influence on multilabel resampling algorithms", HAIS 2014; the means
    run over a film's own genres.
    """
    ratios = imbalance_ratios(Y.sum(axis=0))
    ratios = np.where(np.isfinite(ratios), ratios, 1.0)
    sizes = np.maximum(Y.sum(axis=1), 1)
    arithmetic = np.where(Y.any(axis=1), Y @ ratios / sizes, 1.0)
    scumble: Doubles = 1 - np.exp(Y @ np.log(ratios) / sizes) / arithmetic
    return scumble


def adjusted_hamming(left: Bools, right: Bools) -> Doubles:
    """Genres that one of two films has alone, over the genres of both, row by row; shape (m,).

    From 0 for the same genres to 1 for none in common; 0 where neither film has any. Charte,
    Rivera, del Jesus and Herrera, "MLeNN: a first approach to heuristic multilabel
    undersampling", IDEAL 2014, section 3, which MLTL takes over.
    """
    alone = (left ^ right).sum(axis=1)
    distances: Doubles = alone / np.maximum(left.sum(axis=1) + right.sum(axis=1), 1)
    return distances


def _ml_ros(
    films: LabelledBags, settings: SamplingSettings, rng: np.random.Generator
) -> LabelledBags:
    """ML-ROS: clone a random film of each minority genre in turn, until ``share`` is used up.

    After each clone the IRLbl of its genre is computed anew, and a genre that has come down to the
    MeanIR of the beginning is left out from then on. Charte et al., Neurocomputing 163 (2015),
    algorithm 3; clones are no seeds of further clones.
    """
    films_per_genre = films.Y.sum(axis=0)
    mean_ir = _mean_ir(imbalance_ratios(films_per_genre))
    left = int(settings.share * len(films))
    clones: list[int] = []
    bags = {genre: np.flatnonzero(films.Y[:, genre]) for genre in _minority_rows(films.Y)}
    while bags and len(clones) < left:
        for genre in list(bags)[: left - len(clones)]:
            clone = int(rng.choice(bags[genre]))
            clones.append(clone)
            films_per_genre += films.Y[clone]
            if films_per_genre.max() / films_per_genre[genre] <= mean_ir:
                del bags[genre]
    return _take(films, np.concatenate([np.arange(len(films)), np.array(clones, dtype=np.int64)]))


def _ml_smote(
    films: LabelledBags, settings: SamplingSettings, rng: np.random.Generator
) -> LabelledBags:
    """ML-SMOTE: beside each film of a minority genre a new one, towards a neighbour of that genre.

    Every feature goes its own random part of the way from the film to one of its neighbours,
    drawn at random. Genres by Ranking: those of at least half of the film and its neighbours.
    Charte, Rivera, del Jesus and Herrera, "MLSMOTE: approaching imbalanced multilabel learning
    through synthetic instance generation", Knowledge-Based Systems 89 (2015), section 3.

    A new film is a bag of one vector, between mean vectors: exact where the head pools first, and
    only near the truth where it reads slices apart. Minority genres and neighbours are those of
    the real films, so that new films depend neither on the order of the genres nor on each other.
    A genre's only film has no neighbour, and no new film.
    """
    means = films.bags.pooled("mean").vectors
    vectors: list[Floats] = [films.bags.vectors]
    Y: list[Bools] = [films.Y]
    for genre in _minority_rows(films.Y):
        rows = np.flatnonzero(films.Y[:, genre])
        count = min(settings.neighbours, len(rows) - 1)
        if not count:
            continue
        near = rows[_nearest(means[rows], count)]
        seeds = means[rows]
        references = means[rng.permuted(near, axis=1)[:, 0]]
        gaps = rng.random(seeds.shape, dtype=np.float32)
        vectors.append(seeds + gaps * (references - seeds))
        votes = films.Y[rows] + films.Y[near].sum(axis=1)
        Y.append(2 * votes >= count + 1)
    ends = films.bags.offsets[-1] + np.arange(1, sum(map(len, Y[1:])) + 1)
    bags = Bags(np.concatenate(vectors), np.concatenate([films.bags.offsets, ends]))
    return LabelledBags(bags, np.concatenate(Y))


def _ml_tomek(
    films: LabelledBags, settings: SamplingSettings, rng: np.random.Generator
) -> LabelledBags:
    """MLTL: remove films from links, pairs that are each other's nearest neighbour and differ.

    They differ where the adjusted Hamming distance of their genres exceeds the threshold. The
    majority film of a pair is the one without a minority genre, where the other has one; the
    authors' own code asks for neither (docs/architecture.md). Pereira, Costa and Silla, "MLTL: a
    multi-label approach for the Tomek Link undersampling algorithm", Neurocomputing 383 (2020).
    Draws nothing at random.
    """
    if len(films) < 2:
        return films
    nearest = _nearest(films.bags.pooled("mean").vectors, 1)[:, 0]
    first = np.arange(len(films))
    first = first[(nearest[nearest] == first) & (first < nearest)]
    differ = adjusted_hamming(films.Y[first], films.Y[nearest[first]]) > settings.distance_threshold
    links = np.stack([first[differ], nearest[first[differ]]], axis=1)
    if settings.removes == "majority":
        has_rare = np.asarray((films.Y & minority_genres(films.Y)).any(axis=1))
        rare = has_rare[links]
        removed = links[~rare & rare.any(axis=1, keepdims=True)]
    else:
        removed = links.ravel()
    kept = np.delete(np.arange(len(films)), removed)
    if not len(kept):
        raise RecipeError(
            f"ml_tomek with removes 'both' leaves none of {len(films)} train films: "
            f"raise distance_threshold above {settings.distance_threshold}"
        )
    return _take(films, kept)


def _remedial(
    films: LabelledBags, settings: SamplingSettings, rng: np.random.Generator
) -> LabelledBags:
    """REMEDIAL: a film of a SCUMBLE above the mean becomes two, of common and of rare genres.

    The film keeps its majority genres; a clone with its minority genres follows at the end. A film
    with genres of one kind only stays whole, since its other half would have no genre. Charte,
    Rivera, del Jesus and Herrera, "Resampling multilabel datasets by decoupling highly imbalanced
    labels", HAIS 2015, algorithm 1. Draws nothing at random.
    """
    rare = films.Y & minority_genres(films.Y)
    common = films.Y & ~rare
    scumble = film_scumble(films.Y)
    decoupled = (scumble > scumble.mean() + _NOISE) & rare.any(axis=1) & common.any(axis=1)
    rows = np.concatenate([np.arange(len(films)), np.flatnonzero(decoupled)])
    kept = np.where(decoupled[:, None], common, films.Y)
    return LabelledBags(films.bags.take(rows), np.concatenate([kept, rare[decoupled]]))


Method = Callable[[LabelledBags, SamplingSettings, np.random.Generator], LabelledBags]
METHODS: dict[str, Method] = {
    "ml_ros": _ml_ros,
    "ml_smote": _ml_smote,
    "ml_tomek": _ml_tomek,
    "remedial": _remedial,
}
"""Every method but ``none``, by its name in the settings."""


def _mean_ir(ratios: Doubles) -> float:
    finite = ratios[np.isfinite(ratios)]
    return float(finite.mean()) if finite.size else np.inf


def _minority_rows(Y: Bools) -> list[int]:
    return [int(genre) for genre in np.flatnonzero(minority_genres(Y))]


def _take(films: LabelledBags, rows: Rows) -> LabelledBags:
    return LabelledBags(films.bags.take(rows), films.Y[rows])


def _nearest(vectors: Floats, count: int) -> Rows:
    """Rows of each vector's ``count`` nearest others, nearest first, shape (m, count)."""
    try:
        from sklearn.neighbors import NearestNeighbors
    except ModuleNotFoundError:
        raise MissingExtraError("Resampling by neighbours", "train") from None
    # In blocks of matrix products; trees are no faster beyond some 15 dimensions.
    index = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors)
    neighbours: Rows = index.kneighbors(return_distance=False)
    return neighbours
