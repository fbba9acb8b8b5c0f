"""Films with their targets: what training reads and validation scores."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError


@dataclass(frozen=True, slots=True)
class LabelledBags:
    """The slice vectors of ``n`` films, and which genres each film has.

    Parameters
    ----------
    bags
        Slice vectors of the films.
    Y
        Targets of shape (n, g), bool.
    """

    bags: Bags
    Y: npt.NDArray[np.bool_]

    @classmethod
    def checked(cls, name: str, bags: Bags, Y: npt.NDArray[np.generic]) -> LabelledBags:
        """The pair, once it makes sense; ``name`` is what errors call it.

        Raises
        ------
        InputError
            If there are no films or genres, ``Y`` has another number of rows than there are
            films, a target is not 0 or 1, or a slice vector is not finite.
        """
        targets = checked_targets(name, len(bags), Y)
        broken = ~np.isfinite(bags.vectors).all(axis=1)
        if broken.any():
            film = np.searchsorted(bags.offsets, broken.argmax(), side="right") - 1
            raise InputError(f"{name} film {film} has a slice vector with NaN or infinity")
        return cls(bags, targets)

    def __len__(self) -> int:
        return len(self.bags)

    def digest(self) -> str:
        """Hexadecimal BLAKE2b over vectors, offsets and targets: equal only for equal data."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.bags.vectors, self.bags.offsets, self.Y):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def checked_targets(name: str, films: int, Y: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Targets of shape (n, g) as bool, once they make sense; ``name`` is what errors call them.

    Raises
    ------
    InputError
        If there are no films or genres, another number of rows than ``films``, or a target is
        not 0 or 1.
    """
    Y = np.asarray(Y)
    if Y.ndim != 2 or len(Y) != films:
        raise InputError(
            f"{name} targets must be (n, g) with one row for each of {films} films, "
            f"got shape {Y.shape}"
        )
    if not Y.size:
        raise InputError(f"{name} has {Y.shape[0]} films and {Y.shape[1]} genres, need both")
    wrong = (Y != 0) & (Y != 1)
    if wrong.any():
        film, genre = np.argwhere(wrong)[0]
        raise InputError(
            f"{name} targets must be 0 or 1, film {film} has {Y[film, genre]} for genre {genre}"
        )
    return Y.astype(np.bool_)
