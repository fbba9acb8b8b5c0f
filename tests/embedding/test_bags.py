import numpy as np
import pytest

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError, PlotgenreError


def bags_of(*sizes: int, dimension: int = 5) -> Bags:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((sum(sizes), dimension)).astype(np.float32)
    return Bags(vectors, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def film(bags: Bags, row: int) -> np.ndarray:
    return bags.vectors[bags.offsets[row] : bags.offsets[row + 1]]


@pytest.mark.parametrize(
    "offsets",
    [[], [0], [0, 2], [1, 3], [0, 2, 2, 3], [0, 4], [0, 2, 1, 3], [-1, 3], [0, 1, 2]],
    ids=str,
)
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    with pytest.raises(InputError, match="offsets must rise from 0 to n_slices"):
        Bags(np.zeros((3, 2), np.float32), np.array(offsets, dtype=np.int64))


def test_vectors_must_have_two_axes() -> None:
    with pytest.raises(PlotgenreError, match=r"\(n_slices, d\), got shape \(3,\)"):
        Bags(np.zeros(3, np.float32), np.array([0, 3]))


def test_sizes_length_and_dimension() -> None:
    bags = bags_of(3, 1, 4)
    assert len(bags) == 3
    assert bags.dimension == 5
    assert bags.sizes.tolist() == [3, 1, 4]


@pytest.mark.parametrize("rows", [[2, 0], [1, 1, 3], [0, 1, 2, 3], [3], []], ids=str)
def test_take_gives_the_asked_films_in_the_asked_order(rows: list[int]) -> None:
    bags = bags_of(3, 1, 4, 2)
    taken = bags.take(rows)
    assert len(taken) == len(rows)
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(film(taken, place), film(bags, row))


def test_take_copies() -> None:
    bags = bags_of(2, 2)
    bags.take([0, 1]).vectors[:] = 0
    assert (bags.vectors != 0).all()


@pytest.mark.parametrize("how", ["mean", "max"])
def test_pooled_is_what_a_loop_over_films_gives(how: str) -> None:
    bags = bags_of(3, 1, 4, 1, 7)
    reduce = {"mean": np.mean, "max": np.max}[how]
    expected = np.stack([reduce(film(bags, row), axis=0) for row in range(len(bags))])
    pooled = bags.pooled(how)
    np.testing.assert_allclose(pooled.vectors, expected, rtol=1e-6, atol=1e-7)
    assert pooled.sizes.tolist() == [1] * 5
    assert pooled.vectors.dtype == np.float32


def test_no_films_are_bags_too() -> None:
    bags = Bags.of_pooled(np.zeros((0, 4), np.float32))
    assert len(bags) == len(bags.pooled("mean")) == len(bags.take([])) == 0
