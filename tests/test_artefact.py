"""The artefact: what is saved is what is loaded, and nothing damaged is."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from plotgenre import GenreClassifier
from plotgenre.artefact import Artefact, read_artefact, read_for_people, write_artefact
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import ArtefactError, RecipeError
from plotgenre.hub import SHIPPED, shipped_models

PLOTS = ["ghost house cellar", "a soldier walks through ruins. " * 20, "love"]


@pytest.fixture
def model(saved_model: Path, tmp_path: Path) -> Path:
    """A copy of the saved model, free to be damaged."""
    return Path(shutil.copytree(saved_model, tmp_path / "model"))


@pytest.fixture
def small() -> Artefact:
    return Artefact(
        version="0.1.0",
        genres=("A", "B"),
        thresholds={"A": 0.25, "B": 0.5},
        train_films={"A": 3, "B": 4, "C": 1},
        recipe={"head": {"kind": "linear"}},
        encoder={"name": "e", "dimension": 2, "fingerprint": "f"},
        tensors={"output.weight": np.eye(2, dtype=np.float32)},
    )


def change(model: Path, edit: Callable[[dict], object]) -> None:
    """Another config without a digest of its own, as earlier versions wrote it."""
    config = json.loads((model / "config.json").read_text())
    config.pop("content_sha256", None)
    edit(config)
    (model / "config.json").write_text(json.dumps(config))


def change_head(model: Path, edit: Callable[[dict], object]) -> None:
    """Another head with a digest that fits, as a liar would write it."""
    tensors = load_file(model / "head.safetensors")
    edit(tensors)
    data = save(tensors)
    (model / "head.safetensors").write_bytes(data)
    change(model, lambda config: config.update(head_sha256=hashlib.sha256(data).hexdigest()))


# -------------------------------------------------------------- round trip


def test_a_folder_from_before_sampling_loads(fitted, model):
    change(model, lambda config: config["recipe"].pop("sampling"))
    loaded = GenreClassifier.load(model)
    assert loaded.recipe_ == fitted.recipe_
    np.testing.assert_array_equal(loaded.predict_proba(PLOTS), fitted.predict_proba(PLOTS))


def test_round_trip(fitted, saved_model):
    loaded = GenreClassifier.load(saved_model)
    np.testing.assert_array_equal(loaded.predict_proba(PLOTS), fitted.predict_proba(PLOTS))
    np.testing.assert_array_equal(loaded.thresholds_, fitted.thresholds_)
    assert loaded.predict(PLOTS) == fitted.predict(PLOTS)
    assert list(loaded.classes_) == list(fitted.classes_)
    assert loaded.train_films_ == fitted.train_films_
    assert loaded.settings() == loaded.recipe_ == fitted.recipe_
    assert loaded.history_ is None


def test_saving_what_was_loaded_gives_the_same_files(saved_model, tmp_path):
    GenreClassifier.load(saved_model).save(tmp_path / "again")
    for name in ("config.json", "head.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (saved_model / name).read_bytes()


def test_only_json_safetensors_and_markdown(saved_model):
    names = {path.relative_to(saved_model).as_posix() for path in saved_model.rglob("*")}
    assert names == {"config.json", "head.safetensors", "evaluation.json", "README.md"}
    assert json.loads((saved_model / "evaluation.json").read_text()) == {"micro_f1": 0.5}


def test_what_is_for_people_is_never_read(model):
    (model / "README.md").write_bytes(b"\xff")
    (model / "evaluation.json").unlink()
    GenreClassifier.load(model)


def test_save_uses_the_recipe_of_the_fit(film_lists, film_recipe, tmp_path):
    film_recipe.save(tmp_path / "own.toml")
    model = GenreClassifier(tmp_path / "own.toml").fit(*film_lists)
    (tmp_path / "own.toml").unlink()
    model.save(tmp_path / "model")
    assert GenreClassifier.load(tmp_path / "model").recipe_ == film_recipe


def test_hub_names(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "model", card="# Mine")
    loaded = GenreClassifier.from_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(PLOTS), fitted.predict_proba(PLOTS))


# ------------------------------------------------------------ bundled encoder


@pytest.fixture(scope="session")
def bundled(fitted, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundled") / "model"
    fitted.save(folder, bundle_encoder=True)
    return folder


def test_bundled_model_needs_no_torch(fitted, bundled, tmp_path):
    moved = shutil.copytree(bundled, tmp_path / "moved")
    code = """
