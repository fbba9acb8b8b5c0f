"""Plots that name their genre."""

import pytest

from plotgenre.corpus import Corpus
from plotgenre.corpus.leaks import find_leaks


def test_whole_words_of_own_genres_in_any_case():
    plots = [
        "A HORROR story.", "Horrors without end.", "No such word.", "A horror, but of a drama",
        "It is a biopic\n[feature] at last", "x",
    ]  # fmt: skip
    genres = [["Horror"], ["Horror"], ["Horror"], ["Drama"], ["Biopic\n[feature]"], []]
    leaks = find_leaks(Corpus.from_lists(plots, genres))
    assert leaks.films == 3
    assert leaks.share == pytest.approx(0.5)
    found = {leak.genre: leak for leak in leaks.genres}
    assert found.keys() == {"Horror", "Drama", "Biopic\n[feature]"}
    assert (found["Horror"].films, found["Horror"].naming) == (3, 1)
    assert found["Horror"].examples == (("1", "A HORROR story."),)
    assert found["Biopic\n[feature]"].examples[0][1] == "It is a biopic [feature] at last"


def test_a_film_that_names_two_counts_once_and_no_film_is_no_share():
    leaks = find_leaks(Corpus.from_lists(["a war drama"], [["War", "Drama"]]))
    assert leaks.films == 1
    assert len(leaks.genres) == 2
    assert find_leaks(Corpus.from_lists([], [])).share == 0


def test_names_are_no_patterns():
    corpus = Corpus.from_lists(["axb", "so a.b is said"], [["a.b", "(", "*"], ["a.b"]])
    assert [(leak.genre, leak.naming) for leak in find_leaks(corpus).genres] == [("a.b", 1)]
