import numpy as np
import pytest

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.labels import cleaned, folded, labels_of


def films(*genres: list[str]) -> Corpus:
    return Corpus.from_lists([f"plot {i}" for i in range(len(genres))], genres)


SPELLINGS = (
    "drama",
    "DRAMA ",
    " Drama",
    "Drama\u200b",
    "\ufeffDrama",
    "Drama\u00a0",
    "Dr\u00adama",
)


@pytest.mark.parametrize("written", [*SPELLINGS, "\uff24rama"])
def test_spellings_of_one_name_are_one(written):
    assert folded(written) == folded("Drama")
    labels = labels_of(films([written], ["Drama"], ["Drama"]))
    assert labels.corpus.genre_lists() == [["Drama"]] * 3
    assert labels.respelled == {written: "Drama"}


def test_accents_may_be_written_apart_and_spaces_may_be_of_any_kind():
    assert cleaned("Cafe\u0301\u00a0 noir\n") == "Café noir"
    assert folded("Science\u2009Fiction") == folded("SCIENCE FICTION")
    assert folded("Sci-Fi") != folded("Sci Fi")


def test_of_several_spellings_train_keeps_the_one_with_most_films():
    labels = labels_of(films(["drama"], ["drama"], ["Drama", "Horror"]))
    assert labels.corpus.genre_lists() == [["drama"], ["drama"], ["drama", "Horror"]]
    assert labels.respelled == {"Drama": "drama"}


def test_names_are_matched_to_a_vocabulary_and_the_others_counted():
    found = labels_of(
        films(["drama", "Anime"], ["anime ", "Drama"], ["Noir"], []),
        vocabulary=["Horror", "Drama"],
    )
    assert found.corpus.genres == ("Horror", "Drama", "Anime", "Noir")
    assert found.corpus.genre_lists() == [["Drama", "Anime"], ["Drama", "Anime"], ["Noir"], []]
    assert found.unknown == {"Anime": 2, "Noir": 1}
    assert found.respelled == {"drama": "Drama", "anime ": "Anime"}


def test_a_column_that_no_film_has_is_not_unknown():
    corpus = films(["Drama"]).with_genres(["Drama", "Anime"])
    assert labels_of(corpus, vocabulary=["Drama"]).unknown == {}


GROUPS = {"Romance": ["Romance Film", "Romantic comedy"], "Comedy": ["Comedy", "Romantic comedy"]}


def test_a_group_holds_its_members_and_its_own_name():
    corpus = films(["Romance Film"], ["Romance"], ["romance"], ["Romantic comedy"], ["Comedy"])
    for vocabulary in (None, ["Romance", "Comedy"]):
        labels = labels_of(corpus, groups=GROUPS, vocabulary=vocabulary)
        assert labels.corpus.genre_lists() == [
            ["Romance"],
            ["Romance"],
            ["Romance"],
            ["Romance", "Comedy"],
            ["Comedy"],
        ]
        assert labels.respelled == {"romance": "Romance"}


def test_groups_that_swap_names_swap_them_once():
    groups = {"A": ["B"], "B": ["A"]}
    for vocabulary in (None, ["A", "B"]):
        labels = labels_of(films(["A"], ["B"]), groups=groups, vocabulary=vocabulary)
        assert labels.corpus.genre_lists() == [["B"], ["A"]]


def test_a_name_that_another_group_lists_is_that_group_alone():
    groups = {"Crime": ["Thriller"], "Thriller": ["Suspense"]}
    labels = labels_of(films(["Thriller"], ["Suspense"]), groups=groups)
    assert labels.corpus.genre_lists() == [["Crime"], ["Thriller"]]


def test_names_in_no_group_are_left_out_if_train_had_them_and_else_unknown():
    corpus = films(["Comedy", "Indie"], ["Anime"])
    of_train = labels_of(corpus, groups=GROUPS)
    assert of_train.ungrouped == {"Anime": 1, "Indie": 1}
    assert of_train.corpus.genres == ("Romance", "Comedy")
    of_test = labels_of(
        corpus, groups=GROUPS, vocabulary=["Romance", "Comedy"], ungrouped=["Indie"]
    )
    assert of_test.ungrouped == {"Indie": 1}
    assert of_test.unknown == {"Anime": 1}
    assert of_test.corpus.genre_lists() == [["Comedy"], ["Anime"]]


@pytest.mark.parametrize(
    "rules", [{"groups": {"Crime": ["Heist", "Noir"]}}, {"merges": {"Crime": ["Heist"]}}]
)
def test_a_genre_that_was_added_stands_beside_what_the_recipe_says(rules):
    labels = labels_of(films(["Heist"], ["heist"]), vocabulary=["Crime", "Heist"], **rules)
    assert labels.corpus.genre_lists() == [["Crime", "Heist"]] * 2


def test_merges_read_other_spellings_of_their_aliases():
    labels = labels_of(films(["comedy  Film"], ["COMEDY"]), merges={"Comedy": ["Comedy film"]})
    assert labels.corpus.genre_lists() == [["Comedy"]] * 2


def test_columns_without_a_film_are_kept_in_their_order():
    corpus = films(["b"]).with_genres(["c", "b", "a"])
    labels = labels_of(corpus)
    assert labels.corpus.genres == ("c", "b", "a")
    np.testing.assert_array_equal(labels.corpus.Y, corpus.Y)
