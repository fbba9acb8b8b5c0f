"""The store: each (encoder, text) is encoded once, kept on disk and read back memory-mapped.

A folder per encoder holds segments, each two files: ``NAME.vectors.npy`` of shape (rows, d) and
``NAME.keys.npy`` of shape (rows, 2), the 128-bit BLAKE2 digests of the texts. Both are written
under a temporary name, synced and renamed, the keys last: a segment without keys does not exist.
So a kill at any moment loses at most the segment being written, writers never touch each other's
files, and readers need no lock.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.encoders import EncoderCard, Vectors
from plotgenre.errors import EncoderError
from plotgenre.whole_files import remove_unfinished, whole_file

Keys = npt.NDArray[np.uint64]

_VECTORS, _KEYS = ".vectors.npy", ".keys.npy"
_KEY = np.dtype([("high", np.uint64), ("low", np.uint64)])


@dataclass(frozen=True, slots=True)
class _Segment:
    keys: npt.NDArray[np.void]
    vectors: Path


class Store:
    """Vectors of one encoder on disk, found by the text that they belong to.

    Parameters
    ----------
    root
        Folder of all encoders' vectors; made if absent.
    card
        The encoder; its fingerprint and precision name the sub-folder, so vectors of another
        encoder are never found, even under the same name.

    Notes
    -----
    Vectors are kept in half precision: for vectors of unit length the rounding error is below
    5e-4 a coordinate, and ``docs/architecture.md`` has the effect on the scores.
    """

    def __init__(self, root: Path, card: EncoderCard) -> None:
        self.folder = root / f"{card.fingerprint[:32]}-{card.precision}"
        self.dimension = card.dimension
        self._opened = root.absolute(), card
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as refused:
            raise EncoderError(f"cannot make the store folder {self.folder}: {refused}") from None
        remove_unfinished(self.folder)
        self._segments: dict[str, _Segment] = {}
        self.refresh()

    def __reduce__(self) -> tuple[object, ...]:
        # Opened again: other processes may have written meanwhile.
        return Store, self._opened

    def __len__(self) -> int:
        return len(self._sorted_keys)

    def refresh(self) -> None:
        """See the segments that other processes have finished since."""
        for path in self.folder.glob(f"*{_KEYS}"):
            name = path.name.removesuffix(_KEYS)
            if name not in self._segments and (segment := self._open(name)):
                self._segments[name] = segment
        segments = list(self._segments.values())
        keys = np.concatenate([s.keys for s in segments] or [np.empty(0, _KEY)])
        sizes = [len(s.keys) for s in segments]
        places = np.concatenate(
            [np.stack([np.full(n, i), np.arange(n)], 1) for i, n in enumerate(sizes)]
            or [np.empty((0, 2), np.int64)]
        )
        order = np.lexsort((keys["low"], keys["high"]))
        self._sorted_keys, self._places = keys[order], places[order]

    def known(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which texts have a vector here, shape (n,)."""
        return self._find(_digests(texts))[1]

    def read(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (n, d), float32.

        Raises
        ------
        EncoderError
            If a text has no vector here, or its segment was deleted meanwhile.
        """
        at, found = self._find(_digests(texts))
        if not found.all():
            missing = texts[int(np.argmin(found))]
            raise EncoderError(
                f"the store {self.folder} has no vector for the text {missing[:60]!r}"
            )
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        places = self._places[at]
        for number, segment in enumerate(self._segments.values()):
            rows = np.flatnonzero(places[:, 0] == number)
            if len(rows):
                vectors[rows] = self._map(segment.vectors)[places[rows, 1]]
        return vectors

    def write(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep the vectors, shape (n, d), of the texts as one new segment."""
        name = uuid.uuid4().hex
        self._write(name + _VECTORS, vectors.astype(np.float16))
        self._write(name + _KEYS, _digests(texts))
        self.refresh()

    def _write(self, name: str, array: npt.NDArray[np.generic]) -> None:
        with whole_file(self.folder / name) as unfinished, unfinished.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    def _open(self, name: str) -> _Segment | None:
        """The segment, or nothing if it is damaged: its texts are then encoded again."""
        try:
            keys = np.load(self.folder / (name + _KEYS), allow_pickle=False)
            path = self.folder / (name + _VECTORS)
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if keys.dtype != _KEY or vectors.shape != (len(keys), self.dimension):
            return None
        # The path, not the map: each map holds a file descriptor, of which there are about 1000.
        return _Segment(keys, path)

    def _map(self, path: Path) -> npt.NDArray[np.float16]:
        try:
            vectors: npt.NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as gone:
            raise EncoderError(f"cannot read {path} of the store any more: {gone}") from None
        return vectors

    def _find(
        self, digests: npt.NDArray[np.void]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Rows of the sorted keys, and whether each is really there."""
        if not len(self._sorted_keys):
            return np.zeros(len(digests), np.int64), np.zeros(len(digests), np.bool_)
        high, low = self._sorted_keys["high"], self._sorted_keys["low"]
        at = np.searchsorted(high, digests["high"])
        # Two texts of one corpus share 64 bits about never; step over such neighbours all the same.
        for _ in range(8):
            here = np.minimum(at, len(high) - 1)
            wrong = (high[here] == digests["high"]) & (low[here] != digests["low"])
            if not wrong.any():
                break
            at = at + wrong
        at = np.minimum(at, len(high) - 1)
        return at, (high[at] == digests["high"]) & (low[at] == digests["low"])


def _digests(texts: Sequence[str]) -> npt.NDArray[np.void]:
    raw = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for text in texts
    )
    return np.frombuffer(raw, dtype=_KEY)
