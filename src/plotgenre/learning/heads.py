"""Heads: from a film's slice vectors to one logit per genre, in numpy alone.

Every head is two steps: *slice logits* (n_slices, g), then *combine* them into the film's (n, g).
Reductions run over each film's own rows only (``reduceat``), without padding or mask, so that a
film's logits do not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.embedding.bags import Bags
from plotgenre.errors import ArtefactError, InputError

Floats = npt.NDArray[np.float32]
Combine = Literal["mean", "max", "noisy_or"]

# Below this logit a slice's probability nears the smallest normal float32 (e^-87), where the
# logarithms of ``noisy_or`` and their gradients would become infinite.
NOISY_OR_FLOOR = -80.0
# Rows that are widened at once: bounds the memory that it takes.
_BLOCK = 4096


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class HeadSettings:
    """Which head reads a film's slices.

    Parameters
    ----------
    kind
        ``linear``: one linear layer. ``mlp``: Linear(d, h), [BatchNorm], ReLU, Dropout,
        Linear(h, g) with h = (d + g) // 2. ``attention``: the ``mlp`` on each slice, and each genre
        weighs the slices of a film by its own softmax (label-wise attention: CAML, Mullenbach et
        al. 2018; scored by one tanh layer as in LAAT, Vu et al. 2020). Both papers learn a network
        below the attention; on frozen vectors the hidden layer stands for it.
    pooling
        Mixes a film's slices into one vector before the head; ``none`` keeps them apart.
    combine
        How the logits of slices that were kept apart become the film's; attention has its own way.
    dropout
        Share of the output layer's inputs that training zeroes, in [0, 1).
    batch_norm
        Normalise the hidden layer of ``mlp`` before its ReLU.
    attention_dim
        Hidden size of the layer that scores slices; only ``attention`` has one.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range, or two settings contradict each other.
    """

    kind: Literal["linear", "mlp", "attention"] = "mlp"
    pooling: Literal["none", "mean", "max"] = "none"
    combine: Combine = "mean"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    batch_norm: bool = False
    attention_dim: Annotated[int, Field(ge=1)] = 128

    @model_validator(mode="after")
    def _agree(self) -> HeadSettings:
        if self.kind == "attention" and self.pooling != "none":
            raise ValueError(
                "the attention head weighs a film's slices, "
                f"so pooling must be 'none', got {self.pooling!r}"
            )
        if self.kind == "attention" and self.combine != "mean":
            raise ValueError(
                "the attention head combines slices by its weighted mean, "
                f"so combine must stay 'mean', got {self.combine!r}"
            )
        if self.batch_norm and self.kind != "mlp":
            raise ValueError(
                "batch_norm normalises the hidden layer, "
                f"which only the mlp head has, got kind {self.kind!r}"
            )
        return self

    def hidden_size(self, dimension: int, n_genres: int) -> int:
        """Size of the hidden layer: halfway between ``d`` and ``g``, rounded down."""
        return (dimension + n_genres) // 2

    def shapes(self, dimension: int, n_genres: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of each tensor that this head has for ``d`` dimensions, ``g`` genres."""
        inner, hidden = dimension, self.hidden_size(dimension, n_genres)
        shapes: dict[str, tuple[int, ...]] = {}
        if self.kind != "linear":
            shapes |= {"hidden.weight": (hidden, dimension), "hidden.bias": (hidden,)}
            inner = hidden
        if self.kind == "attention":
            shapes["key.weight"] = (self.attention_dim, dimension)
            shapes["query.weight"] = (n_genres, self.attention_dim)
        return shapes | {"output.weight": (n_genres, inner), "output.bias": (n_genres,)}


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A fitted head.

    Parameters
    ----------
    settings
        Which head it is.
    dimension
        Columns ``d`` of the slice vectors that it reads.
    n_genres
        Number of genres ``g``.
    tensors
        Its float32 arrays, named and shaped as ``settings.shapes(d, g)`` says.
    """

    settings: HeadSettings
    dimension: int
    n_genres: int
    tensors: Mapping[str, Floats]

    def logits(self, bags: Bags) -> Floats:
        """One logit per film and genre, shape (n, g).

        Raises
        ------
        InputError
            If the bags' dimension is not the head's.
        """
        bags = self._read(bags)
        if self.settings.kind == "attention":
            weighted = self._attention(bags) * self._slice_logits(bags)
            return np.add.reduceat(weighted, bags.offsets[:-1], axis=0)
        return combine_slices(self._slice_logits(bags), bags.offsets, self.settings.combine)

    def slice_logits(self, bags: Bags) -> Floats:
        """One logit per slice and genre, shape (n_slices, g); (n, g) where the head pools first.

        Raises
        ------
        InputError
            If the bags' dimension is not the head's.
        """
        return self._slice_logits(self._read(bags))

    def slice_weights(self, bags: Bags) -> Floats:
        """How much each genre attends to each slice, shape (n_slices, g), 1 in sum over a film.

        Raises
        ------
        InputError
            If the head is not ``attention``, or the bags' dimension is not the head's.
        """
        if self.settings.kind != "attention":
            raise InputError(f"only an attention head weighs slices, this one is {self.settings}")
        return self._attention(self._read(bags))

    def check(self) -> None:
        """Refuse tensors that do not belong to this head.

        Raises
        ------
        ArtefactError
            If a tensor is missing, unknown, of another type or shape, or not finite.
        """
        expected = self.settings.shapes(self.dimension, self.n_genres)
        if unknown := sorted(set(self.tensors) - set(expected)):
            raise ArtefactError(f"the {self.settings.kind} head has no tensor {unknown[0]!r}")
        for name, shape in expected.items():
            if name not in self.tensors:
                raise ArtefactError(f"head tensor {name!r} of shape {shape} is missing")
            found = self.tensors[name]
            if found.shape != shape or found.dtype != np.float32:
                raise ArtefactError(
                    f"head tensor {name!r} must be float32 of shape {shape}, "
                    f"found {found.dtype} of shape {found.shape}"
                )
            if not np.isfinite(found).all():
                raise ArtefactError(f"head tensor {name!r} of shape {shape} has NaN or infinity")

    def _read(self, bags: Bags) -> Bags:
        if bags.dimension != self.dimension:
            raise InputError(
                f"the head reads vectors of {self.dimension} dimensions, got {bags.dimension}"
            )
        return pool(bags, self.settings)

    def _slice_logits(self, bags: Bags) -> Floats:
        vectors = bags.vectors
        if self.settings.kind != "linear":
            vectors = self._linear("hidden", vectors)
            np.maximum(vectors, 0, out=vectors)
        return self._linear("output", vectors)

    def _linear(self, layer: str, vectors: Floats) -> Floats:
        product = times(vectors, self.tensors[f"{layer}.weight"])
        product += self.tensors[f"{layer}.bias"]
        return product

    def _attention(self, bags: Bags) -> Floats:
        keys = np.tanh(times(bags.vectors, self.tensors["key.weight"]))
        return softmax_over_slices(times(keys, self.tensors["query.weight"]), bags.offsets)


def times(rows: Floats, weights: Floats) -> Floats:
    """Rows (n, d) times weights (g, d), as (n, g).

    Added up in float64: libraries choose the order of a sum by the number of rows, and in float32
    that would move a film's last digits with the films beside it.
    """
    wide = weights.T.astype(np.float64)
    product = np.empty((len(rows), len(weights)), dtype=np.float32)
    for at in range(0, len(rows), _BLOCK):
        product[at : at + _BLOCK] = rows[at : at + _BLOCK] @ wide
    return product


def pool(bags: Bags, settings: HeadSettings) -> Bags:
    """The bags as the head sees them: pooled to one slice a film where the settings say so."""
    return bags if settings.pooling == "none" else bags.pooled(settings.pooling)


def combine_slices(logits: Floats, offsets: npt.NDArray[np.int64], how: Combine) -> Floats:
    """Film logits (n, g) from slice logits (n_slices, g).

    ``noisy_or`` says that a film has a genre if any slice shows it, P = 1 - prod(1 - p_s) (Pearl
    1988). With z = sum softplus(l_s) = -log(1 - P), its logit is log(e^z - 1), written as
    z + log(1 - e^-z), which neither overflows for large z nor cancels for small.
    """
    starts = offsets[:-1]
    if how == "max":
        return np.maximum.reduceat(logits, starts, axis=0)
    if how == "mean":
        sums: Floats = np.add.reduceat(logits, starts, axis=0)
        sizes: Floats = np.diff(offsets).astype(np.float32)
        return sums / sizes[:, None]
    softplus = np.logaddexp(np.float32(0), np.maximum(logits, np.float32(NOISY_OR_FLOOR)))
    z: Floats = np.add.reduceat(softplus, starts, axis=0)
    return z + np.log(-np.expm1(-z))


def softmax_over_slices(scores: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    """Softmax of scores (n_slices, g) within each film's own slices; same shape."""
    starts, sizes = offsets[:-1], np.diff(offsets)
    highest = np.maximum.reduceat(scores, starts, axis=0)
    exponentials = np.exp(scores - np.repeat(highest, sizes, axis=0))
    sums = np.add.reduceat(exponentials, starts, axis=0)
    weights: Floats = exponentials / np.repeat(sums, sizes, axis=0)
    return weights
