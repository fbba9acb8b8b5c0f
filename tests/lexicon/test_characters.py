"""Character n-grams: cut and counted by hand, and cut as scikit-learn does."""

import numpy as np
import pytest

from plotgenre.errors import ArtefactError
from plotgenre.lexicon.characters import Characters, cut

TOY = Characters(2, 3, (" ol", "ld ", "ol", "ou", "ous"))


def test_a_word_by_hand():
    assert cut("old", 3, 4) == [" ol", "old", "ld ", " old", "old "]


def test_a_word_no_longer_than_the_shortest_is_one_piece_once():
    assert cut("in", 4, 6) == cut("in", 5, 6) == [" in "]


@pytest.mark.parametrize("lengths", [(1, 1), (2, 5), (3, 5), (5, 7), (9, 9)])
def test_cut_as_scikit_learn(lengths):
    from sklearn.feature_extraction.text import CountVectorizer

    analyze = CountVectorizer(analyzer="char_wb", ngram_range=lengths).build_analyzer()
    for word in ("in", "old", "house", "abracadabra", "été"):
        assert sorted(cut(word, *lengths)) == sorted(analyze(word))


def test_counts_by_hand():
    # "old" has " ol", "ld " and "ol" (as a pair of letters), "house" has "ou" and "ous".
    films = [["old", "house", "old"], [], ["unknown"], ["mouse", "gold"]]
    film, ngram, times = TOY.counts(films)
    assert list(zip(film.tolist(), ngram.tolist(), times.tolist(), strict=True)) == [
        (0, 0, 2),
        (0, 1, 2),
        (0, 2, 2),
        (0, 3, 1),
        (0, 4, 1),
        (3, 1, 1),
        (3, 2, 1),
        (3, 3, 1),
        (3, 4, 1),
    ]


@pytest.mark.parametrize("films", [[], [[]], [["xx"]]])
def test_nothing_known(films):
    assert [part.tolist() for part in TOY.counts(films)] == [[], [], []]
    assert [part.size for part in Characters(2, 3, ()).counts(films)] == [0, 0, 0]


def test_through_tensors_and_back():
    back = Characters.of_tensors(TOY.tensors())
    assert (back.shortest, back.longest, back.ngrams) == (2, 3, TOY.ngrams)
    assert Characters.of_tensors(Characters(2, 3, ()).tensors()).ngrams == ()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("lengths", np.array([3]), r"'lengths' must be shortest and longest, found \[3\]"),
        ("lengths", np.array([3, 2]), "'lengths' must be .* not fall, found 3 to 2"),
        ("lengths", np.array([0, 3]), "'lengths' must be 1 or more"),
        ("lengths", np.array([1, 2]), "must hold n-grams of 1 to 2 characters"),
        ("characters", np.frombuffer(b"ou\nol", np.uint8), "must be in alphabetical order"),
        ("characters", np.frombuffer(b"ol\nol", np.uint8), "must be in alphabetical order"),
        ("characters", np.frombuffer(b"\nol", np.uint8), "must hold n-grams of 1 to 3 characters"),
        ("characters", np.frombuffer(b"\xff", np.uint8), "'characters' is not UTF-8"),
    ],
)
def test_tensors_that_cannot_be_right(name, value, sentence):
    with pytest.raises(ArtefactError, match=sentence):
        Characters.of_tensors({**TOY.tensors(), name: value})
