"""A genre added to a fitted model: beside the others, kept in the folder, nonsense refused."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from plotgenre import GenreClassifier
from plotgenre.embedding.encoders import load_encoder
from plotgenre.errors import ArtefactError, InputError
from plotgenre.model.adding import with_genre
from plotgenre.model.folder import load_model, save_model


@pytest.fixture
def model(fitted):
    """A copy: adding changes it."""
    return copy.copy(fitted)


@pytest.fixture(scope="module")
def plots(film_lists):
    return film_lists[0]


def test_known_genres_stay_as_they_are(model, fitted, plots):
    before = fitted.decision_function(plots)
    again = model.add_genre("Ghost story", plots, description="a ghost in an old house")
    assert again is model
    assert list(model.classes_) == [*fitted.classes_, "Ghost story"]
    logits = model.decision_function(plots)
    assert logits.shape == (len(plots), 5)
    np.testing.assert_array_equal(logits[:, :4], before)
    assert model.thresholds_[-1] == np.median(fitted.thresholds_)
    assert model.train_films_["Ghost story"] == 0
    assert list(fitted.classes_) == [*model.classes_[:-1]]


def test_examples_find_their_like(model, film_lists):
    plots, genres = film_lists
    # A genre of which the model knows only examples: half of the films of Horror.
    horror = np.array(["Horror" in film for film in genres])
    examples = [plot for plot, on in zip(plots[:45], horror[:45], strict=True) if on]
    model.add_genre("X", plots, examples=examples, share=0.3)
    P = model.predict_proba(plots[45:])[:, -1]
    assert P[horror[45:]].mean() > P[~horror[45:]].mean() + 0.05
    ranked = np.argsort(-P)[: horror[45:].sum()]
    assert horror[45:][ranked].mean() > 0.7


def test_genres_are_asked_for_and_plots_are_read(model, plots, film_recipe):
    asking = replace(film_recipe.encoder, query_prompt="Which film: ")
    branch = model.model_.semantic()
    other = replace(
        model.model_,
        branches={
            "semantic": replace(
                branch, embedder=replace(branch.embedder, encoder=load_encoder(asking))
            )
        },
    )
    plain, asked = (with_genre(one, "X", plots, "a ghost") for one in (model.model_, other))
    np.testing.assert_array_equal(plain.read(plots)[0].vectors, asked.read(plots)[0].vectors)
    encoder = branch.embedder.encoder
    for found, word in ((plain, ""), (asked, "Which film: ")):
        query = encoder.encode([f"{word}X: a ghost"])
        query /= np.linalg.norm(query)
        cosine = found.added.queries @ query.T / np.linalg.norm(found.added.queries)
        assert cosine.item() == pytest.approx(1, abs=1e-5)
    assert not np.allclose(plain.added.mixes, asked.added.mixes)


def test_description_and_share_are_read(model, plots):
    base = model.model_
    one = with_genre(base, "X", plots, "a ghost in the cellar")
    other = with_genre(base, "X", plots, "a taxi in the morning")
    assert not np.allclose(one.added.queries, other.added.queries)
    np.testing.assert_array_equal(one.added.mixes, other.added.mixes)
    rare = with_genre(base, "X", plots, "a ghost in the cellar", share=0.01)
    assert rare.added.biases[0] < one.added.biases[0]


def test_two_genres_are_kept_in_the_folder(model, plots, tmp_path):
    model.add_genre("X", plots, description="a ghost").add_genre("Y", plots, examples=plots[:3])
    model.save(tmp_path / "model")
    again = GenreClassifier.load(tmp_path / "model")
    assert list(again.classes_[-2:]) == ["X", "Y"]
    np.testing.assert_array_equal(again.predict_proba(plots), model.predict_proba(plots))
    np.testing.assert_array_equal(again.thresholds_, model.thresholds_)
    assert again.predict(plots) == model.predict(plots)
    save_model(again.model_, tmp_path / "copy")
    kept, first = (load_file(tmp_path / name / "head.safetensors") for name in ("copy", "model"))
    assert kept.keys() == first.keys()
    assert all((kept[name] == first[name]).all() for name in first)


def test_each_genre_changes_the_fingerprint(model, fitted, plots, saved_model):
    assert load_model(saved_model).fingerprint() == fitted.model_.fingerprint()
    one = with_genre(fitted.model_, "X", plots, "a ghost")
    other = with_genre(fitted.model_, "X", plots, "a taxi")
    assert len({m.fingerprint() for m in (fitted.model_, one, other)}) == 3


def test_damaged_tensors_are_refused(model, plots, tmp_path, monkeypatch):
    model.add_genre("X", plots)
    broken = model.model_.added.tensors() | {"spreads": -model.model_.added.spreads}
    monkeypatch.setattr(type(model.model_.added), "tensors", lambda self: broken)
    model.save(tmp_path / "model")
    with pytest.raises(ArtefactError, match="a spread is not above 0"):
        GenreClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (" ", {}, "the name of a genre must be a text, got ' '"),
        ("X", {"description": ""}, "the description of a genre must be a text, got ''"),
        ("Horror", {}, "has the genre 'Horror' already"),
        ("X", {"examples": []}, "examples are empty"),
        ("X", {"examples": [""]}, "plot 0 .* expected a text"),
        ("X", {"share": 2}, "share must lie between 0 and 1, got 2"),
    ],
)
def test_senseless_arguments(model, fitted, plots, name, options, sentence):
    with pytest.raises(InputError, match=sentence):
        model.add_genre(name, plots, **options)
    assert list(model.classes_) == list(fitted.classes_)


def test_too_few_plots(model, plots):
    with pytest.raises(InputError, match="needs 20 plots or more to find its scale, got 19"):
        model.add_genre("X", plots[:19])


def test_words_alone_are_refused(film_lists, words_recipe):
    model = GenreClassifier(words_recipe).fit(*film_lists)
    with pytest.raises(InputError, match="reads words alone"):
        model.add_genre("X", film_lists[0])


def test_not_fitted(film_recipe, plots):
    with pytest.raises(InputError, match="not fitted yet"):
        GenreClassifier(film_recipe).add_genre("X", plots)


def test_fast_reading_leaves_added_genres_out(film_recipe, film_lists, tmp_path):
    recipe = film_recipe.with_settings({"branches.lexical": True, "training.max_epochs": 2})
    model = GenreClassifier(recipe).fit(*film_lists)
    known = list(model.classes_)
    model.add_genre("Ghost story", film_lists[0]).save(tmp_path / "model")
    assert list(GenreClassifier.load(tmp_path / "model").classes_) == [*known, "Ghost story"]
    fast = GenreClassifier.load(tmp_path / "model", fast=True)
    assert list(fast.classes_) == known
    assert fast.predict_proba(film_lists[0]).shape == (len(film_lists[0]), len(known))


def test_an_added_genre_is_explained_by_sentences_alone(film_recipe, film_lists):
    recipe = film_recipe.with_settings({"branches.lexical": True, "training.max_epochs": 2})
    plots = film_lists[0]
    model = GenreClassifier(recipe).fit(*film_lists).add_genre("Ghost story", plots)
    old, new = model.explain(plots[0], [model.classes_[0], "Ghost story"])
    assert old.words
    assert not new.words
    assert new.sentences
