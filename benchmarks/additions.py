"""What could be added to the recipe `best` and is no part of plotgenre: measured as choices are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from plotgenre import Recipe
from plotgenre.corpus.synonyms import find_synonyms, merge_map

if TYPE_CHECKING:
    from ablations import Films

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Branches = Callable[["Films", Recipe, list[Floats]], list[Floats]]
Stage = Callable[[Floats, Bools, Floats], Floats]

# Films that vote, how fast a vote fades with the cosine, and how many votes the prior has.
NEIGHBOURS, FADING, PRIOR_VOTES = 50, 0.05, 1.0
HEADS = 3
# Of the second stage's logistic regressions, over logits scaled to unit variance.
INVERSE_PENALTY = 0.001
_CHUNK = 256


@dataclass(frozen=True)
class Addition:
    """What is changed; each part may be left out.

    Parameters
    ----------
    recipe
        Another recipe, given the films.
    branches
        Other logits, given the branches' own (n, g) of the validation films.
    stage
        From joined logits and targets of films to fit on, and joined logits of films to read, to
        the latter's second opinion; joined with the first by the calibration.
    """

    recipe: Callable[[Films, Recipe], Recipe] = lambda films, recipe: recipe
    branches: Branches = lambda films, recipe, logits: logits
    stage: Stage | None = None


NOTHING = Addition()


def merged(films: Films, recipe: Recipe) -> Recipe:
    """The sure synonyms of `plotgenre inspect` as one genre each."""
    return recipe.with_settings({"genres.merges": merge_map(find_synonyms(films.train))})


def several_heads(films: Films, recipe: Recipe, logits: list[Floats]) -> list[Floats]:
    """The mean of heads that differ by their seed, beside the words."""
    seeds = range(recipe.training.seed, recipe.training.seed + HEADS)
    heads = [
        films.logits(recipe.with_settings({"training.seed": seed % HEADS}))[0] for seed in seeds
    ]
    return [np.mean(heads, axis=0), *logits[1:]]


def with_neighbours(films: Films, recipe: Recipe, logits: list[Floats]) -> list[Floats]:
    """A third branch: genres of the train films whose mean slice is nearest."""
    train, validation = films.sides(recipe)
    bags = films.bags(recipe.slicing, recipe.encoder)
    means = np.add.reduceat(bags.vectors, bags.offsets[:-1], axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    known, asked = (means[[films.rows[p] for p in side.plots]] for side in (train, validation))
    votes = [
        voted(asked[at : at + _CHUNK] @ known.T, train.Y) for at in range(0, len(asked), _CHUNK)
    ]
    return [*logits, np.concatenate(votes)]


def voted(cosines: Floats, Y: Bools) -> Floats:
    """Logits (n, g) of the share of votes, smoothed by the genres' shares in train.

    Parameters
    ----------
    cosines
        Of films (n) and train films (m), shape (n, m).
    Y
        Targets of the train films, shape (m, g).
    """
    count = min(NEIGHBOURS, cosines.shape[1])
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp((near - near.max(axis=1, keepdims=True)) / FADING)
    found = np.einsum("nk,nkg->ng", weights, Y[nearest].astype(np.float32))
    # Half a film more, so that no genre is impossible.
    prior = (Y.sum(axis=0) + 0.5) / (len(Y) + 1)
    share = (found + PRIOR_VOTES * prior) / (weights.sum(axis=1, keepdims=True) + PRIOR_VOTES)
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(share / (1 - share)).astype(np.float32)


def combinations(fit: Floats, Y: Bools, read: Floats) -> Floats:
    """Each genre by a logistic regression over the logits of all genres."""
    centre, spread = fit.mean(axis=0), fit.std(axis=0) + 1e-6
    scaled, asked = (fit - centre) / spread, (read - centre) / spread
    second = read.copy()
    for genre in np.flatnonzero(Y.any(axis=0) & ~Y.all(axis=0)):
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=200)
        second[:, genre] = model.fit(scaled, Y[:, genre]).decision_function(asked)
    return second


ADDITIONS: dict[str, Addition] = {
    "synonym genres merged": Addition(recipe=merged),
    "mean of three heads": Addition(branches=several_heads),
    "nearest train films as a third branch": Addition(branches=with_neighbours),
    "a second stage over all genres' logits": Addition(stage=combinations),
}
