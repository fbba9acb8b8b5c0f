"""Genres in the same films, by hand."""

import pytest

from plotgenre.corpus import Corpus
from plotgenre.corpus.cooccurrence import Cooccurrence


@pytest.fixture
def together():
    lists = [["a", "b"], ["a", "b"], ["a"], ["c"]]
    return Cooccurrence(
        Corpus.from_lists([f"plot {i}" for i in range(4)], lists, vocabulary="bacz")
    )


def test_a_pair_by_hand(together):
    pair = together.pair(0, 1)
    assert (pair.first, pair.second) == ("a", "b")
    assert (pair.first_films, pair.second_films, pair.both) == (3, 2, 2)
    assert pair.jaccard == pytest.approx(2 / 3)
    assert pair.first_given_second == 1
    assert pair.second_given_first == pytest.approx(2 / 3)
    # 2 films have both, 4 * 3/4 * 2/4 = 1.5 would by chance.
    assert pair.lift == pytest.approx(2 / 1.5)


def test_pairs_without_common_films_are_left_out(together):
    assert [(one.first, one.second) for one in together.commonest(9)] == [("a", "b")]
    assert together.commonest(0) == []


def test_overlapping(together):
    assert together.overlapping(0.66, 2) == [(0, 1)]
    assert together.overlapping(0.67, 2) == []
    assert together.overlapping(0.1, 3) == []
