"""Similar films: nearest mixes by hand, the index on disk, and what it refuses."""

import numpy as np
import pytest

from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.calibration import sigmoid
from plotgenre.similar import SimilarFilms


@pytest.fixture(scope="module")
def films(fitted, film_lists):
    plots = film_lists[0]
    return SimilarFilms(fitted).fit(plots, [f"f{i}" for i in range(len(plots))])


def test_likeness_by_hand(films):
    roots = np.sqrt(sigmoid(films.logits_).astype(np.float64))
    mixes = roots - roots.mean(axis=0)
    mixes /= np.linalg.norm(mixes, axis=1, keepdims=True)
    expected = mixes @ mixes[5]
    found = films.query_film("f5", k=len(mixes))
    assert len(found) == len(mixes) - 1
    for one in found:
        assert one.likeness == pytest.approx(expected[one.row], abs=1e-4)
        assert one.id == f"f{one.row}"
    likenesses = [one.likeness for one in found]
    assert likenesses == sorted(likenesses, reverse=True)
    assert likenesses[0] > 0.9 > 0 > likenesses[-1]


def test_a_plot_of_the_corpus_is_like_itself(films, film_lists):
    (first, *_) = films.query(film_lists[0][7], k=3)
    assert (first.id, round(first.likeness, 4)) == ("f7", 1.0)


def test_genres_in_common_are_those_of_both(films, fitted, film_lists):
    plots = film_lists[0]
    own = fitted.predict([plots[0]])[0]
    assert own
    for one in films.query(plots[0], k=len(plots)):
        theirs = fitted.predict([plots[one.row]])[0]
        assert list(one.genres) == [genre for genre in own if genre in theirs]


def test_neighbours_share_true_genres(films, film_lists):
    genres = film_lists[1]
    shared = [
        bool(set(genres[i]) & set(genres[one.row]))
        for i in range(0, 90, 9)
        for one in films.query_film(f"f{i}", k=5)
    ]
    assert np.mean(shared) > 0.8


def test_one_film_is_its_own_mean(fitted, film_lists):
    (only,) = SimilarFilms(fitted).fit(film_lists[0][:1]).query("a ghost")
    assert (only.id, only.likeness) == ("1", 0.0)


def test_there_and_back(films, fitted, film_lists, tmp_path):
    films.save(tmp_path / "new" / "index.safetensors")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["index.safetensors"]
    again = SimilarFilms.load(
        tmp_path / "new" / "index.safetensors", fitted, film_lists[0], films.ids_
    )
    np.testing.assert_array_equal(again.logits_, films.logits_)
    found, expected = again.query_film("f3"), films.query_film("f3")
    assert [(one.id, one.genres) for one in found] == [(one.id, one.genres) for one in expected]
    likeness = [[one.likeness for one in side] for side in (found, expected)]
    np.testing.assert_allclose(*likeness, atol=1e-6)


@pytest.fixture
def index(films, tmp_path):
    films.save(tmp_path / "index")
    return tmp_path / "index"


def test_another_corpus(index, films, fitted, film_lists):
    plots, ids = [*film_lists[0][:-1], "changed"], films.ids_
    with pytest.raises(ArtefactError, match="is an index of other films"):
        SimilarFilms.load(index, fitted, plots, ids)
    with pytest.raises(ArtefactError, match="is an index of other films"):
        SimilarFilms.load(index, fitted, film_lists[0], [*ids[:-1], "other"])


def test_another_model(index, films, fitted, film_lists):
    import copy

    other = copy.copy(fitted).add_genre("X", film_lists[0])
    with pytest.raises(ArtefactError, match="is an index of another model"):
        SimilarFilms.load(index, other, film_lists[0], films.ids_)


def test_damage(index, films, fitted, film_lists):
    data = bytearray(index.read_bytes())
    data[-1] ^= 1
    index.write_bytes(data)
    with pytest.raises(ArtefactError, match="is damaged: its SHA-256"):
        SimilarFilms.load(index, fitted, film_lists[0], films.ids_)
    index.write_bytes(data[:100])
    with pytest.raises(ArtefactError, match="cannot be read as an index"):
        SimilarFilms.load(index, fitted, film_lists[0], films.ids_)


def test_refusals(films, fitted, film_lists):
    with pytest.raises(InputError, match="not fitted yet"):
        SimilarFilms(fitted).query("a ghost")
    with pytest.raises(InputError, match="k must be 1 or more, got 0"):
        films.query("a ghost", k=0)
    with pytest.raises(InputError, match="no film has the id 'x'; expected one such as f0, f1"):
        films.query_film("x")
    with pytest.raises(InputError, match=r"2 plots and 2 ids \(1 different\)"):
        SimilarFilms(fitted).fit(film_lists[0][:2], ["a", "a"])
    with pytest.raises(InputError, match="expected a text"):
        films.query("")