import json, sys
for name in ("torch", "sentence_transformers", "transformers", "sklearn", "matplotlib"):
    sys.modules[name] = None
from plotgenre import GenreClassifier
plots = json.loads(sys.argv[2])
model = GenreClassifier.load(sys.argv[1])
print(json.dumps([model.predict_proba(plots).tolist(), model.predict(plots)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(moved), json.dumps(PLOTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    P, genres = json.loads(done.stdout)
    np.testing.assert_allclose(P, fitted.predict_proba(PLOTS), atol=1e-3)
    assert genres == fitted.predict(PLOTS)


def test_bundled_files(bundled):
    endings = {path.suffix for path in bundled.rglob("*") if path.is_file()}
    assert endings <= {".json", ".safetensors", ".md", ".onnx"}
    assert (bundled / "encoder" / "model.onnx").exists()


def test_bundled_again_without_the_source(bundled, tmp_path):
    moved = shutil.copytree(bundled, tmp_path / "moved")
    change(moved, lambda config: config["recipe"]["encoder"].update(name="/nowhere/at-all"))
    model = GenreClassifier.load(moved)
    before = model.predict_proba(PLOTS)
    model.save(moved, bundle_encoder=True)
    np.testing.assert_array_equal(GenreClassifier.load(moved).predict_proba(PLOTS), before)


def test_bundled_static_encoder(film_lists, film_recipe, tiny_static, tmp_path):
    recipe = film_recipe.with_settings(
        {
            "encoder.kind": "static",
            "encoder.name": str(tiny_static),
            "encoder.prompt": "film: ",
            "encoder.precision": "auto",
        }
    )
    model = GenreClassifier(recipe).fit(*film_lists)
    model.save(tmp_path / "model", bundle_encoder=True)
    P = GenreClassifier.load(tmp_path / "model").predict_proba(PLOTS)
    np.testing.assert_allclose(P, model.predict_proba(PLOTS), atol=1e-6)


@pytest.mark.parametrize("prompt", ["", "The plot: "])
def test_an_older_model_has_the_prompts_that_it_was_trained_with(
    film_lists, film_recipe, tiny_masked, tmp_path, prompt
):
    """Then there was one prompt, and an encoder's own were left alone."""
    encoder = tmp_path / "encoder"
    shutil.copytree(tiny_masked, encoder)
    recipe = film_recipe.with_settings(
        {"encoder.name": str(encoder), "encoder.prompt": prompt, "encoder.query_prompt": prompt}
    )
    model = GenreClassifier(recipe).fit(*film_lists)
    P = model.predict_proba(PLOTS)
    model.save(tmp_path / "model")
    path = encoder / "config_sentence_transformers.json"
    own = {"prompts": {"query": "Who? ", "passage": "A ship: "}}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))

    def older(config):
        del config["recipe"]["encoder"]["query_prompt"], config["encoder"]["query_prompt"]
        del config["recipe"]["encoder"]["device"], config["recipe"]["training"]["device"]

    change(tmp_path / "model", older)
    loaded = GenreClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(PLOTS), P)
    card = loaded.branches_["semantic"].embedder.encoder.card
    assert card.prompts == {"document": prompt, "query": prompt}


def test_the_device_of_training_is_not_that_of_loading(model):
    change(model, lambda config: config["recipe"]["encoder"].update(device="mps"))
    change(model, lambda config: config["recipe"]["training"].update(device="cuda"))
    loaded = GenreClassifier.load(model)
    assert loaded.recipe_.encoder.device == "mps"
    assert loaded.predict_proba(PLOTS).shape == (len(PLOTS), 4)


# -------------------------------------------------------------------- refusals


def test_missing_folder(tmp_path):
    with pytest.raises(ArtefactError, match="no model folder at"):
        GenreClassifier.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("config.json", "is not a model: it lacks config.json"),
        ("head.safetensors", "is not a whole model: it lacks head.safetensors"),
    ],
)
def test_missing_file(model, name, sentence):
    (model / name).unlink()
    with pytest.raises(ArtefactError, match=sentence):
        GenreClassifier.load(model)


