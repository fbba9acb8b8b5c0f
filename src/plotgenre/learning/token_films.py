"""Films as token ids: what adapting an encoder reads, and which of them a step takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenFilms:
    """The token ids of ``n`` films' slices, one slice after the other, and the films' genres.

    Parameters
    ----------
    ids
        Token ids of all slices, shape (n_tokens,), int32.
    slice_offsets
        Shape (n_slices + 1,): slice ``j`` owns ``ids[slice_offsets[j]:slice_offsets[j + 1]]``.
    film_offsets
        Shape (n + 1,): film ``i`` owns slices ``film_offsets[i]:film_offsets[i + 1]``.
    Y
        Targets of shape (n, g), bool.
    """

    ids: npt.NDArray[np.int32]
    slice_offsets: Rows
    film_offsets: Rows
    Y: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls, name: str, slices: Sequence[Sequence[npt.NDArray[np.int32]]], Y: npt.NDArray[np.bool_]
    ) -> TokenFilms:
        """The films of one list of slices each; ``name`` is what errors call them.

        Raises
        ------
        InputError
            If there are no films or genres, ``Y`` has another number of rows, a film has no
            slice, or a slice no token.
        """
        if Y.ndim != 2 or len(Y) != len(slices) or not Y.size:
            raise InputError(
                f"{name} needs films, genres and one row of targets a film, "
                f"got {len(slices)} films and targets of shape {Y.shape}"
            )
        for film, own in enumerate(slices):
            if not own or not all(len(ids) for ids in own):
                raise InputError(f"{name} film {film} (counting from 0) has a slice without tokens")
        flat = [ids for own in slices for ids in own]
        return cls(
            np.concatenate(flat).astype(np.int32, copy=False),
            _offsets([len(ids) for ids in flat]),
            _offsets([len(own) for own in slices]),
            Y,
        )

    def __len__(self) -> int:
        return len(self.film_offsets) - 1

    @property
    def lengths(self) -> Rows:
        """Tokens of each slice, shape (n_slices,)."""
        return np.diff(self.slice_offsets)

    def slices_of(self, films: Rows) -> tuple[Rows, Rows]:
        """All slices of the films, and how many each has."""
        starts, ends = self.film_offsets[films], self.film_offsets[films + 1]
        ranges = [np.arange(*border) for border in zip(starts, ends, strict=True)]
        return np.concatenate(ranges), ends - starts

    def draw(self, films: Rows, most: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """At most ``most`` random slices of each film, and how many each got."""
        starts = self.film_offsets[films]
        counts = self.film_offsets[films + 1] - starts
        drawn = [
            start + rng.permutation(count)[:most]
            for start, count in zip(starts, counts, strict=True)
        ]
        return np.concatenate(drawn), np.minimum(counts, most)

    def padded(self, slices: Rows, pad: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Token ids and mask of the slices, both (b, t), ``t`` their longest."""
        lengths = self.lengths[slices]
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, pad, dtype=np.int64)
        borders = zip(self.slice_offsets[slices], self.slice_offsets[slices + 1], strict=True)
        ids[mask] = np.concatenate([self.ids[start:end] for start, end in borders])
        return ids, mask.astype(np.int64)

    def digest(self) -> str:
        """Hexadecimal BLAKE2b over tokens, offsets and targets: equal only for equal data."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.ids, self.slice_offsets, self.film_offsets, self.Y):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def films_of_step(n: int, films: int, step: int, seeds: Sequence[int]) -> Rows:
    """The ``films`` rows of a step: pass after pass over ``n`` films, each in an order of its own.

    ``seeds`` begin the seed of each pass, so a step's films depend on nothing but its number.
    """
    places = np.arange(step * films, (step + 1) * films)
    rows = np.empty(films, dtype=np.int64)
    for turn in np.unique(places // n):
        order = np.random.default_rng([*seeds, int(turn)]).permutation(n)
        own = places // n == turn
        rows[own] = order[places[own] % n]
    return rows


def batches_of_similar_length(lengths: Rows, batch_tokens: int) -> Iterator[Rows]:
    """Rows by falling length, as many at once as fit into ``batch_tokens`` with padding."""
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        count = max(batch_tokens // int(lengths[order[at]]), 1)
        yield order[at : at + count]
        at += count


def _offsets(sizes: Sequence[int]) -> Rows:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
