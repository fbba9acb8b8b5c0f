"""An encoder without a model: it counts what it is asked to encode."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from plotgenre.embedding.encoders import EncoderCard


class CountingEncoder:
    """A token is a word; a text's vector is drawn with the text's own seed."""

    def __init__(
        self, fingerprint: str = "f" * 64, dimension: int = 8, max_tokens: int = 10
    ) -> None:
        self.asked: list[str] = []
        self.calls = 0
        self.card = EncoderCard(
            name="counting",
            revision=None,
            dimension=dimension,
            max_tokens=max_tokens,
            reserved_tokens=2,
            pooling="mean",
            prompt="",
            precision="float32",
            fingerprint=fingerprint,
        )

    def token_spans(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self._spans(text) for text in texts]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += 1
        self.asked += texts
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> np.ndarray:
        rng = np.random.default_rng(list(text.encode()))
        return rng.standard_normal(self.card.dimension).astype(np.float32)

    def _spans(self, text: str) -> np.ndarray:
        words = text.split(" ")
        starts = np.cumsum([0] + [len(word) + 1 for word in words])[:-1]
        pairs = [(s, s + len(w)) for s, w in zip(starts, words, strict=True) if w]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@pytest.fixture
def counting() -> Callable[..., CountingEncoder]:
    return CountingEncoder
