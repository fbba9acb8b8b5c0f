"""The lexical branch: vocabulary and sparse head joined."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load, save, save_file

from plotgenre.branches import lexical
from plotgenre.branches.lexical import LexicalBranch, LexicalSettings, fit_lexical
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.priors import log_odds
from plotgenre.learning.sparse_fitting import GenresFitted
from plotgenre.lexicon.reading import PlotsRead

UNSEEN = ["A ghost in the cellar.", "They share a taxi.", "", "A soldier in love"]


@pytest.fixture(scope="module")
def train(film_lists):
    plots, genres = film_lists
    names = sorted({name for film in genres for name in film})
    return plots, np.array([[name in film for name in names] for film in genres])


@pytest.fixture(scope="module")
def branch(train):
    return fit_lexical(train, LexicalSettings())


def test_it_learns_which_words_give_a_genre_away(branch, train):
    # Comedy, Horror, Opera, Romance, War; Opera stands for nothing.
    logits = branch.logits(UNSEEN)
    assert logits.shape == (4, 5)
    assert logits.dtype == np.float32
    assert logits[:2].argmax(axis=1).tolist() == [1, 0]
    assert set(np.argsort(-logits[3])[:2]) == {3, 4}
    right = (branch.logits(train[0]) > 0) == train[1]
    assert np.delete(right, 2, axis=1).mean() > 0.97


def test_chunks_change_nothing(branch, monkeypatch):
    whole = branch.logits(UNSEEN)
    monkeypatch.setattr(lexical, "CHUNK_FILMS", 3)
    assert (branch.logits(UNSEEN) == whole).all()
    assert branch.logits([]).shape == (0, 5)


@pytest.mark.parametrize("plot", ["", " \n", "a . !", "zzz qqq", "\u6f22\u5b57"])
def test_a_plot_without_a_known_word_has_the_priors(branch, train, plot):
    np.testing.assert_allclose(branch.logits([plot])[0], log_odds(train[1]), rtol=1e-6)
    assert (branch.logits([UNSEEN[0], plot])[0] == branch.logits(UNSEEN)[0]).all()


def test_one_word_is_not_believed_like_a_plot(branch):
    (word,) = branch.logits(["Ghost"])
    rows = branch.vocabulary.rows(["Ghost"])
    assert len(rows.values) == 1
    # One n-gram of ten.
    alone, bias = branch.head.logits(rows)[0], branch.head.tensors["bias"]
    np.testing.assert_allclose(word - bias, (alone - bias) * np.sqrt(0.1), rtol=1e-4, atol=1e-5)
    _, contributions = branch.contributions("Ghost")
    np.testing.assert_allclose(contributions.sum(axis=0), word - bias, rtol=1e-4, atol=1e-5)


def test_characters_know_a_misspelt_word(branch, train):
    spelt = fit_lexical(train, LexicalSettings(characters=(3, 4), maximum_characters=500))
    misspelt = ["ghostly cellars"]
    np.testing.assert_allclose(branch.logits(misspelt)[0], log_odds(train[1]), rtol=1e-6)
    assert spelt.logits(misspelt)[0].argmax() == 1
    assert spelt.logits(misspelt)[0, 1] > 0
    back = LexicalBranch.of_tensors(load(save(dict(spelt.tensors()))), 5)
    assert (back.logits(UNSEEN) == spelt.logits(UNSEEN)).all()


def test_contributions_and_biases_are_the_logits(branch, train):
    plot = train[0][0]
    ngrams, added = branch.contributions(plot)
    assert added.shape == (len(ngrams), 5)
    assert len(ngrams) > 5
    bias = branch.head.tensors["bias"]
    np.testing.assert_allclose(added.sum(axis=0) + bias, branch.logits([plot])[0], atol=1e-5)
    texts = [branch.vocabulary.text(ngram) for ngram in ngrams]
    assert set(texts) & set(plot.split())


def test_settings_of_both_parts_are_read(train):
    small = LexicalSettings(maximum_ngrams=12, longest=1, maximum_weights=9)
    branch = fit_lexical(train, small)
    assert len(branch.vocabulary) == len(branch.vocabulary.words) == 12
    assert len(branch.head.tensors["weights.values"]) == 9
    with pytest.raises(ValidationError, match=r"(?i)unexpected"):
        LexicalSettings(longest=2, trigrams=True)


def test_progress_and_checkpoints(branch, train, tmp_path):
    heard = []
    again = fit_lexical(train, LexicalSettings(), checkpoints=tmp_path, progress=heard.append)
    read = [PlotsRead(what, 90, 90) for what in ("words", "pairs", "rows")]
    assert heard == [*read, *(GenresFitted(done, 5) for done in range(1, 6))]
    assert [file.name for file in tmp_path.iterdir()] == ["head.safetensors"]
    assert (again.logits(UNSEEN) == branch.logits(UNSEEN)).all()


def test_through_safetensors_and_back(branch):
    tensors = load(save(dict(branch.tensors())))
    back = LexicalBranch.of_tensors(tensors, 5)
    assert (back.logits(UNSEEN) == branch.logits(UNSEEN)).all()


def test_prediction_needs_numpy_alone(branch, tmp_path):
    save_file(dict(branch.tensors()), tmp_path / "branch.safetensors")
    code = f"""
import json, sys
for name in ("torch", "sklearn", "scipy"):
    sys.modules[name] = None
from safetensors.numpy import load_file
from plotgenre.branches.lexical import LexicalBranch
branch = LexicalBranch.of_tensors(load_file({str(tmp_path / "branch.safetensors")!r}), 5)
print(json.dumps(branch.logits({UNSEEN!r}).tolist()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(np.float32(json.loads(done.stdout)), branch.logits(UNSEEN))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("lexicon.idf", None, "lexicon tensor 'idf' is missing"),
        ("head.bias", None, "sparse head tensor 'bias' is missing"),
        ("lexicon.other", np.zeros(1), "has no tensor 'lexicon.other'"),
        ("other", np.zeros(1), "has no tensor 'other'"),
        ("head.other", np.zeros(1), "has no tensor 'other'"),
        ("head.bias", np.full(5, np.inf, np.float32), "'bias' has NaN or infinity"),
    ],
)
def test_tensors_that_cannot_be_right(branch, name, value, sentence):
    tensors = {**branch.tensors(), name: value}
    if value is None:
        del tensors[name]
    with pytest.raises(ArtefactError, match=sentence):
        LexicalBranch.of_tensors(tensors, 5)


def test_check_refuses_parts_of_two_branches(branch, train):
    other = fit_lexical(train, LexicalSettings(maximum_ngrams=12))
    with pytest.raises(ArtefactError, match="reads 12 n-grams, the vocabulary has"):
        LexicalBranch(branch.vocabulary, other.head).check()


@pytest.mark.parametrize(
    ("Y", "sentence"),
    [
        (np.ones((3, 2)), r"one row for each of 90 films, got shape \(3, 2\)"),
        (np.full((90, 2), 2), "train targets must be 0 or 1"),
        (np.ones((90, 0)), "train has 90 films and 0 genres"),
    ],
)
def test_targets_that_do_not_fit(train, Y, sentence):
    with pytest.raises(InputError, match=sentence):
        fit_lexical((train[0], Y), LexicalSettings())
