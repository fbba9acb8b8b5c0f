"""Plots that are nearly the same text, found by MinHash over shingles of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import numpy as np
import numpy.typing as npt

from plotgenre.corpus.plots import normalised_plot, plot_groups
from plotgenre.errors import MissingExtraError

_SHINGLE = 5
_PERMUTATIONS = 64
Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class NearPair:
    """Rows of two plots and the Jaccard similarity of their shingles, 1 for equal plots."""

    first: int
    second: int
    similarity: float


def near_duplicates(plots: Sequence[str], least: float = 0.7) -> list[NearPair]:
    """Pairs of plots of which at least ``least`` of the shingles are common, most alike first.

    A shingle is five words on end of the normalised plot; a shorter plot is one shingle. MinHash
    (Broder, "On the resemblance and containment of documents", 1997) with locality-sensitive
    hashing proposes pairs, and the similarity of each is then counted, not estimated; a pair close
    to ``least`` may go unseen. Equal plots are paired with the first of them only.

    Raises
    ------
    MissingExtraError
        If datasketch is not installed.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as missing:
        raise MissingExtraError("Finding near duplicates", "inspect") from missing
    groups = plot_groups(plots)
    _, firsts = np.unique(groups, return_index=True)
    later = np.setdiff1d(np.arange(len(plots)), firsts)
    found = [NearPair(int(firsts[groups[row]]), int(row), 1.0) for row in later.tolist()]
    shingles = _shingles([plots[row] for row in firsts.tolist()])
    # Proposals are cheap to count, and one that is never made is lost.
    index = MinHashLSH(threshold=max(least - 0.2, 0.1), num_perm=_PERMUTATIONS)
    seed = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)
    for row, hashes in zip(firsts.tolist(), shingles, strict=True):
        sketch = seed.copy()
        sketch.update_batch(hashes.tolist())
        for other in index.query(sketch):
            alike = _jaccard(shingles[groups[other]], hashes)
            if alike >= least:
                found.append(NearPair(other, row, alike))
        index.insert(row, sketch, check_duplication=False)
    return sorted(found, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _shingles(plots: Sequence[str]) -> list[Hashes]:
    """The hashes of each plot's distinct shingles."""
    if not len(plots):
        return []
    normalised = [normalised_plot(plot) for plot in plots]
    lengths = np.asarray([plot.count(" ") + 1 for plot in normalised], dtype=np.int64)
    words = chain.from_iterable(plot.split(" ") for plot in normalised)
    hashes = np.fromiter(map(_WordHashes().__getitem__, words), np.uint64, lengths.sum())
    with np.errstate(over="ignore"):
        rolling = _rolling(hashes, min(_SHINGLE, len(hashes)))
        whole = np.add.reduceat(hashes, np.r_[0, np.cumsum(lengths)[:-1]])
    # The high half is the better mixed one.
    rolling, whole = rolling >> np.uint64(32), whole >> np.uint64(32)
    starts = np.cumsum(lengths) - lengths
    ends = starts + lengths - _SHINGLE + 1
    return [
        np.unique(rolling[start:end] if end > start else whole[i : i + 1]).astype(np.uint32)
        for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    ]


class _WordHashes(dict[str, int]):
    """64 bits for each word, the same in every run."""

    def __missing__(self, word: str) -> int:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return self.setdefault(word, int.from_bytes(digest))


def _rolling(hashes: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.uint64]:
    """A polynomial hash of each ``size`` word hashes on end."""
    count = len(hashes) - size + 1
    rolled = np.zeros(count, dtype=np.uint64)
    for offset in range(size):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + hashes[offset : offset + count]
    return rolled


def _jaccard(first: Hashes, second: Hashes) -> float:
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
