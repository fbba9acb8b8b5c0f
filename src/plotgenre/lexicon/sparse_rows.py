"""Sparse rows: what the lexical head reads. A film is the few n-grams of it that are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """A matrix (n, v) of which only the entries other than 0 are held, film after film.

    Parameters
    ----------
    values
        The entries, shape (n_entries,), float32.
    columns
        The n-gram of each entry, shape (n_entries,), int32; rising within a film.
    offsets
        Shape (n + 1,), int64: film ``i`` owns entries ``offsets[i]:offsets[i + 1]``, maybe none.
    width
        Number of columns ``v``.
    """

    values: npt.NDArray[np.float32]
    columns: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    width: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, film: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Values and columns of one film."""
        own = slice(self.offsets[film], self.offsets[film + 1])
        return self.values[own], self.columns[own]

    def shortened(self, least: int) -> SparseRows:
        """The rows with those of ``m`` < ``least`` entries made as short as √(m / least).

        Entries of a row of length 1 are about 1 / √m each, so that a film of a single word would
        be believed as none that was learned from: it then counts as one word of ``least``.
        """
        sizes = np.diff(self.offsets)
        factors = np.sqrt(np.minimum(sizes / least, 1)).astype(np.float32)
        return replace(self, values=self.values * np.repeat(factors, sizes))


def joined(blocks: list[SparseRows], width: int) -> SparseRows:
    """Blocks of films, one below the other."""
    sizes = [np.zeros(1, np.int64), *(np.diff(block.offsets) for block in blocks)]
    return SparseRows(
        np.concatenate([np.zeros(0, np.float32), *(block.values for block in blocks)]),
        np.concatenate([np.zeros(0, np.int32), *(block.columns for block in blocks)]),
        np.cumsum(np.concatenate(sizes)),
        width,
    )
