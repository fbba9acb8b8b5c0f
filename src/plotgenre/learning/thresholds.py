"""Thresholds: probabilities to decisions, tuned exactly on validation films."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from plotgenre.errors import InputError
from plotgenre.learning.cuts import Sweep, best_cut, ranked, threshold_at, without_skill
from plotgenre.learning.objectives import OBJECTIVES, Metric, Objective, f1

Floats: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]

# Sums of up to n * g fractions carry rounding noise; a change must exceed it to count as one.
_NOISE = 1e-9
# Coordinate ascent settled within 6 passes on 4,700 films and 350 genres; this only stops a crawl.
_MAX_PASSES = 20


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ThresholdSettings:
    """How the thresholds are found, and what is decided with them.

    Parameters
    ----------
    scope
        ``fixed``: ``value`` for every genre. ``global``: one tuned threshold for all.
        ``per_genre``: one tuned threshold each, which overfits genres with few validation films.
        ``micromacro``: one each, smoothed by the more frequent genres, for long-tailed corpora.
    metric
        What ``global`` and ``per_genre`` maximise; ``micromacro`` has its own objective.
    value
        The threshold of ``fixed``, between 0 and 1.
    top_k
        At most so many genres a film, see `decide`; ``None`` is no limit. Tuning does not know it.
    at_least_one
        Whether a film in which no genre reaches its threshold gets one all the same, see `decide`.
        Tuning does not know it either.
    """

    scope: Literal["fixed", "global", "per_genre", "micromacro"] = "global"
    metric: Metric = "micro_f1"
    value: Annotated[float, Field(ge=0, le=1)] = 0.5
    top_k: Annotated[int, Field(ge=1)] | None = None
    at_least_one: bool = False


def decide(
    P: npt.ArrayLike, thresholds: Floats, settings: ThresholdSettings | None = None
) -> Bools:
    """Decisions (n, g): a genre is on where its probability reaches its threshold.

    With ``at_least_one``, a film in which none does gets the one genre that comes nearest: the
    largest margin ``logit(P) - logit(threshold)``, so that a rare genre with its low threshold has
    the same chance as a frequent one. A threshold of 1 or more is out of reach even so, as that of
    a genre which the model left out. With ``top_k``, of the genres that are on only the ``k`` most
    probable stay: by probability, as predictions are listed, and not by margin, which favours rare
    genres. Of equals the first in order of genres.

    Parameters
    ----------
    P
        Probabilities of shape (n, g), compared as float32, the precision thresholds are kept in.
    thresholds
        One per genre, shape (g,).
    settings
        Of these, ``top_k`` and ``at_least_one``; ``None`` is thresholds alone.

    Raises
    ------
    InputError
        If the number of genres differs.
    """
    P = np.asarray(P, dtype=np.float32)
    if P.ndim != 2 or thresholds.shape != P.shape[1:]:
        raise InputError(
            f"thresholds must be one for each genre, got shape {thresholds.shape} "
            f"for probabilities of shape {P.shape}"
        )
    D = np.asarray(np.greater_equal(P, thresholds), dtype=np.bool_)
    if settings is None:
        return D
    if settings.at_least_one and (thresholds < 1).any():
        films = np.flatnonzero(~D.any(axis=1))
        D[films, _margins(P[films], thresholds).argmax(axis=1)] = True
    if settings.top_k is not None:
        order = np.argsort(-np.where(D, P, -1), axis=1, kind="stable")
        np.put_along_axis(D, order[:, settings.top_k :], False, axis=1)
    return D


def _margins(P: Floats, thresholds: Floats) -> npt.NDArray[np.float64]:
    """How far below its threshold each probability is, in logits; -inf where that is 1 or more."""
    reachable = thresholds < 1
    least = np.finfo(np.float32).tiny
    p = np.maximum(P[:, reachable].astype(np.float64), least)
    t = np.maximum(thresholds[reachable].astype(np.float64), least)
    margins = np.full(P.shape, -np.inf)
    margins[:, reachable] = np.log(p / (1 - p)) - np.log(t / (1 - t))
    return margins


def tune_thresholds(P: npt.ArrayLike, Y: npt.ArrayLike, settings: ThresholdSettings) -> Floats:
    """The thresholds that maximise a metric on validation films.

    Every cut between two different probabilities is tried, not a grid, and the threshold is put
    midway between them. Two kinds of genre have nothing to be tuned on and keep the best global
    threshold (for macro-F1: the one for micro-F1, since rare genres pull the global one for
    macro-F1 about): a genre without validation films, and a genre whose best cut switches it on
    for many films without finding more of its own than a random pick would (`without_skill`).
    The latter is needed because the F1 of an uninformative classifier is highest when everything
    is on (Lipton, Elkan & Naryanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1
    Measure"). Where even the global cut has no skill, nothing is switched on.

    ``top_k`` and ``at_least_one`` are not taken into account: with them a genre's threshold would
    hang on all others', which fits the films at hand and not the next ones.

    Parameters
    ----------
    P
        Validation probabilities of shape (n, g).
    Y
        Validation targets of shape (n, g), bool.
    settings
        Scope and metric.

    Returns
    -------
    numpy.ndarray
        Thresholds of shape (g,), float32, to be used by `decide`.

    Raises
    ------
    InputError
        If P and Y differ in shape, hold no cell, or P is not all between 0 and 1.
    """
    P, Y = _checked(P, Y)
    genres = P.shape[1]
    if settings.scope == "fixed":
        return np.full(genres, settings.value, dtype=np.float32)
    if settings.scope == "micromacro":
        return _micromacro(P, Y, _global_threshold(P, Y, OBJECTIVES["micro_f1"]))
    if settings.scope == "global":
        threshold = _global_threshold(P, Y, OBJECTIVES[settings.metric])
        return np.full(genres, threshold, dtype=np.float32)
    start: Metric = "micro_f1" if settings.metric == "macro_f1" else settings.metric
    return _ascended(P, Y, OBJECTIVES[settings.metric], _global_threshold(P, Y, OBJECTIVES[start]))


def best_micro_f1(P: npt.ArrayLike, Y: npt.NDArray[np.bool_]) -> float:
    """Micro-F1 at the one threshold that is best on these very films, so a little too high.

    It is 0 where no threshold has skill, see `tune_thresholds`.

    Parameters
    ----------
    P, Y
        Probabilities and targets of shape (n, g), as `tune_thresholds` takes them.
    """
    D = decide(P, tune_thresholds(P, Y, ThresholdSettings()))
    return float(2 * (Y & D).sum() / max(Y.sum() + D.sum(), 1))


def _checked(P: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[Floats, Bools]:
    P, Y = np.asarray(P, dtype=np.float32), np.asarray(Y, dtype=np.bool_)
    if P.ndim != 2 or P.shape != Y.shape:
        raise InputError(
            f"probabilities and targets must both be (films, genres), got {P.shape} and {Y.shape}"
        )
    if not P.size:
        raise InputError("thresholds cannot be tuned on no films: the validation set is empty")
    wrong = ~((P >= 0) & (P <= 1))
    if wrong.any():
        film, genre = np.argwhere(wrong)[0]
        raise InputError(
            f"probabilities must lie between 0 and 1, got {P[film, genre]} "
            f"for film {film}, genre {genre}"
        )
    return P, Y


def _global_threshold(P: Floats, Y: Bools, objective: Objective) -> np.float32:
    """The best single threshold among all n * g + 1 cuts (1.6 M in about a second)."""
    order = np.argsort(-P, axis=None, kind="stable")
    values, positives = P.ravel()[order], Y.ravel()[order]
    found = np.concatenate([[0], np.cumsum(positives)])
    if objective.axis is None:
        scores = objective.value(found, np.arange(P.size + 1), found[-1])
    else:
        gains = _gains(P, Y, objective, objective.axis).ravel()[order]
        scores = np.concatenate([[0.0], np.cumsum(gains)])
    cut = best_cut(values, scores, _NOISE)
    return threshold_at(values, 0 if without_skill(found, cut) else cut)


def _gains(P: Floats, Y: Bools, objective: Objective, axis: int) -> npt.NDArray[np.float64]:
    """What each cell adds to the objective when one threshold falls past it, shape (n, g).

    A film's (or genre's) value depends only on which of its own cells are on, and they switch on
    in falling order of probability: so sorting within the film is enough to know each step.
    """
    order = np.argsort(-P, axis=axis, kind="stable")
    found = np.cumsum(np.take_along_axis(Y, order, axis), axis=axis, dtype=np.int64)
    predicted = np.expand_dims(np.arange(1, P.shape[axis] + 1), 1 - axis)
    actual = Y.sum(axis=axis, keepdims=True)
    before = objective.value(np.zeros_like(actual), np.zeros_like(actual), actual)
    steps = np.diff(objective.value(found, predicted, actual), axis=axis, prepend=before)
    gains = np.empty_like(steps)
    np.put_along_axis(gains, order, steps, axis)
    return gains


def _ascended(P: Floats, Y: Bools, objective: Objective, start: np.float32) -> Floats:
    """Coordinate ascent: genre after genre takes its best cut while the others stand still.

    Starts from the global threshold and only ever moves to a strictly better cut, so it ends, at
    a point that no genre with skill can improve alone. Macro-F1 and label accuracy are sums over
    genres, for which that point is the optimum (SCut of Yang 2001).
    """
    thresholds = np.full(P.shape[1], start, dtype=np.float32)
    columns = ranked(P)
    sweep = Sweep(Y, decide(P, thresholds), objective)
    for _ in range(_MAX_PASSES):
        moved = False
        for genre in np.flatnonzero(Y.any(axis=0)).tolist():
            order, values = columns.order[:, genre], columns.values[:, genre]
            scores, found = sweep.scores(genre, order)
            cut = best_cut(values, scores, _NOISE)
            better = scores[cut] > scores[sweep.predicted(genre)] + _NOISE
            if better and not without_skill(found, cut):
                thresholds[genre] = threshold_at(values, cut)
                sweep.switch(genre, order[:cut])
                moved = True
        if not moved:
            break
    return thresholds


def _micromacro(P: Floats, Y: Bools, safe: np.float32) -> Floats:
    """Per-genre thresholds that maximise micro-F1 plus macro-F1, frequent genres first.

    Tuning F1 alone overfits a rare genre: one lucky film decides. The micro-F1 of all genres
    done so far, with their counts kept, adds a constant to numerator and denominator and so
    smooths the rare genre's F1 (Lin & Lin 2023, "On the Thresholding Strategy for Infrequent
    Labels in Multi-label Classification", CIKM, doi 10.1145/3583780.3614996: micromacro-freq,
    the smoothed F-measure without further hyperparameters). They average over folds of the
    train set; here the probabilities are of held-out films already.
    """
    thresholds = np.full(P.shape[1], safe, dtype=np.float32)
    columns, actual, safe_cuts = ranked(P), Y.sum(axis=0), decide(P, thresholds).sum(axis=0)
    done_found = done_predicted = done_actual = 0
    frequent_first = np.argsort(-actual, kind="stable")[: np.count_nonzero(actual)]
    for rank, genre in enumerate(frequent_first, start=1):
        values = columns.values[:, genre]
        found = np.concatenate([[0], np.cumsum(Y[columns.order[:, genre], genre])])
        predicted = np.arange(len(found))
        done_actual += actual[genre]
        micro = f1(done_found + found, done_predicted + predicted, done_actual)
        cut = best_cut(values, micro + f1(found, predicted, actual[genre]) / rank, _NOISE)
        if without_skill(found, cut):
            cut = int(safe_cuts[genre])
        else:
            thresholds[genre] = threshold_at(values, cut)
        done_found += found[cut]
        done_predicted += cut
    return thresholds
