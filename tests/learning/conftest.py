"""What the tests of learning share: random bags, and films whose genre only one slice shows."""

from collections.abc import Callable

import numpy as np
import pytest

from plotgenre.embedding.bags import Bags


@pytest.fixture
def make_bags() -> Callable[..., Bags]:
    """Films of 1 to 6 random slices."""

    def make(films: int = 20, dimension: int = 12, seed: int = 0) -> Bags:
        rng = np.random.default_rng(seed)
        offsets = np.concatenate([[0], rng.integers(1, 7, films).cumsum()])
        return Bags(rng.standard_normal((offsets[-1], dimension)).astype(np.float32), offsets)

    return make


@pytest.fixture
def needles() -> Callable[..., tuple[Bags, np.ndarray]]:
    """Films of 8 noisy slices; for each genre that a film has, one slice shows it."""

    def make(films: int, seed: int, genres: int = 4) -> tuple[Bags, np.ndarray]:
        rng = np.random.default_rng(seed)
        Y = rng.random((films, genres)) < 0.25
        vectors = rng.standard_normal((films, 8, 16)).astype(np.float32) * 0.7
        places = rng.integers(0, 8, (films, genres))
        film, genre = np.nonzero(Y)
        vectors[film, places[film, genre], genre] += 4
        offsets = np.arange(films + 1, dtype=np.int64) * 8
        return Bags(vectors.reshape(-1, 16), offsets), Y

    return make
