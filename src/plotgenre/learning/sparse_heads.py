"""The sparse head: one linear logit per genre from the n-grams of a film, in numpy alone.

The strongest weights of all genres are kept, each in one byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.errors import ArtefactError
from plotgenre.lexicon.sparse_rows import SparseRows

Floats = npt.NDArray[np.float32]

LARGEST = 127
"""A genre's strongest weight as a whole number; int8 without -128, which has no opposite."""

# Fewer are not worth the whole matrix, which takes longer to make than a plot to tag.
_FEW_FILMS = 64
_TYPES = {
    "weights.offsets": np.int64,
    "weights.genres": np.uint16,
    "weights.values": np.int8,
    "scale": np.float32,
    "bias": np.float32,
    "prior": np.float32,
}


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SparseHeadSettings:
    """How the sparse head is fitted, and how small it is kept.

    Parameters
    ----------
    C
        How much the films' losses count against the L2 norm of a genre's weights.
    pos_weight_cap
        A film with a genre outweighs one without it as often as there are more of these, at most
        this many times; 1 weighs all alike. Above 1 a probability is no longer a genre's share
        among like films.
    maximum_weights
        The strongest weights of all genres together are kept, at most this many; each takes 3
        bytes on disk.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    C: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3.0
    pos_weight_cap: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    maximum_weights: Annotated[int, Field(ge=1)] = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class GenreWeights:
    """What one genre has learned: weight of ``ngrams[i]`` = ``values[i] * scale``.

    Parameters
    ----------
    ngrams
        Columns with a weight other than 0, rising, int32.
    values
        Their weights as whole numbers from -127 to 127, int8.
    scale, bias
        What a whole weight of 1 is, and what is added to a film's weighted n-grams.
    """

    ngrams: npt.NDArray[np.int32]
    values: npt.NDArray[np.int8]
    scale: float
    bias: float

    @classmethod
    def rounded(cls, weights: npt.NDArray[np.floating], bias: float) -> GenreWeights:
        """The weights (v,), each rounded to one of 255 steps; what rounds to 0 is left out."""
        scale = float(np.abs(weights).max(initial=0)) / LARGEST or 1.0
        whole = np.rint(weights / scale).astype(np.int8)
        ngrams = np.flatnonzero(whole)
        return cls(ngrams.astype(np.int32), whole[ngrams], scale, bias)


@dataclass(frozen=True, eq=False)
class SparseHead:
    """A fitted sparse head.

    Parameters
    ----------
    n_ngrams
        Columns ``v`` of the rows that it reads.
    n_genres
        Number of genres ``g``.
    tensors
        ``weights.offsets`` (v + 1,) int64: n-gram ``i`` owns ``offsets[i]:offsets[i + 1]`` of
        ``weights.genres``, uint16, rising, and ``weights.values``, int8; ``scale``, ``bias`` and
        ``prior``, the logits of a film without a known n-gram, (g,), float32.
    """

    n_ngrams: int
    n_genres: int
    tensors: Mapping[str, npt.NDArray[Any]]

    @classmethod
    def of_genres(
        cls,
        genres: Sequence[GenreWeights],
        priors: npt.NDArray[np.floating],
        n_ngrams: int,
        most: int,
    ) -> SparseHead:
        """The head of the ``most`` strongest weights of the genres, whose priors are (g,)."""
        ngrams = np.concatenate([genre.ngrams for genre in genres])
        values = np.concatenate([genre.values for genre in genres])
        owners = np.repeat(np.arange(len(genres)), [len(genre.ngrams) for genre in genres])
        scales = np.array([genre.scale for genre in genres], dtype=np.float32)
        # -127 to 127, so that no absolute value overflows.
        weakness = -(np.abs(values) * scales[owners])
        kept = np.argsort(weakness, kind="stable")[:most]
        order = kept[np.lexsort((owners[kept], ngrams[kept]))]
        tensors = {
            "weights.offsets": np.searchsorted(ngrams[order], np.arange(n_ngrams + 1)),
            "weights.genres": owners[order],
            "weights.values": values[order],
            "scale": scales,
            "bias": np.array([genre.bias for genre in genres]),
            "prior": priors,
        }
        typed = {name: tensor.astype(_TYPES[name]) for name, tensor in tensors.items()}
        return cls(n_ngrams, len(genres), typed)

    def logits(self, rows: SparseRows) -> Floats:
        """One logit per film and genre, shape (n, g); a film's do not depend on the others.

        ``rows`` are of the vocabulary that the head was fitted on. A film without entries has the
        genres' priors: a bias is what words are added to, not what a film without any tells.
        """
        logits = np.empty((len(rows), self.n_genres), dtype=np.float32)
        few = len(rows) < _FEW_FILMS and "_whole" not in self.__dict__
        for film in range(len(rows)):
            values, columns = rows.row(film)
            # Either way the same numbers are multiplied in the same order.
            whole = self._pieces(columns) if few else self._whole.take(columns, axis=0)
            logits[film] = values @ whole.astype(np.float32)
        logits *= self.tensors["scale"]
        logits += self.tensors["bias"]
        logits[np.diff(rows.offsets) == 0] = self.tensors["prior"]
        return logits

    def contributions(self, rows: SparseRows, film: int) -> Floats:
        """What each entry of one film adds to each logit, shape (n_entries, g).

        With the biases they sum to the film's logits; a film without entries has none.
        """
        values, columns = rows.row(film)
        weights = self._whole.take(columns, axis=0).astype(np.float32)
        return np.asarray(values[:, None] * weights * self.tensors["scale"])

    def check(self) -> None:
        """Refuse tensors that do not belong to this head.

        Raises
        ------
        ArtefactError
            If a tensor is missing, unknown, of another type or shape, not finite, or names a
            genre that is not there or twice.
        """
        if unknown := sorted(set(self.tensors) - set(_TYPES)):
            raise ArtefactError(f"the sparse head has no tensor {unknown[0]!r}")
        if missing := [name for name in _TYPES if name not in self.tensors]:
            raise ArtefactError(f"sparse head tensor {missing[0]!r} is missing")
        n_weights = len(self.tensors["weights.values"].reshape(-1))
        per_weight = (n_weights,)
        shapes = ((self.n_ngrams + 1,), per_weight, per_weight, *[(self.n_genres,)] * 3)
        for (name, kind), shape in zip(_TYPES.items(), shapes, strict=True):
            found = self.tensors[name]
            if found.shape != shape or found.dtype != kind:
                raise ArtefactError(
                    f"sparse head tensor {name!r} must be {np.dtype(kind)} of shape {shape}, "
                    f"found {found.dtype} of shape {found.shape}"
                )
            if found.dtype.kind == "f" and not np.isfinite(found).all():
                raise ArtefactError(f"sparse head tensor {name!r} has NaN or infinity")
        offsets, genres = self.tensors["weights.offsets"], self.tensors["weights.genres"]
        if (offsets[0], offsets[-1]) != (0, n_weights) or (np.diff(offsets) < 0).any():
            raise ArtefactError(
                f"sparse head tensor 'weights.offsets' must rise from 0 to {n_weights} weights"
            )
        rises = genres[1:] > genres[:-1]
        # Where the next n-gram's weights begin, genres begin anew.
        begins = offsets[(offsets > 0) & (offsets < n_weights)]
        rises[begins - 1] = True
        if (genres >= self.n_genres).any() or not rises.all():
            raise ArtefactError(
                "sparse head tensor 'weights.genres' must rise within an n-gram, "
                f"below {self.n_genres} genres"
            )

    def _pieces(self, columns: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
        """The rows ``columns`` of `_whole`, (c, g), put together without the rest of it."""
        starts, ends = (self.tensors["weights.offsets"][columns + i] for i in (0, 1))
        sizes = ends - starts
        rows = np.repeat(np.arange(len(columns)), sizes)
        # Each weight's place: its row's start, and how far it is into its row.
        into = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = starts[rows] + into
        pieces = np.zeros((len(columns), self.n_genres), dtype=np.int8)
        genres = self.tensors["weights.genres"][places]
        pieces[rows, genres] = self.tensors["weights.values"][places]
        return pieces

    @cached_property
    def _whole(self) -> npt.NDArray[np.int8]:
        """The weights as whole numbers, (v, g): a film gathers rows of it faster than pieces."""
        whole = np.zeros((self.n_ngrams, self.n_genres), dtype=np.int8)
        whole[self._owners(), self.tensors["weights.genres"]] = self.tensors["weights.values"]
        return whole

    def _owners(self) -> npt.NDArray[np.int64]:
        """The n-gram of each weight."""
        return np.repeat(np.arange(self.n_ngrams), np.diff(self.tensors["weights.offsets"]))
