import numpy as np
import pytest

from plotgenre.corpus.films import Corpus, Film, targets
from plotgenre.errors import InputError


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_lists(
        plots=["a", "b", "c"],
        genres=[["Drama", "Action"], [], ["Comedy"]],
        titles=["A", None, "C"],
        years=[1999, 2000, None],
    )


def test_from_lists_orders_the_vocabulary_by_name_and_numbers_the_films(corpus):
    assert corpus.genres == ("Action", "Comedy", "Drama")
    assert corpus.ids == ["1", "2", "3"]
    assert corpus.Y.tolist() == [[True, False, True], [False] * 3, [False, True, False]]


def test_an_item_is_a_film(corpus):
    assert corpus[0] == Film("a", ("Action", "Drama"), "1", "A", 1999)
    assert [film.id for film in corpus] == ["1", "2", "3"]
    assert corpus[-1].title == "C"


def test_films_and_corpus_are_two_forms_of_one_thing(corpus):
    again = Corpus.from_films(list(corpus))
    assert list(again) == list(corpus)
    assert again.genres == corpus.genres


def test_genre_lists_give_back_what_from_lists_took(corpus):
    assert corpus.genre_lists() == [["Action", "Drama"], [], ["Comedy"]]


def test_titles_that_nobody_knows_are_no_titles():
    corpus = Corpus.from_films([Film("a", ("x",), "1")])
    assert corpus.titles is None
    assert corpus.years is None


def test_take_follows_the_rows_and_may_repeat_them(corpus):
    taken = corpus.take([2, 0, 0])
    assert taken.plots == ["c", "a", "a"]
    assert taken.titles == ["C", "A", "A"]
    assert taken.years == [None, 1999, 1999]
    assert taken.genre_lists() == [["Comedy"], ["Action", "Drama"], ["Action", "Drama"]]
    assert taken.genres == corpus.genres


def test_take_by_mask_and_take_of_nothing(corpus):
    assert corpus.take(np.array([True, False, True])).plots == ["a", "c"]
    assert len(corpus.take([])) == 0
    with pytest.raises(InputError, match="mask"):
        corpus.take(np.array([True]))


def test_with_genres_reorders_drops_and_adds(corpus):
    other = corpus.with_genres(["Drama", "Western", "Comedy"])
    assert other.genres == ("Drama", "Western", "Comedy")
    assert other.Y.astype(int).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert corpus.with_genres([]).Y.shape == (3, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["1"]}, "2 plots need as many ids, got 1"),
        ({"titles": ["x"]}, "titles"),
        ({"years": [1, 2, 3]}, "years"),
        ({"Y": np.zeros((2, 3), bool)}, r"Y of shape \(2, 2\), got \(2, 3\)"),
        ({"Y": np.zeros((2, 2))}, "bool, got float64"),
        ({"genres": ("x", "x")}, "'x' stands 2 times"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    fitting = {
        "plots": ["a", "b"],
        "genres": ("x", "y"),
        "Y": np.zeros((2, 2), bool),
        "ids": ["1", "2"],
    }
    with pytest.raises(InputError, match=message):
        Corpus(**(fitting | change))


def test_targets_agree_with_scikit_learn():
    binarizer = pytest.importorskip("sklearn.preprocessing").MultiLabelBinarizer
    rng = np.random.default_rng(0)
    vocabulary = [f"g{j}" for j in range(17)]
    lists = [
        rng.choice(vocabulary, size=rng.integers(0, 6), replace=False).tolist() for _ in range(200)
    ]
    expected = binarizer(classes=vocabulary).fit_transform(lists)
    assert (targets(lists, vocabulary) == expected.astype(bool)).all()


def test_an_unknown_genre_is_named_or_left_out_on_request():
    with pytest.raises(InputError, match=r"film 1 .*'Western'"):
        targets([["Drama"], ["Drama", "Western"]], ["Drama"])
    ignored = targets([["Drama"], ["Western"]], ["Drama"], unknown="ignore")
    assert ignored.tolist() == [[True], [False]]


def test_a_bare_text_is_not_a_list_of_genres():
    with pytest.raises(InputError, match="list of names, got the text 'Drama'"):
        targets(["Drama"], ["Drama"])


def test_no_films_and_no_genres_are_empty_targets():
    assert targets([], ["x"]).shape == (0, 1)
    assert targets([[], []], []).shape == (2, 0)


def test_films_per_genre_counts_in_vocabulary_order():
    corpus = Corpus.from_lists(["a", "b"], [["X"], ["Y", "X"]], vocabulary=["Z", "Y", "X"])
    assert corpus.films_per_genre() == {"Z": 0, "Y": 1, "X": 2}
