"""Calibration: what a branch's logits are worth, genre by genre; several branches joined are one.

A logistic regression per genre on the logits of one branch is Platt's scaling (Platt 1999,
"Probabilistic Outputs for Support Vector Machines"), on those of several it is their fusion
(stacking: Wolpert 1992). So both are the same few numbers, fitted and kept in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.errors import ArtefactError, InputError

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_MOST_STEPS = 50
# A step that changes the objective by less, relative to it, is rounding noise.
_SETTLED = 1e-10
# Keeps the shared fit, which has no prior to lean on, from running off where classes separate.
_RIDGE = 1e-3


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class CalibrationSettings:
    """How logits become those whose sigmoid can be believed.

    Parameters
    ----------
    method
        ``none``: the mean of the branches' logits as they are. ``shared``: one weight per branch
        and one bias for all genres. ``per_genre``: a weight per branch and a bias for each genre,
        drawn to the shared ones.
    shrinkage
        ``per_genre``: how strongly the numbers of a genre are drawn to the shared ones, as the
        precision of a normal prior. What a genre's films say counts in the same unit (its Fisher
        information), so frequent genres go their own way and rare ones stay.
    mixing_shrinkage
        ``per_genre`` with several branches: how much stronger it is for the weights' ratio. A
        genre's scale and bias are well known from a few films, the better branch is not.
    """

    method: Literal["none", "shared", "per_genre"] = "none"
    shrinkage: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    mixing_shrinkage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Fitted weights and biases.

    Parameters
    ----------
    weights
        Of each branch in each genre, shape (k, g).
    biases
        Of each genre, shape (g,).
    """

    weights: Floats
    biases: Floats

    @classmethod
    def mean(cls, branches: int, n_genres: int) -> Calibration:
        """The mean of the branches' logits."""
        weights = np.full((branches, n_genres), 1 / branches, dtype=np.float32)
        return cls(weights, np.zeros(n_genres, dtype=np.float32))

    def logits(self, branches: Sequence[Floats]) -> Floats:
        """Joined logits (n, g) of the branches' logits, ``k`` arrays of shape (n, g).

        Raises
        ------
        InputError
            If the number of branches or genres is another.
        """
        if len(branches) != len(self.weights):
            raise InputError(
                f"the calibration joins {len(self.weights)} branches, got {len(branches)}"
            )
        joined = np.broadcast_to(self.biases, branches[0].shape).astype(np.float32)
        for logits, weights in zip(branches, self.weights, strict=True):
            joined += logits * weights
        return joined

    def tensors(self) -> Mapping[str, Floats]:
        """Its arrays, by name."""
        return {"weights": self.weights, "biases": self.biases}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, npt.NDArray[np.generic]], branches: int, n_genres: int
    ) -> Calibration:
        """What `tensors` gave, once it fits ``k`` branches and ``g`` genres.

        Raises
        ------
        ArtefactError
            If a tensor is missing, of another shape or type, or not finite.
        """
        expected = {"weights": (branches, n_genres), "biases": (n_genres,)}
        for name, shape in expected.items():
            found = tensors.get(name)
            if found is None or found.shape != shape or found.dtype != np.float32:
                shown = "none" if found is None else f"{found.dtype} of shape {found.shape}"
                raise ArtefactError(
                    f"calibration tensor {name!r} must be float32 of shape {shape}, found {shown}"
                )
            if not np.isfinite(found).all():
                raise ArtefactError(f"calibration tensor {name!r} has NaN or infinity")
        return cls(tensors["weights"].astype(np.float32), tensors["biases"].astype(np.float32))


def fit_calibration(
    branches: Sequence[Floats], Y: Bools, settings: CalibrationSettings
) -> Calibration:
    """Fit on films that the branches were not trained on.

    Parameters
    ----------
    branches
        Logits of each of ``k`` branches, arrays of shape (n, g).
    Y
        Targets of shape (n, g).
    settings
        Method and shrinkage.

    Raises
    ------
    InputError
        If there is no branch, shapes differ, or a logit is not finite.
    """
    for logits in branches:
        if logits.shape != Y.shape:
            raise InputError(f"logits and targets must both be {Y.shape}, got {logits.shape}")
        if not np.isfinite(logits).all():
            raise InputError("logits have NaN or infinity; expected finite numbers")
    if not branches or not Y.size:
        raise InputError(
            f"calibration needs branches, films and genres, got {len(branches)}, {Y.shape}"
        )
    k, genres = len(branches), Y.shape[1]
    if settings.method == "none":
        return Calibration.mean(k, genres)
    # One row a parameter: the branches' logits, then the constant of the bias.
    X = np.stack([*(x.astype(np.float64) for x in branches), np.ones(Y.shape)])
    start = np.append(np.full(k, 1 / k), 0.0)
    pooled = X.reshape(k + 1, -1, 1), Y.reshape(-1, 1)
    shared = _newton(*pooled, start[:, None], _RIDGE * np.eye(k + 1))
    found = np.repeat(shared, genres, axis=1)
    if settings.method == "per_genre":
        found = _newton(X, Y, found, _precision(shared[:k, 0], settings))
    return Calibration(found[:k].astype(np.float32), found[k].astype(np.float32))


def _precision(weights: Doubles, settings: CalibrationSettings) -> Doubles:
    """Of the prior, (k + 1, k + 1): stronger across the shared weights (k,) than along them."""
    precision = settings.shrinkage * np.eye(len(weights) + 1)
    along = weights / max(float(np.linalg.norm(weights)), np.finfo(np.float64).tiny)
    across = np.eye(len(weights)) - np.outer(along, along)
    precision[:-1, :-1] += settings.mixing_shrinkage * across
    return precision


def _newton(X: Doubles, Y: Bools, prior: Doubles, precision: Doubles) -> Doubles:
    """Penalised logistic regressions, one a column, by Newton's method with halved steps.

    ``X`` is (p, n, c), ``Y`` (n, c), ``prior`` (p, c): the mean of a normal prior of precision
    (p, p), and the start. The objective is strictly convex: where it settles is the minimum.
    """
    at, value = prior, _objective(X, Y, prior, prior, precision)
    for _ in range(_MOST_STEPS):
        P = 0.5 * (1 + np.tanh(0.5 * np.einsum("pnc,pc->nc", X, at)))
        gradient = np.einsum("pnc,nc->pc", X, P - Y) + precision @ (at - prior)
        hessian = np.einsum("pnc,qnc,nc->cpq", X, X, P * (1 - P), optimize=True)
        hessian += precision
        step = np.linalg.solve(hessian, gradient.T[:, :, None])[:, :, 0].T
        rate = np.ones(Y.shape[1])
        while True:
            moved = at - rate * step
            new = _objective(X, Y, moved, prior, precision)
            worse = new > value * (1 + _SETTLED)
            if not worse.any():
                break
            rate[worse] /= 2
        settled = (value - new <= _SETTLED * value).all()
        at, value = moved, new
        if settled:
            break
    return at


def _objective(X: Doubles, Y: Bools, at: Doubles, prior: Doubles, precision: Doubles) -> Doubles:
    """Negative log posterior of each column, shape (c,)."""
    logits = np.einsum("pnc,pc->nc", X, at)
    loss = np.logaddexp(0, logits) - np.where(Y, logits, 0)
    penalty = 0.5 * ((at - prior) * (precision @ (at - prior))).sum(axis=0)
    return np.asarray(loss.sum(axis=0) + penalty)


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of logits, without overflow at either end; same shape."""
    halved: Floats = np.tanh(logits * np.float32(0.5))
    return (halved + np.float32(1)) * np.float32(0.5)
