"""Train, validation and test: stratified over genres, and no plot on two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.plots import normalised_plot, plot_groups
from plotgenre.errors import CorpusError, InputError, MissingExtraError

__all__ = ["Split", "SplitSettings", "folds", "normalised_plot", "stratified_split"]

Ints = npt.NDArray[np.int64]


@settings(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SplitSettings:
    """How a corpus is split.

    Parameters
    ----------
    validation, test
        The fraction of plots on each of these sides; 0 leaves it empty. Train has the rest.
    seed
        The same seed splits the same corpus the same way. 0 takes films in the order of the
        corpus, any other seed shuffles them first.
    """

    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _leaves_train(self) -> SplitSettings:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave a part of the films to train")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a corpus on each side, ascending int64; every row stands on exactly one side."""

    train: Ints
    validation: Ints
    test: Ints


def stratified_split(corpus: Corpus, settings: SplitSettings) -> Split:
    """Split so that each genre is shared out in proportion and equal plots stay together.

    Plots that are equal after `normalised_plot` are one group, which has the genres of all its
    films. Groups are shared out by iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On
    the stratification of multi-label data", ECML PKDD 2011). That may leave a rare genre off a
    side, so groups are then moved until every genre with at least as many groups as there are
    sides stands on each of them, as far as that can be had without taking another genre off.

    Raises
    ------
    CorpusError
        If there are fewer different plots than sides.
    """
    fractions = [1 - settings.validation - settings.test, settings.validation, settings.test]
    wanted = [i for i, fraction in enumerate(fractions) if fraction > 0]
    side = _share_out(corpus, np.asarray([fractions[i] for i in wanted]), settings.seed)
    side = np.asarray(wanted)[side]
    return Split(*(np.flatnonzero(side == i) for i in range(3)))


def folds(corpus: Corpus, k: int, seed: int = 0) -> list[Split]:
    """``k`` splits without a test side; every film is in validation once.

    Raises
    ------
    InputError
        If ``k`` is below 2.
    CorpusError
        If there are fewer different plots than folds.
    """
    if k < 2:
        raise InputError(f"folds need k of at least 2, got {k}")
    fold = _share_out(corpus, np.full(k, 1 / k), seed)
    nothing = np.zeros(0, dtype=np.int64)
    return [Split(np.flatnonzero(fold != i), np.flatnonzero(fold == i), nothing) for i in range(k)]


def _share_out(corpus: Corpus, fractions: npt.NDArray[np.float64], seed: int) -> Ints:
    """The side of each film, shape (n,)."""
    groups = plot_groups(corpus.plots)
    n_groups = int(groups.max(initial=-1)) + 1
    if n_groups < len(fractions):
        raise CorpusError(
            f"{len(corpus)} films with {n_groups} different plots cannot be split into "
            f"{len(fractions)} sides; expected at least one plot for each"
        )
    Y = np.zeros((n_groups, len(corpus.genres)), dtype=np.bool_)
    films, genres = np.nonzero(corpus.Y)
    Y[groups[films], genres] = True
    side = _stratify(Y, fractions, seed)
    _repair(Y, side, len(fractions))
    _fill_empty_sides(Y, side, len(fractions))
    return side[groups]


def _stratify(Y: npt.NDArray[np.bool_], fractions: npt.NDArray[np.float64], seed: int) -> Ints:
    try:
        from iterstrat.ml_stratifiers import IterativeStratification
    except ImportError as error:
        raise MissingExtraError("a stratified split", "train") from error
    generator = np.random.RandomState(seed)
    # It draws only where sides are equally in need, which may be never: so the order is drawn too.
    # Seed 0 keeps the order of the corpus, and with it the splits that were made before.
    order = generator.permutation(len(Y)) if seed else np.arange(len(Y))
    side = np.empty(len(Y), dtype=np.int64)
    # iterstrat indexes with the rows of Y, so they must be bool; it also eats its fractions.
    side[order] = IterativeStratification(Y[order], fractions.copy(), generator)
    return side


def _repair(Y: npt.NDArray[np.bool_], side: Ints, sides: int) -> None:
    """Move groups, in place, until every genre with enough groups stands on each side.

    The rarest genre goes first. Of the groups that may move, one goes that takes the fewest other
    genres off its side, then the one with the fewest genres; what it takes off waits its turn.
    Moves are bounded, since not every set of films has a solution.
    """
    counts = np.stack([Y[side == i].sum(axis=0) for i in range(sides)])
    enough = counts.sum(axis=0) >= sides
    best, best_missing = side.copy(), int((counts[:, enough] == 0).sum())
    for _ in range(4 * best_missing):
        missing = np.argwhere((counts == 0) & enough)
        if not len(missing):
            break
        to, genre = missing[np.argmin(counts.sum(axis=0)[missing[:, 1]])]
        movable = np.flatnonzero(Y[:, genre] & (counts[side, genre] > 1))
        last = (counts == 1) & enough
        taken_off = (Y[movable] & last[side[movable]]).sum(axis=1)
        group = movable[np.lexsort((movable, Y[movable].sum(axis=1), taken_off))[0]]
        counts[side[group]] -= Y[group]
        counts[to] += Y[group]
        side[group] = to
        if (left := int((counts[:, enough] == 0).sum())) < best_missing:
            best, best_missing = side.copy(), left
    side[:] = best


def _fill_empty_sides(Y: npt.NDArray[np.bool_], side: Ints, sides: int) -> None:
    """Give each side without groups, in place, the largest side's group with fewest genres."""
    for empty in np.flatnonzero(np.bincount(side, minlength=sides) == 0):
        largest = np.bincount(side, minlength=sides).argmax()
        groups = np.flatnonzero(side == largest)
        side[groups[Y[groups].sum(axis=1).argmin()]] = empty
