"""A model of several branches: fitted, joined, saved and read back."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.artefact import read_artefact, write_artefact
from plotgenre.branches.branch import Progress
from plotgenre.branches.lexical import LexicalBranch
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import ArtefactError, InputError, RecipeError
from plotgenre.json_files import write_digested
from plotgenre.learning.calibration import fit_calibration, sigmoid
from plotgenre.learning.sparse_fitting import GenresFitted
from plotgenre.learning.thresholds import tune_thresholds
from plotgenre.lexicon.reading import PlotsRead
from plotgenre.model.folder import load_model, save_model


@pytest.fixture(scope="module")
def fused_recipe(film_recipe):
    return film_recipe.with_settings({"branches.lexical": True, "calibration.method": "shared"})


@pytest.fixture(scope="module")
def fused(film_lists, fused_recipe):
    return GenreClassifier(fused_recipe).fit(*film_lists)


@pytest.fixture(scope="module")
def lexical(film_lists, words_recipe):
    return GenreClassifier(words_recipe).fit(*film_lists)


def test_both_branches_are_fitted_and_joined(fused, fitted, film_lists):
    plots = film_lists[0]
    semantic, words = fused.branches_["semantic"], fused.branches_["lexical"]
    assert isinstance(semantic, SemanticBranch)
    assert isinstance(words, LexicalBranch)
    # The semantic branch is what it is on its own.
    np.testing.assert_array_equal(semantic.logits(plots), fitted.decision_function(plots))
    (a, b), bias = fused.calibration_.weights, fused.calibration_.biases
    expected = a * semantic.logits(plots) + b * words.logits(plots) + bias
    np.testing.assert_allclose(fused.decision_function(plots), expected, atol=1e-5)
    assert (np.abs([a, b]) > 0.05).all()


def test_the_calibration_saw_validation_films_only(fused, fused_recipe, film_lists):
    plots, genres = film_lists
    model = GenreClassifier(fused_recipe.with_settings({"split": {}}))
    model.fit(plots[:60], genres[:60], validation=(plots[60:], genres[60:]))
    Y = np.array([[name in film for name in model.classes_] for film in genres[60:]])
    logits = [branch.logits(plots[60:]) for branch in model.branches_.values()]
    again = fit_calibration(logits, Y, fused_recipe.calibration)
    np.testing.assert_array_equal(again.weights, model.calibration_.weights)
    np.testing.assert_array_equal(again.biases, model.calibration_.biases)
    P = sigmoid(again.logits(logits))
    np.testing.assert_array_equal(P, model.predict_proba(plots[60:]))
    alone = fit_calibration(logits[1:], Y, fused_recipe.calibration)
    fast = model.model_.words_alone()
    np.testing.assert_array_equal(fast.calibration.weights, alone.weights)
    tuned = tune_thresholds(sigmoid(alone.logits(logits[1:])), Y, fused_recipe.thresholds)
    np.testing.assert_array_equal(fast.thresholds, tuned)


def test_a_joined_model_is_kept(fused, film_lists, tmp_path):
    fused.save(tmp_path / "model", bundle_encoder=True)
    again = GenreClassifier.load(tmp_path / "model")
    np.testing.assert_allclose(
        again.predict_proba(film_lists[0]), fused.predict_proba(film_lists[0]), atol=1e-5
    )
    assert list(again.branches_) == ["semantic", "lexical"]
    save_model(again.model_, tmp_path / "copy")
    kept, first = (read_artefact(tmp_path / name).tensors for name in ("copy", "model"))
    assert kept.keys() == first.keys()
    assert all((kept[name] == first[name]).all() for name in first)


def test_words_alone_need_no_encoder(lexical, film_lists, tmp_path):
    assert list(lexical.branches_) == ["lexical"]
    assert lexical.history_ is None
    assert lexical.score(*film_lists) > 0.65
    lexical.save(tmp_path / "model", bundle_encoder=True)
    assert not (tmp_path / "model" / "encoder").exists()
    assert read_artefact(tmp_path / "model").encoder == {}
    again = GenreClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(
        again.predict_proba(film_lists[0]), lexical.predict_proba(film_lists[0])
    )


def test_fast_is_the_lexical_branch_calibrated_alone(fused, lexical, film_lists, tmp_path):
    fused.save(tmp_path / "model")
    # Nothing of the encoder is read, not even whether it is there.
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["recipe"]["encoder"]["name"] = "not/there"
    write_digested(tmp_path / "model" / "config.json", config)
    fast = GenreClassifier.load(tmp_path / "model", fast=True)
    alone = lexical.model_
    plots = film_lists[0]
    np.testing.assert_array_equal(
        fast.branches_["lexical"].logits(plots), alone.branches["lexical"].logits(plots)
    )
    # `lexical` has no calibration of its own; `fused` fitted one on its validation films.
    (weights,), biases = fast.calibration_.weights, fast.calibration_.biases
    expected = alone.branches["lexical"].logits(plots) * weights + biases
    np.testing.assert_allclose(fast.decision_function(plots), expected, atol=1e-6)
    assert fast.score(*film_lists) > 0.65
    fast.save(tmp_path / "fast")
    again = GenreClassifier.load(tmp_path / "fast")
    np.testing.assert_array_equal(again.predict_proba(plots), fast.predict_proba(plots))
    assert not again.recipe_.branches.semantic


def test_fast_needs_words(fitted, lexical, fused, film_lists, tmp_path):
    fitted.save(tmp_path / "semantic")
    with pytest.raises(InputError, match="has no lexical branch"):
        GenreClassifier.load(tmp_path / "semantic", fast=True)
    lexical.save(tmp_path / "lexical")
    same = GenreClassifier.load(tmp_path / "lexical", fast=True)
    np.testing.assert_array_equal(
        same.predict_proba(film_lists[0]), lexical.predict_proba(film_lists[0])
    )
    save_model(replace(fused.model_, fast=None), tmp_path / "older")
    with pytest.raises(InputError, match="cannot read words alone"):
        GenreClassifier.load(tmp_path / "older", fast=True)


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("fast.thresholds", np.full(4, 2.0, np.float32), "numbers from 0 to 1"),
        ("fast.thresholds", None, "numbers from 0 to 1"),
        ("fast.weights", np.zeros((2, 4), np.float32), "calibration tensor 'weights'"),
    ],
)
def test_damaged_fast_tensors_are_refused(fused, tmp_path, name, tensor, sentence):
    fused.save(tmp_path / "model")
    artefact = read_artefact(tmp_path / "model")
    tensors = dict(artefact.tensors) | {name: tensor}
    if tensor is None:
        del tensors[name]
    write_artefact(tmp_path / "model", replace(artefact, tensors=tensors))
    with pytest.raises(ArtefactError, match=sentence):
        GenreClassifier.load(tmp_path / "model")


def test_words_alone_refuse_an_encoder(lexical, tmp_path):
    lexical.save(tmp_path / "model")
    with pytest.raises(InputError, match="reads words alone: it has no encoder"):
        GenreClassifier.load(tmp_path / "model", encoder=EncoderSettings())


def test_words_alone_load_without_torch_or_scikit_learn(lexical, tmp_path):
    lexical.save(tmp_path / "model")
    code = (
        "import sys; from plotgenre import GenreClassifier; "
        f"print(GenreClassifier.load({str(tmp_path / 'model')!r}).tag('a ghost in the cellar')); "
        "print([name for name in ('torch', 'sklearn', 'scipy', 'onnxruntime', 'tokenizers') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answer, loaded = done.stdout.splitlines()
    assert "Horror" in answer
    assert loaded == "[]"


def test_progress_of_both_branches(fused_recipe, film_lists):
    epochs, told = [], []
    recipe = fused_recipe.with_settings({"training.max_epochs": 2})
    listeners = Progress(epoch=epochs.append, lexical=told.append)
    GenreClassifier(recipe).fit(*film_lists, progress=listeners)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert [one.what for one in told if isinstance(one, PlotsRead)] == ["words", "pairs", "rows"]
    genres = [one for one in told if isinstance(one, GenresFitted)]
    assert [(one.done, one.total) for one in genres] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_interrupted_fit_goes_on(fused, fused_recipe, film_lists, tmp_path):
    class StopError(Exception):
        pass

    def stop(told):
        if told.epoch == 2:
            raise StopError

    with pytest.raises(StopError):
        GenreClassifier(fused_recipe).fit(
            *film_lists, checkpoints=tmp_path, progress=Progress(epoch=stop)
        )
    epochs, genres = [], []
    resumed = GenreClassifier(fused_recipe).fit(
        *film_lists,
        checkpoints=tmp_path,
        progress=Progress(
            epoch=epochs.append,
            lexical=lambda told: genres.append(told) if isinstance(told, GenresFitted) else None,
        ),
    )
    assert epochs[0].epoch == 3
    assert [(one.done, one.total) for one in genres] == [(4, 4)]
    np.testing.assert_array_equal(
        resumed.predict_proba(film_lists[0]), fused.predict_proba(film_lists[0])
    )


@pytest.mark.parametrize(
    ("branches", "words"),
    [
        ({"semantic": True, "lexical": False}, "no branch for the tensor 'lexical.head.bias'"),
        ({"semantic": False, "lexical": True}, "no branch for the tensor 'hidden.bias'"),
    ],
)
def test_tensors_without_a_branch_are_refused(fused, tmp_path, branches, words):
    fused.save(tmp_path / "model")
    artefact = read_artefact(tmp_path / "model")
    recipe = artefact.recipe | {"branches": branches}
    write_artefact(tmp_path / "odd", replace(artefact, recipe=recipe))
    with pytest.raises(ArtefactError, match=words):
        load_model(tmp_path / "odd")


def test_a_branch_without_tensors_is_refused(fused, tmp_path):
    fused.save(tmp_path / "model")
    artefact = read_artefact(tmp_path / "model")
    kept = {name: x for name, x in artefact.tensors.items() if not name.startswith("lexical.")}
    write_artefact(tmp_path / "odd", replace(artefact, tensors=kept))
    with pytest.raises(ArtefactError, match="is missing"):
        load_model(tmp_path / "odd")


def test_a_model_needs_a_branch(film_recipe):
    with pytest.raises(RecipeError, match="semantic or lexical must be true"):
        film_recipe.with_settings({"branches.semantic": False})


def test_models_side_by_side_share_one_encoder(fused, fitted, film_lists, tmp_path):
    fused.save(tmp_path / "one", bundle_encoder=True)
    fitted.save(tmp_path / "two")
    (tmp_path / "one" / "encoder").rename(tmp_path / "encoder")
    for name, model in (("one", fused), ("two", fitted)):
        again = GenreClassifier.load(tmp_path / name)
        assert again.model_.encoder.name == str(tmp_path / "encoder")
        np.testing.assert_allclose(
            again.predict_proba(film_lists[0]), model.predict_proba(film_lists[0]), atol=1e-5
        )


@pytest.mark.parametrize("described", [None, "not JSON", '{"fingerprint": "another"}'])
def test_a_stranger_called_encoder_beside_the_model_is_not_its_encoder(
    fitted, film_lists, tmp_path, described
):
    fitted.save(tmp_path / "model")
    (tmp_path / "encoder").mkdir()
    if described is not None:
        (tmp_path / "encoder" / "encoder.json").write_text(described)
    again = GenreClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(
        again.predict_proba(film_lists[0]), fitted.predict_proba(film_lists[0])
    )
