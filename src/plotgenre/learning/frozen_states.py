"""What frozen layers say of each slice, kept on disk: a slice passes through them once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from plotgenre.learning.token_films import Rows


class SplitEncoder(Protocol):
    """An encoder in two: its lowest layers, and all that is above them."""

    @property
    def width(self) -> int:
        """Numbers ``h`` of a token's state between the two."""
        ...

    @property
    def precision(self) -> torch.dtype:
        """What multiplications above are done in, so that a state needs no more digits."""
        ...

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """States (b, t, h), without gradient, of token ids and mask (b, t)."""
        ...

    def vectors(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (b, d), float32, of states (b, t, h) and what they are states of."""
        ...


class FrozenStates:
    """States of slices in one file, which is sparse until all of it is filled.

    Which slices it has is not read off the file: whoever resumes with a checkpoint says so, and a
    file that was further than the checkpoint does no harm.

    Parameters
    ----------
    path
        The file; made if absent.
    offsets
        Of the slices among all tokens, shape (n_slices + 1,).
    encoder
        Computes what is not there, and goes on from what is.
    """

    def __init__(self, path: Path, offsets: Rows, encoder: SplitEncoder) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._is_new = not path.exists()
        self._offsets, self._encoder = offsets, encoder
        self._token_bytes = encoder.width * encoder.precision.itemsize
        self._file = path.open("w+b" if self._is_new else "r+b")
        self.kept: npt.NDArray[np.bool_] = np.zeros(len(offsets) - 1, dtype=np.bool_)

    def resume(self, kept: npt.NDArray[np.bool_]) -> None:
        """Take up with the slices ``kept``, shape (n_slices,), unless the file was removed."""
        if not self._is_new:
            self.kept = kept.copy()

    def vectors(self, slices: Rows, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (b, d), float32, of slices with token ids and mask (b, t)."""
        return self._encoder.vectors(self.of(slices, ids, mask), ids, mask)

    def of(self, slices: Rows, ids: Tensor, mask: Tensor) -> Tensor:
        """States (b, t, h), float32, of slices with token ids and mask (b, t); 0 behind their ends.

        Those of new slices are rounded as the file rounds them, so that it makes no difference
        which were there.
        """
        new = np.flatnonzero(~self.kept[slices])
        if len(new):
            rows = torch.from_numpy(new).to(ids.device)
            longest = int(mask[rows].sum(dim=1).max())
            found = self._encoder.states(ids[rows, :longest], mask[rows, :longest])
            for row, states in zip(new, found.to(self._encoder.precision).cpu(), strict=True):
                self._write(int(slices[row]), states)
        states = [self._read(int(row)) for row in slices]
        return torch.nn.utils.rnn.pad_sequence(states, batch_first=True).to(ids.device).float()

    def sync(self) -> None:
        """Bring all states to the disk, so that a checkpoint may say that they are there."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _write(self, row: int, states: Tensor) -> None:
        at, size = self._place(row)
        self._file.seek(at)
        self._file.write(states.contiguous().view(torch.uint8).numpy().tobytes()[:size])
        self.kept[row] = True

    def _read(self, row: int) -> Tensor:
        at, size = self._place(row)
        # A copy, as torch wants memory that it might write to.
        self._file.seek(at)
        data = bytearray(self._file.read(size))
        states = torch.frombuffer(data, dtype=self._encoder.precision)
        return states.reshape(-1, self._encoder.width)

    def _place(self, row: int) -> tuple[int, int]:
        start, end = (int(at) * self._token_bytes for at in self._offsets[row : row + 2])
        return start, end - start
