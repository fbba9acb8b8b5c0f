import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.learning.token_films import TokenFilms, batches_of_similar_length, films_of_step


def ids(*lengths):
    return [np.arange(length, dtype=np.int32) + 1 for length in lengths]


@pytest.fixture
def films():
    return TokenFilms.of("train", [ids(3, 1), ids(2)], np.eye(2, dtype=bool))


def test_slices_and_padding_by_hand(films):
    assert films.lengths.tolist() == [3, 1, 2]
    slices, sizes = films.slices_of(np.array([1, 0]))
    assert (slices.tolist(), sizes.tolist()) == ([2, 0, 1], [1, 2])
    padded, mask = films.padded(np.array([1, 0]), pad=9)
    assert padded.tolist() == [[1, 9, 9], [1, 2, 3]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]


def test_drawn_slices_are_the_films_own_and_different(films):
    slices, sizes = films.draw(np.array([0, 1]), 2, np.random.default_rng(0))
    assert sorted(slices[:2].tolist()) == [0, 1]
    assert (slices[2], sizes.tolist()) == (2, [2, 1])


def test_every_pass_takes_every_film_once_in_another_order():
    rows = np.concatenate([films_of_step(10, 4, step, (0, 1)) for step in range(5)])
    assert sorted(rows[:10].tolist()) == sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


def test_batches_hold_all_rows_within_their_tokens():
    lengths = np.array([5, 1, 4, 9, 2, 2])
    batches = list(batches_of_similar_length(lengths, 8))
    assert sorted(np.concatenate(batches).tolist()) == list(range(6))
    # The slice of 9 tokens goes alone, however little fits.
    assert [len(rows) * lengths[rows].max() for rows in batches] == [9, 5, 8, 4, 1][: len(batches)]


def test_bad_films_are_named():
    with pytest.raises(InputError, match=r"train film 1 .* has a slice without tokens"):
        TokenFilms.of("train", [ids(1), ids(0)], np.eye(2, dtype=bool))
    with pytest.raises(InputError, match="needs films, genres and one row"):
        TokenFilms.of("train", [ids(1)], np.eye(2, dtype=bool))
