"""A model whose encoder learns from the train films first."""

import sys

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.branches.branch import Progress
from plotgenre.embedding.encoders import load_encoder
from plotgenre.errors import MissingExtraError, RecipeError


@pytest.fixture(scope="module")
def adapted_recipe(film_recipe):
    return film_recipe.with_settings(
        {
            "branches.adapted": True,
            "adapting.steps": 3,
            "adapting.films": 8,
            "adapting.learning_rate": 0.01,
            "training.max_epochs": 3,
        }
    )


def test_adapted_encoder_is_read_and_travels_with_the_model(adapted_recipe, film_lists, tmp_path):
    evaluations = []
    model = GenreClassifier(adapted_recipe).fit(
        *film_lists,
        checkpoints=tmp_path / "checkpoints",
        progress=Progress(adapting=evaluations.append),
    )
    assert [one.step for one in evaluations] == [0, 3]
    source = load_encoder(adapted_recipe.encoder).card
    read = model.branches_["semantic"].embedder.encoder.card
    assert read.fingerprint != source.fingerprint
    assert read.name == str(tmp_path / "checkpoints" / "encoder")

    model.save(tmp_path / "model")
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    loaded = GenreClassifier.load(tmp_path / "model")
    expected, found = (one.transform(film_lists[0][:9]) for one in (model, loaded))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert loaded.recipe_ == adapted_recipe


def test_interrupted_after_adapting_the_encoder_is_not_adapted_anew(
    adapted_recipe, film_lists, tmp_path
):
    def stop(_):
        raise KeyboardInterrupt

    at = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        GenreClassifier(adapted_recipe).fit(
            *film_lists, checkpoints=at, progress=Progress(epoch=stop)
        )
    told = (at / "encoder" / "adapting.json").read_text()
    again = GenreClassifier(adapted_recipe).fit(*film_lists, checkpoints=at)
    assert (at / "encoder" / "adapting.json").read_text() == told
    assert again.history_ is not None


def test_adapting_needs_a_folder_and_a_reader(adapted_recipe, film_lists):
    with pytest.raises(RecipeError, match="give checkpoints"):
        GenreClassifier(adapted_recipe).fit(*film_lists)
    with pytest.raises(RecipeError, match="no encoder to adapt"):
        adapted_recipe.with_settings({"branches.semantic": False, "branches.lexical": True})


def test_what_exports_the_encoder_is_asked_for_before_it_is_adapted(
    adapted_recipe, film_lists, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match="export"):
        GenreClassifier(adapted_recipe).fit(*film_lists, checkpoints=tmp_path / "checkpoints")
    assert list(tmp_path.iterdir()) == []
