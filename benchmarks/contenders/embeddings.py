"""Mean MiniLM vectors for contenders that read embeddings: the very ones that plotgenre reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.embedder import Embedder, open_embedder
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.slicing import Slicing

SLICING = Slicing(way="windows", tokens=126, overlap=0, max_slices=8)


@dataclass(frozen=True)
class MeanVectors:
    """Whole plot to one vector of unit length: the mean over its windows."""

    embedder: Embedder

    @classmethod
    def open(cls, store: Path | None) -> MeanVectors:
        """With the store, if one is given, out of which known plots are read."""
        return cls(open_embedder(SLICING, EncoderSettings(), store))

    def __call__(self, plots: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (n, d)."""
        vectors = self.embedder.embed(plots).pooled("mean").vectors
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def cold(self) -> MeanVectors:
        """The same without a store."""
        return MeanVectors(replace(self.embedder, store=None))
