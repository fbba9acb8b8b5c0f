"""The embedder: plots in, bags of slice vectors out; training and prediction share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

import numpy as np

from plotgenre.embedding.bags import Bags
from plotgenre.embedding.encoders import Encoder, EncoderSettings, Vectors, load_encoder
from plotgenre.embedding.slicing import Slicing, slice_plots
from plotgenre.embedding.store import Store
from plotgenre.texts import read_part

# Slices handed to the encoder at once, which is also what an interrupt can lose.
_CHUNK_SLICES = 2048
# Characters of the plots cut at once: bounds the memory that token offsets take, 120 bytes each.
_CHUNK_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How far the encoding of new slices has come.

    Parameters
    ----------
    done, total
        Slices encoded in this call and slices that this call has to encode.
    seconds
        Time since the first slice was handed to the encoder.
    """

    done: int
    total: int
    seconds: float

    @property
    def slices_per_second(self) -> float:
        """Slices encoded per second so far."""
        return self.done / self.seconds if self.seconds else 0.0


class ProgressListener(Protocol):
    """Called after every chunk of slices."""

    def __call__(self, progress: EmbeddingProgress) -> None:
        """Hear how far the embedding has come."""
        ...


@dataclass(frozen=True, slots=True)
class Embedder:
    """Slicing, encoder and, if given, a store.

    With a store each slice is encoded once, ever: an interrupted call goes on where it stopped,
    and so does another recipe that cuts the same slices.
    """

    slicing: Slicing
    encoder: Encoder
    store: Store | None = None

    @property
    def longest(self) -> int:
        """Tokens that are read of a plot at most, special tokens not counted."""
        budget = self.slicing.budget(self.encoder.card.text_tokens)
        return budget * (self.slicing.max_slices if self.slicing.way == "windows" else 1)

    def slices(self, plots: Sequence[str]) -> list[list[str]]:
        """The slices of each plot, at least one each."""
        limit = self.encoder.card.text_tokens
        return [
            slices
            for chunk in _chunks(plots)
            for slices in slice_plots(chunk, self.slicing, self.encoder, limit)
        ]

    def embed(self, plots: Sequence[str], progress: ProgressListener | None = None) -> Bags:
        """Cut, encode and bag ``n`` plots.

        Parameters
        ----------
        plots
            ``n`` texts.
        progress
            Called after every chunk of newly encoded slices.

        Returns
        -------
        Bags of ``n`` films.
        """
        slices = self.slices(plots)
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in slices])]).astype(np.int64)
        texts = [text for one in slices for text in one]
        return Bags(self.vectors(texts, progress), offsets)

    def vectors(self, texts: Sequence[str], progress: ProgressListener | None = None) -> Vectors:
        """Vectors (n, d) of ``n`` texts that are slices already."""
        distinct = list(dict.fromkeys(texts))
        vectors = self._vectors(distinct, progress)
        if len(distinct) < len(texts):
            row_of = {text: row for row, text in enumerate(distinct)}
            vectors = vectors[[row_of[text] for text in texts]]
        return vectors

    def _vectors(self, texts: list[str], progress: ProgressListener | None) -> Vectors:
        if self.store is None:
            vectors = np.empty((len(texts), self.encoder.card.dimension), dtype=np.float32)
            for rows, encoded in self._encode(texts, np.arange(len(texts)), progress):
                vectors[rows] = encoded
            return vectors
        self.store.refresh()
        new = np.flatnonzero(~self.store.known(texts))
        for rows, encoded in self._encode(texts, new, progress):
            self.store.write([texts[row] for row in rows], encoded)
        return self.store.read(texts)

    def _encode(
        self,
        texts: list[str],
        rows: np.ndarray[tuple[int], np.dtype[np.int64]],
        progress: ProgressListener | None,
    ) -> Iterator[tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Vectors]]:
        """Encode the texts of ``rows`` in chunks, long texts first so that the ETA errs upwards."""
        order = rows[np.argsort([-len(texts[row]) for row in rows], kind="stable")]
        begun = monotonic()
        for at in range(0, len(order), _CHUNK_SLICES):
            chunk = order[at : at + _CHUNK_SLICES]
            yield chunk, self.encoder.encode([texts[row] for row in chunk])
            if progress is not None:
                progress(EmbeddingProgress(at + len(chunk), len(order), monotonic() - begun))


def _chunks(plots: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for plot in plots:
        chunk.append(read_part(plot))
        size += len(chunk[-1])
        if size >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def open_embedder(slicing: Slicing, settings: EncoderSettings, store: Path | None) -> Embedder:
    """Slicing and encoder, and the store if one is given."""
    encoder = load_encoder(settings)
    return Embedder(slicing, encoder, None if store is None else Store(store, encoder.card))
