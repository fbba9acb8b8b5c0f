"""Classifiers pass between processes: pickle, joblib, scikit-learn's n_jobs; encoders reopen."""

import copy
import pickle
import shutil

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.embedding.encoders import EncoderSettings, load_encoder, save_encoder
from plotgenre.embedding.store import Store
from plotgenre.errors import EncoderError, MissingExtraError

PLOTS = ["ghost house cellar", "a soldier walks through ruins. " * 20, "love"]


@pytest.fixture(scope="module")
def exported(tiny_masked, tmp_path_factory):
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("pickled") / "encoder"
    save_encoder(EncoderSettings(name=str(tiny_masked)), folder)
    return folder


@pytest.fixture(params=["torch", "onnxruntime", "openvino", "static"])
def settings(request, tiny_masked, tiny_static):
    prompts = {"query_prompt": "Who? "}
    if request.param == "torch":
        return EncoderSettings(name=str(tiny_masked), **prompts)
    if request.param == "static":
        pytest.importorskip("model2vec")
        return EncoderSettings(kind="static", name=str(tiny_static), max_tokens=20, **prompts)
    pytest.importorskip(request.param)
    folder = request.getfixturevalue("exported")
    return EncoderSettings(kind="onnx", name=str(folder), runtime=request.param, **prompts)


@pytest.fixture
def recipe(film_recipe, settings):
    names = ("kind", "name", "runtime", "max_tokens", "query_prompt")
    changes = {f"encoder.{name}": getattr(settings, name) for name in names}
    if settings.kind == "static":
        changes["encoder.precision"] = "auto"
    return film_recipe.with_settings(changes | {"training.max_epochs": 5})


@pytest.fixture
def matrix(film_lists):
    genres = ["Comedy", "Horror", "Romance", "War"]
    return np.array([[genre in names for genre in genres] for names in film_lists[1]], dtype=int)


@pytest.mark.parametrize("how", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_a_copy_answers_alike(recipe, film_lists, tmp_path, monkeypatch, how):
    model = GenreClassifier(recipe, tmp_path / "store").fit(*film_lists)
    model.add_genre("Ship", film_lists[0])
    again = how(model)
    plots = [*PLOTS, "not seen before"]
    np.testing.assert_array_equal(again.predict_proba(plots), model.predict_proba(plots))
    ours, theirs = (one.branches_["semantic"].embedder for one in (again, model))
    assert ours.encoder.card == theirs.encoder.card
    assert ours.store.folder == theirs.store.folder
    assert again.predict(plots) == model.predict(plots)
    assert again.history_ == model.history_
    # What the one encodes the other finds.
    assert ours.store.known(["not seen before"]).all()


def test_joblib_writes_and_reads(recipe, film_lists, tmp_path):
    joblib = pytest.importorskip("joblib")
    model = GenreClassifier(recipe).fit(*film_lists)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.predict_proba(PLOTS), model.predict_proba(PLOTS))


def test_scikit_learn_fits_in_several_processes(given_recipe, film_lists, matrix, exported):
    from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

    changes = {"encoder.kind": "onnx", "encoder.name": str(exported), "training.max_epochs": 3}
    model, plots = GenreClassifier(given_recipe.with_settings(changes)), film_lists[0]
    # Threads of workers add in another order than those of this process.
    one, two = (
        cross_val_predict(model, plots, matrix, cv=2, n_jobs=n, method="predict_proba")
        for n in (1, 2)
    )
    np.testing.assert_allclose(one, two, atol=1e-4)
    folds = cross_validate(model, plots, matrix, cv=2, n_jobs=2, return_estimator=True)
    found = [fold.predict_proba(PLOTS) for fold in folds["estimator"]]
    assert all(P.shape == (3, 4) for P in found)
    search = GridSearchCV(model, {"head__kind": ["linear", "mlp"]}, cv=2, n_jobs=2)
    assert search.fit(plots, matrix).best_estimator_.predict(PLOTS).shape == (3, 4)


@pytest.mark.parametrize("how", ["", "quick", "fast"])
@pytest.mark.parametrize("name", ["films", "standard"])
def test_the_models_of_the_package(name, how):
    model = GenreClassifier.from_pretrained(name, **({how: True} if how else {}))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(PLOTS), model.predict_proba(PLOTS))


def test_an_encoder_is_found_from_another_folder(settings, tmp_path, monkeypatch):
    shutil.copytree(settings.name, tmp_path / "here")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    names = ("kind", "runtime", "query_prompt")
    kept = {key: getattr(settings, key) for key in names}
    encoder = load_encoder(EncoderSettings(name="here", **kept))
    pickled = pickle.dumps(encoder)
    monkeypatch.chdir(tmp_path / "there")
    again = pickle.loads(pickled)
    for query in (False, True):
        ours, theirs = (one.encode(PLOTS, query=query) for one in (again, encoder))
        np.testing.assert_array_equal(ours, theirs)


def test_an_encoder_that_is_gone_or_another_is_refused(settings, tmp_path, request):
    folder = tmp_path / "encoder"
    shutil.copytree(settings.name, folder)
    kept = {key: getattr(settings, key) for key in ("kind", "runtime")}
    pickled = pickle.dumps(load_encoder(EncoderSettings(name=str(folder), **kept)))
    shutil.rmtree(folder)
    with pytest.raises(EncoderError, match="which cannot be opened any more: ") as gone:
        pickle.loads(pickled)
    assert "\n" not in str(gone.value)
    shutil.copytree(another(settings, request, tmp_path), folder)
    with pytest.raises(EncoderError, match="the one there now has") as other:
        pickle.loads(pickled)
    assert "\n" not in str(other.value)


def another(settings, request, tmp_path):
    """An encoder of the same kind with other weights."""
    causal = request.getfixturevalue("tiny_causal")
    if settings.kind == "sentence_transformers":
        return causal
    if settings.kind == "onnx":
        save_encoder(EncoderSettings(name=str(causal)), tmp_path / "other")
        return tmp_path / "other"
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(settings.name)
    model.embedding = model.embedding + 1
    model.save_pretrained(tmp_path / "other")
    return tmp_path / "other"


def test_a_store_is_opened_again_and_sees_what_was_written(tmp_path, settings):
    encoder = load_encoder(settings)
    store = Store(tmp_path / "store", encoder.card)
    pickled = pickle.dumps(store)
    store.write(PLOTS, encoder.encode(PLOTS))
    again = pickle.loads(pickled)
    np.testing.assert_array_equal(again.read(PLOTS), store.read(PLOTS))
    # The place, not what lies there.
    assert len(pickle.dumps(again)) < len(pickled) + 100


def test_errors_pass_between_processes():
    error = pickle.loads(pickle.dumps(MissingExtraError("Training", "train")))
    assert (str(error), error.extra) == (str(MissingExtraError("Training", "train")), "train")
