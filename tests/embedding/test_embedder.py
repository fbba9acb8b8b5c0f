from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plotgenre.embedding import embedder as module
from plotgenre.embedding.embedder import Embedder, EmbeddingProgress
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.texts import LONGEST_PLOT

WINDOWS = Slicing(overlap=2)
PLOTS = [
    " ".join(f"w{i}" for i in range(20)),
    "short",
    "",
    " ".join(f"v{i}" for i in range(9)),
    "short",
]


@pytest.fixture(params=["memory", "store"])
def make(request: pytest.FixtureRequest, counting: Callable[..., Any], tmp_path: Path) -> Any:
    def build(slicing: Slicing = WINDOWS) -> Embedder:
        encoder = counting()
        store = Store(tmp_path, encoder.card) if request.param == "store" else None
        return Embedder(slicing, encoder, store)

    return build


def test_a_film_is_the_bag_of_its_slices_in_order(make: Any) -> None:
    embedder = make()
    bags = embedder.embed(PLOTS)
    slices = embedder.slices(PLOTS)
    # 8 tokens of text a window, 6 new ones each: 0-7, 6-13, 12-19; 0-7, 6-8.
    assert bags.sizes.tolist() == [3, 1, 1, 2, 1] == [len(one) for one in slices]
    expected = [embedder.encoder.vector(text) for one in slices for text in one]
    # Half precision keeps 11 bits.
    np.testing.assert_allclose(bags.vectors, np.stack(expected), rtol=2**-11, atol=1e-7)
    assert bags.vectors.dtype == np.float32


def test_equal_slices_are_encoded_once(make: Any) -> None:
    embedder = make()
    bags = embedder.embed(PLOTS * 3)
    assert sorted(embedder.encoder.asked) == sorted(
        {text for one in embedder.slices(PLOTS) for text in one}
    )
    np.testing.assert_array_equal(bags.vectors[3], bags.vectors[7])
    np.testing.assert_array_equal(bags.vectors[:8], bags.vectors[8:16])


def test_chunks_are_put_back_in_order_and_reported(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_SLICES", 3)
    monkeypatch.setattr(module, "_CHUNK_CHARACTERS", 40)
    embedder = make()
    heard: list[EmbeddingProgress] = []
    vectors = embedder.embed(PLOTS, heard.append).vectors
    # Eight slices, of which "short" is there twice.
    assert embedder.encoder.calls == 3
    assert [(one.done, one.total) for one in heard] == [(3, 7), (6, 7), (7, 7)]
    assert all(one.seconds >= 0 for one in heard)
    expected = [embedder.encoder.vector(t) for one in embedder.slices(PLOTS) for t in one]
    np.testing.assert_allclose(vectors, np.stack(expected), rtol=2**-11, atol=1e-7)


def test_long_slices_come_first(make: Any) -> None:
    embedder = make()
    embedder.embed(PLOTS)
    lengths = [len(text) for text in embedder.encoder.asked]
    assert lengths == sorted(lengths, reverse=True)


def test_no_plots_give_no_bags_and_ask_nothing(make: Any) -> None:
    embedder = make()
    bags = embedder.embed([])
    assert (len(bags), bags.dimension, embedder.encoder.calls) == (0, 8, 0)


def test_speed_is_slices_by_seconds() -> None:
    assert EmbeddingProgress(done=30, total=100, seconds=2.0).slices_per_second == 15
    assert EmbeddingProgress(done=0, total=100, seconds=0.0).slices_per_second == 0


def test_a_second_call_and_another_recipe_encode_only_what_is_new(
    counting: Callable[..., Any], tmp_path: Path
) -> None:
    first = counting()
    Embedder(WINDOWS, first, Store(tmp_path, first.card)).embed(PLOTS)
    second = counting()
    heard: list[EmbeddingProgress] = []
    start = Embedder(Slicing(way="start"), second, Store(tmp_path, second.card))
    start.embed([*PLOTS, "new one"], heard.append)
    assert second.asked == ["new one"]
    assert [(one.done, one.total) for one in heard] == [(1, 1)]


def test_the_end_of_a_huge_plot_is_not_read(make: Any) -> None:
    embedder = make()
    long = "w1 " * (LONGEST_PLOT // 3) + "w2" * 50
    assert embedder.slices([long, "w3"]) == embedder.slices([long[:LONGEST_PLOT], "w3"])
    assert embedder.slices([long]) != embedder.slices([long[: LONGEST_PLOT - 9]])
