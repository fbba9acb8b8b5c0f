import numpy as np
import pytest

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError
from plotgenre.learning.labelled import LabelledBags


def bags_of(*sizes: int) -> Bags:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Bags(np.ones((offsets[-1], 2), np.float32), offsets)


def test_integer_targets_become_bool():
    films = LabelledBags.checked("train", bags_of(1, 2), np.array([[0, 1], [1, 0]]))
    assert films.Y.dtype == bool
    assert films.Y.tolist() == [[False, True], [True, False]]
    assert len(films) == 2


@pytest.mark.parametrize(
    ("Y", "sentence"),
    [
        (np.zeros((3, 4)), r"train targets must be .* each of 2 films, got shape \(3, 4\)"),
        (np.zeros(2), r"got shape \(2,\)"),
        (np.zeros((2, 0)), "2 films and 0 genres"),
        (np.array([[0, 1], [0, 2]]), "film 1 has 2 for genre 1"),
        (np.array([[0, np.nan], [0, 1]]), "film 0 has nan for genre 1"),
    ],
)
def test_targets_that_make_no_sense_are_named(Y, sentence):
    with pytest.raises(InputError, match=sentence):
        LabelledBags.checked("train", bags_of(1, 2), Y)


def test_the_film_of_a_broken_vector_is_named():
    bags = bags_of(2, 3, 1)
    bags.vectors[4, 1] = np.inf
    with pytest.raises(InputError, match="validation film 1 has a slice vector with NaN"):
        LabelledBags.checked("validation", bags, np.zeros((3, 1)))


def test_the_digest_sees_vectors_offsets_and_targets():
    Y = np.eye(2, dtype=bool)
    digests = [
        LabelledBags(bags_of(1, 2), Y).digest(),
        LabelledBags(bags_of(2, 1), Y).digest(),
        LabelledBags(bags_of(1, 2), ~Y).digest(),
        LabelledBags(Bags(np.zeros((3, 2), np.float32), np.array([0, 1, 3])), Y).digest(),
    ]
    assert len(set(digests)) == 4
    assert digests[0] == LabelledBags(bags_of(1, 2), Y.copy()).digest()
