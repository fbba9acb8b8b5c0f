import pytest
from pydantic import ValidationError

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.genres import (
    GenreSettings,
    apply_merges,
    choose_genres,
    read_groups,
    read_merges,
)
from plotgenre.errors import CorpusError, RecipeError


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_lists(
        plots=list("abcde"),
        genres=[["Western", "Drama"], ["Drama"], ["Comedy film"], ["Comedy"], ["Comedy", "Noir"]],
        vocabulary=["Western", "Noir", "Drama", "Comedy film", "Comedy"],
    )


def test_choose_leaves_out_rare_genres_and_says_how_many_films_each_had(corpus):
    chosen = choose_genres(corpus, GenreSettings(minimum_films=2))
    assert chosen.corpus.genres == ("Drama", "Comedy")
    assert chosen.left_out == {"Comedy film": 1, "Noir": 1, "Western": 1}
    assert chosen.without_genre == 1
    assert chosen.dropped
    assert chosen.corpus.plots == ["a", "b", "d", "e"]


def test_films_left_without_a_genre_can_be_kept(corpus):
    chosen = choose_genres(corpus, GenreSettings(minimum_films=2, without_genre="keep"))
    assert len(chosen.corpus) == 5
    assert chosen.without_genre == 1
    assert not chosen.dropped


def test_genres_are_merged_before_they_are_counted(corpus):
    settings = GenreSettings(minimum_films=3, merges={"Comedy": ["Comedy film"]})
    chosen = choose_genres(corpus, settings)
    assert chosen.corpus.genres == ("Comedy",)
    assert chosen.corpus.plots == ["c", "d", "e"]


def test_no_genre_with_enough_films_is_an_error(corpus):
    with pytest.raises(CorpusError, match=r"none of the 5 genres has 9 films or more.* has 2"):
        choose_genres(corpus, GenreSettings(minimum_films=9))


def test_merging_joins_targets_and_ignores_what_the_corpus_does_not_have(corpus):
    merged = apply_merges(corpus, {"Funny": ["Comedy", "Comedy film"], "War": ["War film"]})
    assert merged.genres == ("Western", "Noir", "Drama", "Funny")
    assert merged.genre_lists()[2:] == [["Funny"], ["Funny"], ["Noir", "Funny"]]


def test_a_film_under_both_names_has_the_genre_once():
    corpus = Corpus.from_lists(["a"], [["Comedy", "Comedy film"]])
    assert apply_merges(corpus, {"Comedy": ["Comedy film"]}).genre_lists() == [["Comedy"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[merges]\nA = ["B"]\nB = ["A"]', "'B' is an alias of 'A' and has aliases of its own"),
        ('[merges]\nA = ["B"]\nB = ["C"]', "'B' is an alias of 'A' and has aliases of its own"),
        ('[merges]\nA = ["A"]', "'A' is an alias of 'A'"),
        ('[merges]\nA = ["C"]\nB = ["C"]', "'C' is an alias of both 'A' and 'B'"),
        ('[merges]\nA = "B"', "'A': expected a list of names"),
        ("[merges]\nA = [1]", "'A': expected a list of names"),
        ('[merge]\nA = ["B"]', r"expected one table \[merges\], found merge"),
        ("merges = 3", r"expected one table \[merges\]"),
        ("", "found nothing"),
        ("[merges", "not TOML"),
    ],
)
def test_a_map_of_merges_that_makes_no_sense(tmp_path, text, message):
    path = tmp_path / "merges.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_merges(path)


def test_a_map_of_merges_is_read(tmp_path):
    path = tmp_path / "merges.toml"
    path.write_text('[merges]\n"Comedy" = ["Comedy film", "Comdedy"]\n')
    assert read_merges(path) == {"Comedy": ["Comedy film", "Comdedy"]}
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        read_merges(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum_films": -1},
        {"without_genre": "perhaps"},
        {"merges": {"A": ["B"], "B": ["A"]}},
        {"minimum": 3},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        GenreSettings(**wrong)


GROUPS = {"Comedy": ["Comedy", "Romantic comedy"], "Romance": ["Romantic comedy", "Romance Film"]}


def test_groups_are_the_whole_vocabulary():
    films = Corpus.from_lists(
        ["a", "b", "c", "d"],
        [["Romantic comedy"], ["Comedy", "Indie"], ["Indie"], ["Romance Film"]],
    )
    chosen = choose_genres(films, GenreSettings(groups=GROUPS, minimum_films=1))
    assert chosen.corpus.genres == ("Comedy", "Romance")
    # A genre of two groups counts in both; the film of "Indie" alone is out.
    assert chosen.corpus.Y.tolist() == [[True, True], [True, False], [False, True]]
    assert (chosen.without_genre, chosen.dropped) == (1, True)


def test_groups_and_merges_exclude_each_other():
    with pytest.raises(ValidationError, match="merges must be empty"):
        GenreSettings(groups=GROUPS, merges={"Comedy": ["Comedy film"]})


def test_groups_from_a_file(tmp_path):
    path = tmp_path / "groups.toml"
    path.write_text('[groups]\nComedy = ["Comedy", "Parody"]\nRomance = ["Parody"]')
    assert read_groups(path) == {"Comedy": ["Comedy", "Parody"], "Romance": ["Parody"]}
    with pytest.raises(RecipeError, match=r"expected one table \[merges\], found groups"):
        read_merges(path)
    path.write_text("[groups]")
    with pytest.raises(RecipeError, match=r"the table \[groups\] is empty"):
        read_groups(path)
