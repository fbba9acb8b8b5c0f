"""Finding an added genre: texts, examples and unlabelled films to directions, scale and bias.

Two ways from a text to films, neither of which needs a label, and whose sum beats both
(benchmarks/new_genres.py):

- the text is a query and a film's slices are passages (asymmetric semantic search);
- the new genre's logit is that of known genres with like names: kernel ridge regression from names'
  vectors to logits, in the manner of ESZSL (Romera-Paredes and Torr, "An embarrassingly simple
  approach to zero-shot learning", ICML 2015), here with the fitted genres' logits for targets.

Examples turn both directions towards their own means, as prototypes do (Snell et al., "Prototypical
Networks for Few-shot Learning", NeurIPS 2017). The papers were not at hand.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError
from plotgenre.learning.added_genres import AddedGenres, best_slices, unit
from plotgenre.learning.calibration import sigmoid

Floats: TypeAlias = npt.NDArray[np.float32]
Films: TypeAlias = tuple[Bags, Floats]

# Ridge of the names' kernel, whose diagonal is 1.
_RIDGE = 2.0
# So many examples weigh as much as the text.
_TEXT_IN_EXAMPLES = 10
# Names that tell nothing still leave a ranking by examples.
_LEAST_SCALE = 0.1
_LEAST_SPREAD = 1e-3


def find_added(
    films: Films,
    names: Floats,
    name: Floats,
    query: Floats,
    examples: Films | None = None,
    share: float | None = None,
) -> AddedGenres:
    """One added genre.

    The scale is learned from the known genres, each treated as if it were the new one and had only
    its name: the mean slope of a genre's own logits on the likenesses that the other genres and its
    name give. The bias is the one with which ``share`` of the films are expected to have the genre.

    Parameters
    ----------
    films
        Unlabelled films: slice vectors of ``n`` and their logits (n, g).
    names
        Vectors of the known genres' names, shape (g, d).
    name, query
        Vectors of the new genre's name, which is compared with theirs, and of all that is said of
        it, which is compared with slices; shape (d,).
    examples
        Films that have the genre, likewise.
    share
        Expected share of films with the genre; by default that of a typical genre, the geometric
        mean over the known ones.

    Raises
    ------
    InputError
        If ``share`` is not between 0 and 1.
    """
    if share is not None and not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share}")
    bags, known = films
    centre = known.mean(axis=0)
    spread = np.maximum(known.std(axis=0), _LEAST_SPREAD)
    standard = unit((known - centre) / spread)
    middle = names.mean(axis=0)
    kernel_names = unit(names - middle)
    inverse = np.linalg.inv(kernel_names @ kernel_names.T + _RIDGE * np.eye(len(names)))
    mix = unit(inverse @ (kernel_names @ unit(name - middle)))
    query = unit(query)
    if examples is not None:
        weight = len(examples[0]) / _TEXT_IN_EXAMPLES
        typical, theirs = (_mean_vector(one) for one in (bags, examples[0]))
        query = unit(query + weight * unit(theirs - typical))
        mix = unit(mix + weight * unit(unit((examples[1] - centre) / spread).mean(axis=0)))
    of_mixes: Floats = standard @ _left_out(inverse).T
    scale = _scale(known, best_slices(bags, unit(names)), of_mixes)
    likenesses = np.stack([best_slices(bags, query[None])[:, 0], standard @ mix], axis=1)
    means = likenesses.mean(axis=0)
    weights = scale / np.maximum(likenesses.std(axis=0), _LEAST_SPREAD)
    if share is None:
        share = float(np.exp(np.log(sigmoid(known).mean(axis=0) + np.float32(1e-9)).mean()))
    bias = _bias((likenesses - means) @ weights, share) - float(means @ weights)
    parts = (query, mix, centre, spread, weights, bias)
    return AddedGenres(*(np.asarray(part, dtype=np.float32)[None] for part in parts))


def _mean_vector(bags: Bags) -> Floats:
    return np.asarray(bags.pooled("mean").vectors.mean(axis=0), dtype=np.float32)


def _left_out(inverse: npt.NDArray[np.floating[Any]]) -> Floats:
    """Mixes (g, g) of all known genres, each from the names of the others.

    With H the regularised kernel's inverse, the prediction that leaves j out is the sum over the
    others of -H_ji / H_jj times their values (Rasmussen and Williams, "Gaussian Processes for
    Machine Learning", 2006, section 5.4.2). Only the direction counts.
    """
    mixes = -np.array(inverse, dtype=np.float32)
    np.fill_diagonal(mixes, 0)
    return unit(mixes)


def _scale(known: Floats, of_slices: Floats, of_mixes: Floats) -> float:
    """Mean slope of logits on the sum of both standardised likenesses; all are (n, g)."""
    likeness = _standardised(of_slices) + _standardised(of_mixes)
    squares = np.maximum((likeness**2).mean(axis=0), _LEAST_SPREAD)
    slopes = (likeness * (known - known.mean(axis=0))).mean(axis=0) / squares
    return max(float(slopes.mean()), _LEAST_SCALE)


def _standardised(values: Floats) -> Floats:
    spread = np.maximum(values.std(axis=0), _LEAST_SPREAD)
    return np.asarray((values - values.mean(axis=0)) / spread, dtype=np.float32)


def _bias(logits: Floats, share: float) -> float:
    """What makes the mean probability of the logits (n,) the share, by bisection."""
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        below = float(sigmoid((logits + middle).astype(np.float32)).mean()) < share
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2
