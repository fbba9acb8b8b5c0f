"""Mean MiniLM vectors for the contenders that read embeddings: the very ones that plotgenre reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store

SLICING = Slicing(way="windows", tokens=126, overlap=0, max_slices=8)


@dataclass(frozen=True)
class MeanVectors:
    """Whole plot to one vector of unit length: the mean over its windows."""

    embedder: Embedder

    @classmethod
    def open(cls, store: Path | None) -> MeanVectors:
        encoder = load_encoder(EncoderSettings())
        kept = None if store is None else Store(store, encoder.card)
        return cls(Embedder(SLICING, encoder, kept))

    def __call__(self, plots: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = self.embedder.embed(plots).pooled("mean").vectors
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def cold(self) -> MeanVectors:
        return MeanVectors(replace(self.embedder, store=None))
