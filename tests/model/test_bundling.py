"""A model with its encoder beside it: whole, rounded, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.doors.info import model_facts
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.encoders.export import export_encoder
from plotgenre.errors import ArtefactError, InputError
from plotgenre.json_files import write_digested
from plotgenre.model.bundling import bundle_model

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def small(saved_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled") / "small"
    bundle_model(saved_model, folder, "int8")
    return folder


def test_a_rounded_model_answers_nearly_the_same(fitted, small, film_lists):
    model = GenreClassifier.load(small)
    plots = film_lists[0]
    moved = np.abs(model.predict_proba(plots) - fitted.predict_proba(plots))
    # 32 random dimensions: a step of int8 is large beside what the tiny encoder tells apart.
    assert 0 < moved.mean() < 0.02
    assert moved.max() < 0.2
    card = model.branches_["semantic"].embedder.encoder.card
    assert card.weights == "int8"
    config = json.loads((small / "config.json").read_text())
    assert config["encoder"]["fingerprint"] == card.fingerprint
    # The evaluation speaks of the model as it was.
    assert sorted(path.name for path in small.iterdir()) == [
        "README.md", "config.json", "encoder", "head.safetensors",
    ]  # fmt: skip


def test_the_card_says_what_was_seen_to_run_the_encoder_right(small):
    card = (small / "README.md").read_text(encoding="utf-8")
    encoder = GenreClassifier.load(small).branches_["semantic"].embedder.encoder
    assert "32 dimensions and int8 weights" in card
    assert f"were right when run by\n{encoder.checked}" in card
    # The old card and its scores speak of the model as it was.
    assert card.startswith("---\nlibrary_name: plotgenre")
    assert "Scores on" not in card


def test_a_whole_encoder_keeps_its_fingerprint(fitted, saved_model, tmp_path, film_lists):
    card = bundle_model(saved_model, tmp_path / "whole")
    assert card.fingerprint == fitted.branches_["semantic"].embedder.encoder.card.fingerprint
    again = bundle_model(tmp_path / "whole", tmp_path / "whole")
    assert again == card
    P = GenreClassifier.load(tmp_path / "whole").predict_proba(film_lists[0])
    np.testing.assert_allclose(P, fitted.predict_proba(film_lists[0]), atol=1e-4)


def test_a_rounded_model_is_bundled_again_as_it_is(small, tmp_path):
    for weights in ("float32", "int8"):
        copy = tmp_path / weights
        assert bundle_model(small, copy, weights).weights == "int8"
        old, new = (json.loads((at / "config.json").read_text()) for at in (small, copy))
        assert new["encoder"]["fingerprint"] == old["encoder"]["fingerprint"]


def test_an_encoder_that_models_share_is_bundled_too(saved_model, small, tmp_path):
    shutil.copytree(small, tmp_path / "models" / "films")
    (tmp_path / "models" / "films" / "encoder").rename(tmp_path / "models" / "encoder")
    facts = model_facts(tmp_path / "models" / "films")["encoder"]
    assert facts["bundled"]
    assert facts["size in MB"] > 0
    assert "torch" not in facts["run by"]
    card = bundle_model(tmp_path / "models" / "films", tmp_path / "whole")
    assert card.weights == "int8"
    assert (tmp_path / "whole" / "encoder" / "model.onnx").is_file()


def test_a_rounded_encoder_is_refused_with_the_way_to_accept_it(saved_model, small, tmp_path):
    settings = EncoderSettings(kind="onnx", name=str(small / "encoder"))
    with pytest.raises(ArtefactError, match="has int8 weights; make a model that reads it with"):
        GenreClassifier.load(saved_model, encoder=settings)


def test_a_rounded_model_refuses_the_encoder_before(saved_model, small, tmp_path):
    whole = json.loads((saved_model / "config.json").read_text())["encoder"]["name"]
    export_encoder(EncoderSettings(name=whole), tmp_path / "encoder")
    settings = EncoderSettings(kind="onnx", name=str(tmp_path / "encoder"))
    with pytest.raises(ArtefactError, match="whose fingerprint is"):
        GenreClassifier.load(small, encoder=settings)


def test_another_encoder_is_not_bundled(saved_model, small, tmp_path):
    import shutil

    model = Path(shutil.copytree(saved_model, tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    config["encoder"]["fingerprint"] = "0" * 64
    write_digested(model / "config.json", config)
    with pytest.raises(ArtefactError, match="whose fingerprint is 0000"):
        bundle_model(model, tmp_path / "out", "int8")
    assert not (tmp_path / "out").exists()


def test_words_alone_have_no_encoder_to_bundle(film_lists, tmp_path):
    recipe = GenreClassifier("lexical").settings().with_settings({"genres.minimum_films": 5})
    GenreClassifier(recipe).fit(*film_lists).save(tmp_path / "words")
    with pytest.raises(InputError, match="reads words alone"):
        bundle_model(tmp_path / "words", tmp_path / "out", "int8")


@pytest.mark.parametrize("kind", ["onnx", "sentence_transformers"])
@pytest.mark.parametrize("there", [True, False])
def test_an_encoder_that_the_recipe_finds_no_more_goes_along(
    small, tiny_masked, tmp_path, film_lists, kind, there
):
    folder = tmp_path / "model"
    shutil.copytree(small, folder)
    config = json.loads((folder / "config.json").read_text())
    here = {"onnx": small / "encoder", "sentence_transformers": tiny_masked}[kind]
    name = str(here) if there else "folder/of another machine"
    config["recipe"]["encoder"] |= {"kind": kind, "name": name}
    write_digested(folder / "config.json", config)
    model = GenreClassifier.load(folder)
    model.save(tmp_path / "again")
    assert (tmp_path / "again" / "encoder").exists() is not there
    if there:
        return
    again = GenreClassifier.load(tmp_path / "again")
    plots = film_lists[0][:5]
    np.testing.assert_array_equal(again.predict_proba(plots), model.predict_proba(plots))
