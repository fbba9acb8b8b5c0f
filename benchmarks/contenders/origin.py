"""The origin's pipeline as its notebook had it: one plot a call, one film an update.

Encoding the corpus that way takes most of an hour, so ``SAMPLE`` plots are encoded so and the time
is scaled to all train films; the vectors that training reads come out of the store, which holds the
same encoder's. The updates are run in full for ``EPOCHS`` epochs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation
from plotgenre.embedding.embedder import Embedder, open_embedder
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.encoders.minilm import bundled_folder
from plotgenre.embedding.slicing import Slicing

SAMPLE, EPOCHS, RATE = 300, 3, 0.05
HIDDEN = 512


class Origin(Contender):
    """One hidden layer on the vector of the plot's beginning, SGD with a batch of one."""

    library = f"sentence-transformers {version('sentence-transformers')}, torch {torch.__version__}"

    def __init__(self, store: Path | None) -> None:
        self.encoder = SentenceTransformer(str(bundled_folder()), device="cpu")
        embedder = open_embedder(Slicing(way="start"), EncoderSettings(), store)
        self.embedder: Embedder | None = embedder

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        self._vectors(plots)

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        begun = time.monotonic()
        sample = plots[:SAMPLE]
        self._one_at_a_time(sample)
        measured = time.monotonic() - begun
        # The runner adds this: what encoding all films would have taken beyond the sample.
        self.scaled_seconds = measured * (len(plots) / len(sample) - 1)
        self.notes = (
            f"one plot a call and one film an update, SGD at {RATE}, {EPOCHS} epochs; encoding "
            f"measured on {len(sample)} plots and scaled to all train films"
        )
        vectors = torch.from_numpy(self._vectors(plots))
        targets = torch.from_numpy(Y.astype(np.float32))
        torch.manual_seed(0)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(vectors.shape[1], HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, Y.shape[1]),
        )
        optimizer = torch.optim.SGD(self.head.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            for row in torch.randperm(len(vectors)).tolist():
                optimizer.zero_grad()
                logits = self.head(vectors[row])
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    logits, targets[row], reduction="sum"
                )
                loss.backward()
                optimizer.step()

    def _one_at_a_time(self, plots: Sequence[str]) -> np.ndarray:
        return np.concatenate([self.encoder.encode([p], show_progress_bar=False) for p in plots])

    def _vectors(self, plots: Sequence[str]) -> np.ndarray:
        if self.embedder is None:
            return self._one_at_a_time(plots)
        return self.embedder.embed(plots).vectors

    @override
    @torch.inference_mode()
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        return torch.sigmoid(self.head(torch.from_numpy(self._vectors(plots)))).numpy()

    @override
    def cold(self) -> Origin:
        other = copy(self)
        other.embedder = None
        return other

    @override
    def save(self, folder: Path) -> None:
        torch.save(self.head.state_dict(), folder / "head.pt")


def make(variant: str, store: Path | None) -> Origin:
    return Origin(store)
