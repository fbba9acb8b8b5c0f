"""Bags: what every head reads. A film is a bag of slice vectors; a pooled film is a bag of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError

Pooling = Literal["mean", "max"]


@dataclass(frozen=True, slots=True)
class Bags:
    """The slice vectors of ``n`` films, one film after the other.

    Parameters
    ----------
    vectors
        Array of shape (n_slices, d), float32.
    offsets
        Array of shape (n + 1,), int64: film ``i`` owns rows ``offsets[i]:offsets[i + 1]``.
        Every film owns at least one row, since a reduction over nothing has no meaning (and
        ``np.add.reduceat`` would silently hand out the neighbour's vector).

    Raises
    ------
    InputError
        If the offsets do not start at 0, end at n_slices and rise by at least one each.
    """

    vectors: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise InputError(f"vectors must be (n_slices, d), got shape {self.vectors.shape}")
        rises = np.diff(self.offsets)
        ends = self.offsets.size and (self.offsets[0], self.offsets[-1])
        if ends != (0, len(self.vectors)) or (rises < 1).any():
            raise InputError(
                "offsets must rise from 0 to n_slices by at least one slice a film, "
                f"got {len(self.vectors)} slices and offsets {self.offsets[:5].tolist()}…"
            )

    @classmethod
    def of_pooled(cls, vectors: npt.NDArray[np.float32]) -> Bags:
        """Bags of one slice each from vectors of shape (n, d)."""
        return cls(vectors, np.arange(len(vectors) + 1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def dimension(self) -> int:
        """Number of columns ``d`` of each slice vector."""
        return int(self.vectors.shape[1])

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Slices of each film, shape (n,)."""
        return np.diff(self.offsets)

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Bags:
        """The bags of the given films, in the given order; the slice vectors are copied."""
        rows = np.asarray(rows, dtype=np.int64)
        sizes = self.sizes[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
        return Bags(self.vectors[np.repeat(self.offsets[:-1][rows], sizes) + within], offsets)

    def pooled(self, how: Pooling) -> Bags:
        """One vector a film: the mean or the maximum over its slices, as bags of one."""
        if how == "max":
            return Bags.of_pooled(np.maximum.reduceat(self.vectors, self.offsets[:-1], axis=0))
        sums: npt.NDArray[np.float32] = np.add.reduceat(self.vectors, self.offsets[:-1], axis=0)
        sizes: npt.NDArray[np.float32] = self.sizes.astype(np.float32)
        return Bags.of_pooled(sums / sizes[:, None])
