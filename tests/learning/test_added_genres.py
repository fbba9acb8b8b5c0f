"""Added genres: directions that films meet, worked out by hand, and what cannot be right."""

import numpy as np
import pytest

from plotgenre.embedding.bags import Bags
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.added_genres import AddedGenres, best_slices, unit
from plotgenre.learning.adding import _bias, _left_out, find_added
from plotgenre.learning.calibration import sigmoid


def floats(*rows):
    return np.array(rows, dtype=np.float32)


@pytest.fixture
def one():
    """One genre over two dimensions and two known genres."""
    return AddedGenres(
        queries=floats([1, 0]),
        mixes=floats([0.6, 0.8]),
        centres=floats([1, -1]),
        spreads=floats([2, 1]),
        weights=floats([2, 3]),
        biases=floats(-1)[0:1],
    )


@pytest.fixture
def bags():
    """Two films, of one slice and of two; slices are of any length."""
    return Bags(floats([3, 4], [0, 2], [5, 0]), np.array([0, 1, 3]))


def test_best_slices_is_a_smoothed_maximum(bags):
    found = best_slices(bags, floats([1, 0], [0, 1]))
    both = 1 + np.log(1 + np.exp(-10)) / 10
    np.testing.assert_allclose(found, [[0.6, 0.8], [both, both]], rtol=1e-6)


def test_logits_by_hand(one, bags):
    known = floats([3, -1], [1, 0])
    # Standardised and at length 1: (1, 0) and (0, 1).
    expected = [
        [2 * 0.6 + 3 * 0.6 - 1],
        [2 * (1 + np.log(1 + np.exp(-10)) / 10) + 3 * 0.8 - 1],
    ]
    np.testing.assert_allclose(one.logits(bags, known), expected, rtol=1e-6)
    twice = one.joined(one)
    assert len(twice) == 2
    np.testing.assert_allclose(twice.logits(bags, known), np.repeat(expected, 2, 1), rtol=1e-6)


def test_unit_leaves_zeros():
    np.testing.assert_array_equal(unit(floats([0, 0], [0, 3])), [[0, 0], [0, 1]])


def test_tensors_there_and_back(one):
    again = AddedGenres.from_tensors(one.tensors(), 2, 3)
    for name, tensor in one.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"queries": None}, "'queries' is missing"),
        ({"colour": floats([1])}, "'colour' is unknown"),
        ({"mixes": floats([1, 0, 0])}, r"'mixes' must be float32 of shape \(1, 2\)"),
        ({"queries": floats([1])}, r"'queries' must be float32 of shape \(1, 2\)"),
        ({"weights": np.ones((1, 2))}, "found float64"),
        ({"centres": floats([np.nan, 0])}, "'centres' has NaN"),
        ({"spreads": floats([1, 0])}, "a spread is not above 0"),
        ({"biases": np.zeros(3, np.float32)}, "3 of 3 genres are added"),
    ],
)
def test_wrong_tensors_are_refused(one, change, sentence):
    tensors = {k: v for k, v in (dict(one.tensors()) | change).items() if v is not None}
    with pytest.raises(ArtefactError, match=sentence):
        AddedGenres.from_tensors(tensors, 2, 3)


def test_left_out_is_ridge_without_the_genre():
    rng = np.random.default_rng(0)
    names = unit(rng.standard_normal((5, 3)).astype(np.float32))
    kernel = names @ names.T
    found = _left_out(np.linalg.inv(kernel + 2 * np.eye(5)))
    for j in range(5):
        others = np.delete(np.arange(5), j)
        ridge = kernel[np.ix_(others, others)] + 2 * np.eye(4)
        weights = np.linalg.solve(ridge, kernel[others, j])
        np.testing.assert_allclose(found[j, others], weights / np.linalg.norm(weights), rtol=1e-4)
        assert found[j, j] == 0


def test_bias_gives_the_share():
    logits = floats(*range(-5, 6))
    for share in (0.01, 0.4):
        P = sigmoid((logits + _bias(logits, share)).astype(np.float32))
        assert P.mean() == pytest.approx(share, rel=1e-3)


@pytest.fixture
def films():
    """300 films of one slice, whose four known genres are the first four dimensions."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((300, 8)).astype(np.float32)
    return Bags.of_pooled(vectors), vectors[:, :4] * 3 - 2


def test_a_name_like_a_known_one_finds_its_films(films):
    names = np.eye(8, dtype=np.float32)[:4]
    name = floats([1, 0, 0, 0, 0, 0, 0, 0.5])[0]
    added = find_added(films, names, name, name, share=0.2)
    found = added.logits(*films)[:, 0]
    assert sigmoid(found).mean() == pytest.approx(0.2, rel=0.01)
    correlations = [np.corrcoef(found, column)[0, 1] for column in films[0].vectors.T]
    assert np.argmax(correlations) == 0
    # The seventh dimension is no known genre's: only the query can know it.
    assert correlations[7] > 0.2
    assert added.mixes[0].argmax() == 0


def test_examples_turn_the_directions(films):
    names = np.eye(8, dtype=np.float32)[:4]
    name = names[0]
    rows = np.argsort(-films[0].vectors[:, 2])[:40]
    examples = films[0].take(rows), films[1][rows]
    added = find_added(films, names, name, name, examples)
    alone = find_added(films, names, name, name)
    assert alone.mixes[0].argmax() == 0
    assert added.mixes[0].argmax() == 2
    assert alone.queries[0].argmax() == 0
    assert added.queries[0].argmax() == 2
    few = find_added(films, names, name, name, (films[0].take(rows[:1]), films[1][rows[:1]]))
    assert few.queries[0].argmax() == 0


def test_share_is_that_of_a_typical_genre(films):
    names = np.eye(8, dtype=np.float32)[:4]
    added = find_added(films, names, names[0], names[0])
    typical = np.exp(np.log(sigmoid(films[1]).mean(axis=0)).mean())
    assert sigmoid(added.logits(*films)).mean() == pytest.approx(typical, rel=0.01)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_is_between_0_and_1(films, share):
    names = np.eye(8, dtype=np.float32)[:4]
    with pytest.raises(InputError, match="share must lie between 0 and 1"):
        find_added(films, names, names[0], names[0], share=share)
