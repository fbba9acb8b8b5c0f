import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.learning.token_films import TokenFilms, batches_of_similar_length, films_of_step


def film(*slices: list[int]) -> list[np.ndarray]:
    return [np.array(ids, dtype=np.int32) for ids in slices]


@pytest.fixture
def films() -> TokenFilms:
    slices = [film([1, 2, 3], [4]), film([5, 6]), film([7], [8, 9], [10, 11, 12, 13])]
    return TokenFilms.of("train", slices, np.eye(3, 2, dtype=bool))


def test_slices_lie_one_after_the_other(films):
    assert len(films) == 3
    assert films.lengths.tolist() == [3, 1, 2, 1, 2, 4]
    slices, sizes = films.slices_of(np.array([2, 0]))
    assert slices.tolist() == [3, 4, 5, 0, 1]
    assert sizes.tolist() == [3, 2]


def test_padding_fills_up_to_the_longest_only(films):
    ids, mask = films.padded(np.array([2, 0, 1]), pad=99)
    assert ids.tolist() == [[5, 6, 99], [1, 2, 3], [4, 99, 99]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]


def test_drawn_slices_are_different_ones_of_the_film(films):
    seen = set()
    for seed in range(30):
        slices, sizes = films.draw(np.array([2, 1]), 2, np.random.default_rng(seed))
        assert sizes.tolist() == [2, 1]
        assert slices[2] == 2
        assert len(set(slices[:2].tolist())) == 2
        seen |= set(slices[:2].tolist())
    assert seen == {3, 4, 5}


def test_a_pass_takes_every_film_once():
    steps = [films_of_step(7, 3, step, (0, 1)).tolist() for step in range(7)]
    flat = [row for one in steps for row in one]
    for turn in range(3):
        assert sorted(flat[7 * turn : 7 * turn + 7]) == list(range(7))
    assert flat[:7] != flat[7:14]
    assert films_of_step(7, 3, 4, (0, 1)).tolist() == steps[4]
    assert [films_of_step(7, 3, step, (1, 1)).tolist() for step in range(7)] != steps


def test_batches_hold_similar_lengths_within_their_tokens():
    lengths = np.array([3, 10, 4, 9, 1, 25])
    batches = [rows.tolist() for rows in batches_of_similar_length(lengths, 20)]
    # 25 is too long for any batch and goes alone; then two of 10, five of 4.
    assert batches == [[5], [1, 3], [2, 0, 4]]


def test_the_digest_tells_data_apart(films):
    assert films.digest() == TokenFilms(*_fields(films)).digest()
    for field in range(4):
        changed = _fields(films)
        changed[field] = changed[field].copy()
        changed[field][-1] = ~changed[field][-1] if field == 3 else changed[field][-1] + 1
        assert TokenFilms(*changed).digest() != films.digest()


def _fields(films: TokenFilms) -> list[np.ndarray]:
    return [films.ids, films.slice_offsets, films.film_offsets, films.Y]


@pytest.mark.parametrize(
    ("slices", "Y", "sentence"),
    [
        ([], np.zeros((0, 2), bool), "got 0 films"),
        ([film([1])], np.zeros((2, 2), bool), "targets of shape"),
        ([film([1])], np.zeros((1, 0), bool), "targets of shape"),
        ([film([1]), film()], np.ones((2, 1), bool), "film 1 .* without tokens"),
        ([film([1], [])], np.ones((1, 1), bool), "film 0 .* without tokens"),
    ],
)
def test_films_that_make_no_sense(slices, Y, sentence):
    with pytest.raises(InputError, match=f"train.*{sentence}"):
        TokenFilms.of("train", slices, Y)