def test_truncated_and_flipped_head(model):
    path = model / "head.safetensors"
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-1] ^= 1
    for damaged in (data[:-10], bytes(flipped), b""):
        path.write_bytes(damaged)
        with pytest.raises(ArtefactError, match=r"its SHA-256 is not the one in config\.json"):
            GenreClassifier.load(model)


def test_not_safetensors(model):
    data = b"\x80\x04pickle"
    (model / "head.safetensors").write_bytes(data)
    change(model, lambda config: config.update(head_sha256=hashlib.sha256(data).hexdigest()))
    with pytest.raises(ArtefactError, match=r"head\.safetensors is damaged"):
        GenreClassifier.load(model)


@pytest.mark.parametrize("text", ["{", "", '"\\ud800', "\x00"])
def test_broken_json(model, text):
    (model / "config.json").write_text(text)
    with pytest.raises(ArtefactError, match=r"config\.json is damaged"):
        GenreClassifier.load(model)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda c: c.update(format=99), "format 99 is unknown; this plotgenre reads format 1"),
        (lambda c: c.pop("format"), "format None is unknown"),
        (lambda c: c.pop("genres"), "'genres' is missing or not a list"),
        (lambda c: c.update(thresholds=[]), "'thresholds' is missing or not a dict"),
        (lambda c: c["genres"].append(3), "a genre's name is not text"),
        (lambda c: c["genres"].append("War"), "one stands twice"),
        (lambda c: c.update(genres=[]), "there is no genre"),
        (lambda c: c["thresholds"].pop("War"), r"thresholds and genres do not match.*War"),
        (lambda c: c["thresholds"].update(X=1), r"thresholds and genres do not match.*X"),
        (lambda c: c["thresholds"].update(War=float("nan")), "a threshold is not a number"),
        (lambda c: c["thresholds"].update(War="0.5"), "a threshold is not a number"),
        (lambda c: c["thresholds"].update(War=1.5), "a threshold is not a number from 0 to 1"),
        (lambda c: c["train_films"].pop("War"), r"train_films lacks the genres \['War'\]"),
        (lambda c: c["train_films"].update(War="x"), "number of train films"),
        (lambda c: c["encoder"].update(fingerprint="0" * 64), "whose fingerprint is 000"),
        (lambda c: c["encoder"].update(dimension=7), "whose dimension is 7"),
    ],
)
def test_config_that_contradicts(model, edit, sentence):
    change(model, edit)
    with pytest.raises(ArtefactError, match=sentence) as caught:
        GenreClassifier.load(model)
    assert len(str(caught.value).splitlines()) == 1


def silently(path: Path, edit: Callable[[dict], object]) -> None:
    """Edit a JSON file and leave the digests as they are."""
    told = json.loads(path.read_text())
    edit(told)
    path.write_text(json.dumps(told, indent=2))


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["thresholds"].update(War=0.9),
        lambda c: c["genres"].reverse(),
        lambda c: c["train_films"].update(War=1),
        lambda c: c["recipe"]["slicing"].update(max_slices=1),
        lambda c: c.update(plotgenre="9.9"),
        lambda c: c.update(head_sha256="0" * 64),
    ],
)
def test_no_change_of_the_config_goes_unseen(model, edit):
    silently(model / "config.json", edit)
    with pytest.raises(ArtefactError, match=r"config\.json is damaged: it was changed since"):
        GenreClassifier.load(model)


