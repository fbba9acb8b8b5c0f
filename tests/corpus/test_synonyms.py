"""Which names are one genre, which are not, and the file that train reads."""

import pytest

from plotgenre.corpus import Corpus, read_corpus
from plotgenre.corpus.genres import apply_merges, read_merges
from plotgenre.corpus.synonyms import find_synonyms, merge_map, normalised_name, write_merges


def corpus(**films_of):
    lists = [list(names.split("+")) for names, films in films_of.items() for _ in range(films)]
    return Corpus.from_lists([f"plot {i}" for i in range(len(lists))], lists)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Comedy", "Comedy film"),
        ("Biographical film", "Biopic [feature]"),
        ("Biography", "biographical films"),
        ("Horror Comedy", "Comedy horror"),
        ("Romance Film", "Romantic"),
        ("Sci-Fi", "Science Fiction"),
        ("Gross out", "Gross-out film"),
        ("Sports", "Sport"),
        ("Children’s", "Children's"),
    ],
)
def test_same_names(one, other):
    assert normalised_name(one) == normalised_name(other) != ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Comedy", "Action Comedy"),
        ("Music", "Musical"),
        ("Animals", "Animation"),
        ("Action", "Action/Adventure"),
        ("Romance Film", "Romantic drama"),
    ],
)
def test_other_names(one, other):
    assert normalised_name(one) != normalised_name(other)


def test_a_name_of_empty_words_is_like_no_other():
    assert normalised_name("Film") == ()
    assert find_synonyms(corpus(**{"Film": 30, "Movies": 30})) == []


def test_a_rare_misspelling_is_merged_and_a_common_word_is_not():
    assert merge_map(find_synonyms(corpus(**{"Comedy": 30, "Comdedy": 2}))) == {
        "Comedy": ["Comdedy"]
    }
    assert merge_map(find_synonyms(corpus(**{"Comedy": 30, "Comdedy": 20}))) == {}


def test_a_subgenre_is_never_merged():
    films = corpus(**{"Comedy+Action Comedy": 85, "Comedy": 15})
    (found,) = find_synonyms(films)
    assert not found.merge
    assert merge_map([found]) == {}


def test_genres_of_the_same_films_are_merged():
    films = corpus(**{"Experimental+Avant-garde": 25, "Experimental": 3})
    assert merge_map(find_synonyms(films)) == {"Experimental": ["Avant-garde"]}
    few = corpus(**{"Experimental+Avant-garde": 8})
    assert [one.merge for one in find_synonyms(few)] == [False]


def test_a_group_keeps_its_commonest_name():
    films = corpus(**{"Biography": 3, "Biopic": 9, "Biographical film": 5, "Drama": 50})
    assert merge_map(find_synonyms(films)) == {"Biopic": ["Biographical film", "Biography"]}


def test_the_file_is_one_that_train_reads(tmp_path):
    hostile = 'A "b"\n]\x7f[x] film'
    films = corpus(**{"Comedy": 9, "Comedy film": 2, hostile: 1, 'a b ""': 3, "X+Y\nz = 1": 9})
    found = find_synonyms(films)
    assert any(not one.merge for one in found)
    write_merges(found, tmp_path / "merges.toml")
    merges = read_merges(tmp_path / "merges.toml")
    assert merges == merge_map(found)
    assert merges["Comedy"] == ["Comedy film"]
    assert "Comedy film" not in apply_merges(films, merges).genres


def test_no_synonyms_are_an_empty_map(tmp_path):
    write_merges([], tmp_path / "merges.toml")
    assert read_merges(tmp_path / "merges.toml") == {}


def test_real_genres(shared_data):
    merges = merge_map(find_synonyms(read_corpus(shared_data / "films" / "test.parquet")))
    assert merges["Comedy"] == ["Comedy film"]
    assert set(merges["Biographical film"]) == {"Biography", "Biopic [feature]"}
    aliases = {alias for group in merges.values() for alias in group}
    assert not aliases & {"Action Comedy", "Romantic comedy", "Action/Adventure", "Black comedy"}
