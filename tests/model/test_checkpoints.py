"""Checkpoints that are models."""

import json
import shutil

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.branches.branch import Progress
from plotgenre.embedding.embedder import Embedder
from plotgenre.errors import InputError, RecipeError
from plotgenre.json_files import write_digested


@pytest.fixture(scope="module")
def recipe(film_recipe):
    """Both branches, so that the order of fitting and joining is seen, and an epoch to go past."""
    return film_recipe.with_settings(
        {
            "branches.lexical": True,
            "calibration.method": "per_genre",
            "training.learning_rate": 0.1,
            "training.max_epochs": 7,
            "training.checkpoint_every": 2,
        }
    )


@pytest.fixture(scope="module")
def fit(film_lists, recipe, tmp_path_factory):
    """A model with all its checkpoints, and where they lie."""
    folder = tmp_path_factory.mktemp("fit") / "checkpoints"
    return GenreClassifier(recipe).fit(*film_lists, checkpoints=folder), folder / "models"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def heads(folder):
    return {path.name: (path / "head.safetensors").read_bytes() for path in folder.iterdir()}


def test_every_checkpoint_is_a_whole_model_with_its_epochs_scores(fit, film_lists):
    model, folder = fit
    assert names(folder) == ["epoch-0002", "epoch-0004", "epoch-0006"]
    answers = []
    for path in sorted(folder.iterdir()):
        loaded = GenreClassifier.load(path)
        assert list(loaded.classes_) == list(model.classes_)
        answers.append(loaded.predict_proba(film_lists[0]))
        told = json.loads((path / "evaluation.json").read_text())
        epoch = model.history_.epochs[told["epoch"] - 1]
        assert path.name == f"epoch-{epoch.epoch:04d}"
        assert told.keys() >= {"train_loss", "validation_loss", "micro_f1"}
        assert told["validation_loss"] == epoch.validation_loss
        assert told["micro_f1"] == epoch.micro_f1
        assert told["macro_average_precision"] == epoch.macro_average_precision
        card = (path / "README.md").read_text()
        assert f"## Checkpoint of epoch {epoch.epoch}" in card
        assert f"| {epoch.validation_loss:.4f} | {epoch.micro_f1:.3f} |" in card
    assert not np.array_equal(answers[0], answers[1])
    # Words alone are calibrated and tuned as in the last model.
    np.testing.assert_array_equal(
        GenreClassifier.load(folder / "epoch-0002", fast=True).thresholds_,
        model.model_.words_alone().thresholds,
    )


def test_the_checkpoint_of_the_best_epoch_is_the_model(film_lists, recipe, tmp_path):
    every = recipe.with_settings({"training.checkpoint_every": 1})
    model = GenreClassifier(every).fit(*film_lists, checkpoints=tmp_path)
    best = tmp_path / "models" / f"epoch-{model.history_.best_epoch:04d}"
    model.save(tmp_path / "last")
    assert names(tmp_path / "models") == [f"epoch-{epoch:04d}" for epoch in range(1, 8)]
    # The thresholds stand in the configuration, beside the digest of the tensors.
    for path in (tmp_path / "models").iterdir():
        equal = [
            (path / name).read_bytes() == (tmp_path / "last" / name).read_bytes()
            for name in ("config.json", "head.safetensors")
        ]
        assert equal == [path == best] * 2


@pytest.mark.parametrize("killed_at", [2, 3])
def test_a_killed_run_leaves_them_and_a_resumed_one_leaves_the_same(
    fit, film_lists, recipe, tmp_path, killed_at
):
    def stop(scores):
        if scores.epoch == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GenreClassifier(recipe).fit(
            *film_lists, checkpoints=tmp_path, progress=Progress(epoch=stop)
        )
    assert names(tmp_path / "models") == ["epoch-0002"]
    # As if the kill had come after the model and before the epoch's own checkpoint.
    for newest in (tmp_path / "semantic").glob("epoch-000002*"):
        newest.unlink()
    GenreClassifier(recipe).fit(*film_lists, checkpoints=tmp_path)
    assert heads(tmp_path / "models") == heads(fit[1])
    assert len(list((tmp_path / "semantic").glob("*.safetensors"))) == 2


def test_validation_films_are_encoded_once(film_lists, recipe, tmp_path, monkeypatch):
    calls = []
    embed = Embedder.embed

    def counted(self, plots, progress=None):
        calls.append(len(plots))
        return embed(self, plots, progress)

    monkeypatch.setattr(Embedder, "embed", counted)
    GenreClassifier(recipe).fit(*film_lists, checkpoints=tmp_path)
    assert len(calls) == 1


def test_without_a_folder_it_is_refused_before_any_work(film_lists, recipe):
    heard = []
    with pytest.raises(RecipeError, match=r"checkpoint_every = 2 leaves models in a folder: give"):
        GenreClassifier(recipe).fit(*film_lists, progress=Progress(lexical=heard.append))
    assert heard == []


def test_models_of_another_training_are_not_mixed_with_these(fit, film_lists, recipe, tmp_path):
    shutil.copytree(fit[1], tmp_path / "models")
    with pytest.raises(InputError, match=r"epoch-0002 is from another training: give another"):
        GenreClassifier(recipe).fit(*film_lists, checkpoints=tmp_path)
    assert heads(tmp_path / "models") == heads(fit[1])


@pytest.mark.parametrize("stored", [1, 10, None])
def test_what_a_model_stores_of_it_does_not_matter(saved_model, film_lists, tmp_path, stored):
    shutil.copytree(saved_model, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["recipe"]["training"]["checkpoint_every"] = stored
    write_digested(tmp_path / "model" / "config.json", config)
    loaded = GenreClassifier.load(tmp_path / "model")
    assert loaded.recipe_.training.checkpoint_every is None
    again = GenreClassifier(loaded.recipe_.with_settings({"training.max_epochs": 1}))
    assert again.fit(*film_lists).history_ is not None


def test_an_adapted_encoder_travels_with_each(film_recipe, film_lists, tmp_path):
    settings = {"adapting.steps": 1, "adapting.films": 4, "branches.adapted": True}
    settings |= {"training.max_epochs": 1, "training.checkpoint_every": 1}
    model = GenreClassifier(film_recipe.with_settings(settings))
    model.fit(*film_lists, checkpoints=tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "models" / "epoch-0001").rename(tmp_path / "alone")
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    loaded = GenreClassifier.load(tmp_path / "alone")
    expected, found = (one.transform(film_lists[0][:9]) for one in (model, loaded))
    np.testing.assert_allclose(found, expected, atol=1e-4)