def test_no_change_of_the_bundled_encoder_s_description_goes_unseen(bundled, tmp_path):
    moved = Path(shutil.copytree(bundled, tmp_path / "moved"))
    path = moved / "encoder" / "encoder.json"
    silently(path, lambda told: told.update(max_tokens=12))
    with pytest.raises(ArtefactError, match=r"its encoder\.json is not the one that was saved"):
        GenreClassifier.load(moved)
    # Nor does one that fits itself, or has no digest.
    silently(path, lambda told: told.pop("content_sha256"))
    with pytest.raises(ArtefactError, match=r"its encoder\.json is not the one that was saved"):
        GenreClassifier.load(moved)


def test_no_change_of_a_shared_encoder_s_description_goes_unseen(bundled, tmp_path):
    moved = Path(shutil.copytree(bundled, tmp_path / "models" / "moved"))
    (moved / "encoder").rename(tmp_path / "models" / "encoder")
    path = tmp_path / "models" / "encoder" / "encoder.json"
    GenreClassifier.load(moved)
    silently(path, lambda told: told.update(max_tokens=12))
    with pytest.raises(ArtefactError, match=r"encoder\.json is damaged: it was changed since"):
        GenreClassifier.load(moved)


def test_folders_without_digests_of_their_descriptions_load(bundled, fitted, tmp_path):
    """As those of earlier versions are."""
    moved = Path(shutil.copytree(bundled, tmp_path / "moved"))
    silently(moved / "encoder" / "encoder.json", lambda told: told.pop("content_sha256"))
    change(moved, lambda config: config["encoder"].pop("description_sha256"))
    loaded = GenreClassifier.load(moved)
    np.testing.assert_allclose(loaded.predict_proba(PLOTS), fitted.predict_proba(PLOTS), atol=1e-3)


def test_the_models_of_the_package_hold_digests():
    for name in shipped_models():
        config = json.loads((SHIPPED / name / "config.json").read_text())
        assert "content_sha256" in config
        assert "description_sha256" in config["encoder"]
    assert "content_sha256" in json.loads((SHIPPED / "encoder" / "encoder.json").read_text())


@pytest.mark.parametrize("name", ["config.json", "head.safetensors"])
def test_a_pipe_is_not_waited_for(model, name):
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(ArtefactError, match="no regular file"):
        GenreClassifier.load(model)


def test_what_is_told_to_people_comes_from_the_folder(model, tmp_path):
    assert read_for_people(model, "README.md") is not None
    (model / "README.md").unlink()
    assert read_for_people(model, "README.md") is None
    (tmp_path / "secret").write_text("secret")
    (model / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ArtefactError, match="a link to a file of somewhere else"):
        read_for_people(model, "README.md")
    (model / "README.md").unlink()
    (model / "README.md").write_bytes(b"\xff")
    with pytest.raises(ArtefactError, match="cannot be read"):
        read_for_people(model, "README.md")
    # The Hub's cache is full of links.
    snapshot = tmp_path / "models--me--it" / "snapshots" / "0"
    shutil.copytree(model, snapshot)
    (tmp_path / "models--me--it" / "blobs").mkdir()
    (tmp_path / "models--me--it" / "blobs" / "1").write_text("card")
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").symlink_to("../../blobs/1")
    assert read_for_people(snapshot, "README.md") == "card"


def test_config_that_is_no_object(model):
    (model / "config.json").write_text("[]")
    with pytest.raises(ArtefactError, match="format None is unknown"):
        GenreClassifier.load(model)


