"""Genres that were added to a fitted model: where their films lie, in two spaces.

Each has a direction among slice vectors, met by a film's best slices, and one among the logits of
the genres that were fitted, for a new genre is partly a mix of known ones. `learning.adding` finds
both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.bags import Bags
from plotgenre.errors import ArtefactError
from plotgenre.learning.heads import times

Floats: TypeAlias = npt.NDArray[np.float32]

# The best of 5, 10 and 20 on validation films: the larger, the nearer to the maximum.
_SHARPNESS = np.float32(10)
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True, slots=True, eq=False)
class AddedGenres:
    """``a`` genres over ``d`` dimensions and the ``g`` genres that were fitted; all float32.

    Parameters
    ----------
    queries
        Directions among slice vectors, of length 1, shape (a, d).
    mixes
        Directions among the standardised logits of the fitted genres, of length 1, shape (a, g).
    centres, spreads
        By which logits are standardised, shape (a, g).
    weights
        Of the two likenesses, shape (a, 2).
    biases
        What is added to them, shape (a,).
    """

    queries: Floats
    mixes: Floats
    centres: Floats
    spreads: Floats
    weights: Floats
    biases: Floats

    def __len__(self) -> int:
        return len(self.biases)

    def logits(self, bags: Bags, known: Floats) -> Floats:
        """Logits (n, a) of ``n`` films: their slice vectors, and logits (n, g) of the others."""
        found = best_slices(bags, self.queries) * self.weights[:, 0]
        parts = zip(self.mixes, self.centres, self.spreads, strict=True)
        for j, (mix, centre, spread) in enumerate(parts):
            like = times(unit((known - centre) / spread), mix[None])[:, 0]
            found[:, j] += like * self.weights[j, 1]
        return np.asarray(found + self.biases, dtype=np.float32)

    def tensors(self) -> Mapping[str, Floats]:
        """Its arrays, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def joined(self, other: AddedGenres) -> AddedGenres:
        """These genres, then the other ones."""
        ours, theirs = self.tensors(), other.tensors()
        return AddedGenres(**{name: np.concatenate([ours[name], theirs[name]]) for name in ours})

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, npt.NDArray[np.generic]], dimension: int, genres: int
    ) -> AddedGenres:
        """What `tensors` gave, once it fits ``d`` dimensions and ``genres``, the added included.

        Raises
        ------
        ArtefactError
            If a tensor is missing, unknown, of another shape or type, not finite, or a spread is
            not above 0.
        """
        names = [field.name for field in fields(cls)]
        if odd := sorted(set(tensors) ^ set(names)):
            what = "is missing" if odd[0] in names else "is unknown"
            raise ArtefactError(f"added genres: tensor {odd[0]!r} {what}")
        a = tensors["biases"].size
        g = genres - a
        if a < 1 or g < 1:
            raise ArtefactError(f"{a} of {genres} genres are added; expected fewer, but one")
        shapes = {"queries": (a, dimension), "weights": (a, 2), "biases": (a,)}
        for name, found in tensors.items():
            shape = shapes.get(name, (a, g))
            if found.shape != shape or found.dtype != np.float32:
                raise ArtefactError(
                    f"added genres: tensor {name!r} must be float32 of shape {shape}, "
                    f"found {found.dtype} of shape {found.shape}"
                )
            if not np.isfinite(found.astype(np.float32)).all():
                raise ArtefactError(f"added genres: tensor {name!r} has NaN or infinity")
        added = cls(**{name: tensors[name].astype(np.float32) for name in names})
        if (added.spreads <= 0).any():
            raise ArtefactError("added genres: a spread is not above 0")
        return added


def best_slices(bags: Bags, queries: Floats) -> Floats:
    """Smoothed maximum over a film's slices of their cosines with queries (a, d), shape (n, a).

    It is log(sum exp(b c)) / b, which several good slices raise above the best of them.
    """
    cosines = times(bags.vectors, queries)
    cosines /= np.maximum(np.linalg.norm(bags.vectors, axis=1, keepdims=True), _TINY)
    starts = bags.offsets[:-1]
    highest = np.maximum.reduceat(cosines, starts, axis=0)
    powers = np.exp(_SHARPNESS * (cosines - np.repeat(highest, bags.sizes, axis=0)))
    sums = np.add.reduceat(powers, starts, axis=0)
    return np.asarray(highest + np.log(sums) / _SHARPNESS, dtype=np.float32)


def unit(rows: Floats) -> Floats:
    """Rows (n, d) at length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _TINY), dtype=np.float32)