def test_recipe_with_an_unknown_setting(model):
    change(model, lambda config: config["recipe"]["head"].update(colour="red"))
    with pytest.raises(RecipeError, match=r"config\.json: unknown setting 'head\.colour'"):
        GenreClassifier.load(model)


def _with_nan(tensors):
    tensors["output.bias"][0] = np.nan


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (_with_nan, "'output.bias' of shape .* has NaN"),
        (lambda t: t.pop("output.bias"), "'output.bias' of shape .* is missing"),
        (lambda t: t.update(more=np.ones(1, np.float32)), "no tensor 'more'"),
        (
            lambda t: t.update({"output.bias": np.ones(9, np.float32)}),
            r"found float32 of shape \(9",
        ),
        (lambda t: t.update({"output.bias": np.ones(4)}), "found float64"),
    ],
)
def test_head_that_does_not_fit(model, edit, sentence):
    change_head(model, edit)
    with pytest.raises(ArtefactError, match=sentence):
        GenreClassifier.load(model)


def test_another_encoder(model, tiny_causal, tiny_static):
    with pytest.raises(ArtefactError, match="whose fingerprint is"):
        GenreClassifier.load(model, encoder=EncoderSettings(name=str(tiny_causal)))
    with pytest.raises(ArtefactError, match="whose fingerprint is"):
        GenreClassifier.load(model, encoder=EncoderSettings(kind="static", name=str(tiny_static)))


# ------------------------------------------------------------------- writing


def test_write_and_read(small, tmp_path):
    write_artefact(tmp_path / "deep" / "model", small)
    found = read_artefact(tmp_path / "deep" / "model")
    assert (found.genres, found.thresholds) == (small.genres, small.thresholds)
    assert found.train_films == small.train_films
    assert found.recipe == small.recipe
    np.testing.assert_array_equal(found.tensors["output.weight"], np.eye(2))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]


def test_replaces_an_older_model_whole(small, saved_model, model):
    write_artefact(model, small)
    assert {path.name for path in model.iterdir()} == {"config.json", "head.safetensors"}
    assert read_artefact(model).genres == ("A", "B")
    assert [path.name for path in model.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("stop", [OSError("disk full"), KeyboardInterrupt()])
def test_a_stopped_write_leaves_the_older_model(small, model, stop):
    from dataclasses import replace

    def stopped(folder):
        raise stop

    before = {path.name: path.read_bytes() for path in model.iterdir()}
    expected = KeyboardInterrupt if isinstance(stop, KeyboardInterrupt) else ArtefactError
    with pytest.raises(expected):
        write_artefact(model, replace(small, write_encoder=stopped))
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_failing_encoder_leaves_nothing(small, tmp_path):
    from dataclasses import replace

    def fail(folder: Path) -> None:
        raise ArtefactError("no encoder")

    with pytest.raises(ArtefactError, match="no encoder"):
        write_artefact(tmp_path / "model", replace(small, write_encoder=fail))
    assert not list(tmp_path.iterdir())


def test_empty_folder_is_taken(small, tmp_path):
    (tmp_path / "model").mkdir()
    write_artefact(tmp_path / "model", small)
    assert read_artefact(tmp_path / "model").version == "0.1.0"


@pytest.mark.parametrize("name", ["thesis.doc", "config.json", "README.md"])
def test_refuses_a_folder_with_other_content(small, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ArtefactError, match="is not a plotgenre model; choose another folder"):
        write_artefact(tmp_path, small)
    assert (tmp_path / name).read_text() == "mine"


def test_refuses_a_model_folder_with_something_beside(small, model):
    (model / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="choose another folder"):
        write_artefact(model, small)
    assert (model / "notes.txt").read_text() == "mine"


def test_refuses_a_file(small, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArtefactError, match="choose another folder"):
        write_artefact(tmp_path / "file", small)
    with pytest.raises(ArtefactError, match="cannot write the model"):
        write_artefact(tmp_path / "file" / "model", small)
