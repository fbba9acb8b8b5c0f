"""An encoder adapted to films: tokens in, a folder out that any recipe may name."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from plotgenre.branches import adapting
from plotgenre.branches.adapting import adapt_encoder, checkpoints_of, token_films
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder, save_encoder
from plotgenre.embedding.encoders.trainable import TrainableEncoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.errors import InputError, RecipeError
from plotgenre.learning.adapting_settings import AdaptingSettings

SLICING = Slicing(tokens=16, overlap=4, max_slices=3)
SETTINGS = AdaptingSettings(
    steps=25, films=16, learning_rate=2e-3, head_learning_rate=2e-2, evaluate_every=1e-9
)


@pytest.fixture
def films(film_lists):
    plots, genres = film_lists
    names = ("Comedy", "Horror", "Romance", "War")
    Y = np.array([[name in own for name in names] for own in genres])
    # Two plots in one, so that a film has several slices.
    plots = [f"{plot}. {plot}" for plot in plots]
    return names, (plots[:70], Y[:70]), (plots[70:], Y[70:])


@pytest.fixture
def adapted(films, tmp_path):
    names, train, validation = films

    def adapted(encoder, store=None, settings=(), **changes):
        settings = EncoderSettings(
            **{"name": str(encoder), "precision": "float32"} | dict(settings)
        )
        parts = (settings, SLICING, replace(SETTINGS, **changes))
        return adapt_encoder(parts, train, validation, names, tmp_path / "deep" / "encoder", store)

    return adapted


@pytest.mark.parametrize("encoder", ["tiny_masked", "tiny_causal"])
def test_an_adapted_encoder_is_a_new_one(adapted, encoder, request, tmp_path, films):
    source = request.getfixturevalue(encoder)
    log = adapted(source)
    losses = [one.validation.loss for one in log.evaluations]
    assert losses[-1] < 0.9 * losses[0]
    folder = tmp_path / "deep" / "encoder"
    before, after = (
        load_encoder(EncoderSettings(name=str(name), precision="float32"))
        for name in (source, folder)
    )
    assert before.card.fingerprint != after.card.fingerprint
    assert before.card.max_tokens == after.card.max_tokens
    assert (before.encode(films[1][0][:2]) != after.encode(films[1][0][:2])).any()
    told = json.loads((folder / "adapting.json").read_text())
    assert told["source"]["fingerprint"] == before.card.fingerprint
    assert told["adapting"]["films"] == 16
    assert told["slicing"]["tokens"] == 16
    assert told["films"] == {"train": 70, "validation": 20}
    assert told["slices"]["train"] > 70
    assert told["log"] == log.as_dict() | {"evaluations": list(told["log"]["evaluations"])}
    assert {path.name for path in folder.parent.iterdir()} == {"encoder", "encoder.checkpoints"}
    tensors = load_file(next(iter(checkpoints_of(folder).iterdir())))
    assert tensors["head.weight"].shape == (4, 32)


def test_a_finished_adaptation_writes_the_same_folder_again(adapted, tiny_masked, tmp_path):
    adapted(tiny_masked)
    path = tmp_path / "deep" / "encoder" / "model.safetensors"
    first = path.read_bytes()
    path.unlink()
    adapted(tiny_masked)
    assert path.read_bytes() == first


def test_dropout_reaches_the_encoder(adapted, tiny_masked, tmp_path):
    losses = set()
    for dropout in (0.0, 0.4):
        losses.add(adapted(tiny_masked, dropout=dropout, steps=1).evaluations[-1].train_loss)
        shutil.rmtree(checkpoints_of(tmp_path / "deep" / "encoder"))
    assert len(losses) == 2


def test_genres_may_begin_as_their_names(adapted, tiny_masked, tmp_path, films):
    """A step too small to move anything leaves the layer on top as it began."""
    folder, heads = tmp_path / "deep" / "encoder", {}
    for start in ("chance", "names"):
        still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "weight_decay": 0.0}
        adapted(tiny_masked, head_start=start, steps=1, **still)
        heads[start] = load_file(next(iter(checkpoints_of(folder).iterdir())))["head.weight"]
        shutil.rmtree(checkpoints_of(folder))
    told = load_encoder(EncoderSettings(name=str(tiny_masked), precision="float32")).encode(
        films[0]
    )
    told -= told.mean(axis=0)
    expected = 3 * told / np.linalg.norm(told, axis=1, keepdims=True)
    np.testing.assert_allclose(heads["names"], expected, atol=1e-4)
    assert np.abs(heads["chance"] - expected).max() > 0.1


def test_names_are_no_start_of_a_run_that_began_by_chance(adapted, tiny_masked):
    adapted(tiny_masked, steps=1)
    with pytest.raises(InputError, match=r"adapting\.head_start"):
        adapted(tiny_masked, steps=2, head_start="names")


def test_a_shallower_encoder_learns_a_teachers_vectors(adapted, tiny_masked, tmp_path, films):
    folder, store = tmp_path / "deep" / "encoder", tmp_path / "store"
    teacher = load_encoder(EncoderSettings(name=str(tiny_masked), precision="float32"))
    alike = {}
    for steps in (1, 150):
        adapted(
            tiny_masked,
            store,
            layers=1,
            teacher=str(tiny_masked),
            teacher_weight=30.0,
            head_start="names",
            steps=steps,
        )
        student = load_encoder(EncoderSettings(name=str(folder), precision="float32"))
        ours, theirs = (one.encode(films[2][0]) for one in (student, teacher))
        alike[steps] = (
            (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        ).mean()
    assert alike[150] > alike[1] + 0.3 * (1 - alike[1])
    told = json.loads((folder / "adapting.json").read_text())
    assert told["teacher"]["fingerprint"] == teacher.card.fingerprint
    assert told["adapting"]["layers"] == 1
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 1
    kept = Store(store, teacher.card)
    slices = Embedder(SLICING, teacher).slices(films[1][0])
    assert kept.known([one for own in slices for one in own]).all()


def test_a_teacher_cuts_the_slices_and_says_the_names(
    adapted, tiny_masked, tiny_causal, tmp_path, films, monkeypatch
):
    cut_by, whole = [], Embedder.slices

    def slices(self, plots):
        cut_by.append(self.encoder.card.name)
        return whole(self, plots)

    monkeypatch.setattr(Embedder, "slices", slices)
    still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "weight_decay": 0.0}
    adapted(tiny_masked, layers=1, teacher=str(tiny_causal), head_start="names", steps=1, **still)
    assert cut_by == [str(tiny_causal)] * 2
    told = load_encoder(EncoderSettings(name=str(tiny_causal), precision="float32")).encode(
        films[0]
    )
    told -= told.mean(axis=0)
    folder = checkpoints_of(tmp_path / "deep" / "encoder")
    head = load_file(next(iter(folder.iterdir())))["head.weight"]
    expected = 3 * told / np.linalg.norm(told, axis=1, keepdims=True)
    np.testing.assert_allclose(head, expected, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_teacher_is_run_as_the_settings_say(
    adapted, tiny_masked, exported_teacher, tmp_path, precision, monkeypatch
):
    loaded = []
    whole = adapting.load_encoder
    monkeypatch.setattr(
        adapting, "load_encoder", lambda settings: loaded.append(settings) or whole(settings)
    )
    how = {"precision": precision, "runtime": "onnxruntime", "device": "cpu"}
    for teacher in (tiny_masked, exported_teacher):
        adapted(tiny_masked, settings=how, teacher=str(teacher), steps=1)
        told = json.loads((tmp_path / "deep" / "encoder" / "adapting.json").read_text())
        settings = loaded.pop()
        assert {name: getattr(settings, name) for name in how} == how
        # onnxruntime has no bfloat16.
        given = precision if teacher == tiny_masked else "float32"
        assert told["teacher"]["precision"] == given
        assert told["source"]["precision"] == precision
        shutil.rmtree(checkpoints_of(tmp_path / "deep" / "encoder"))


@pytest.fixture(scope="module")
def exported_teacher(tiny_masked, tmp_path_factory):
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("teacher") / "encoder"
    save_encoder(EncoderSettings(name=str(tiny_masked)), folder)
    return folder


def test_names_are_asked_and_slices_are_read(adapted, tiny_masked, tmp_path, films):
    prompts = {"prompt": "The plot: ", "query_prompt": "A ghost: "}
    still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "weight_decay": 0.0}
    adapted(tiny_masked, settings=prompts, head_start="names", steps=1, **still)
    folder = tmp_path / "deep" / "encoder"
    plain = load_encoder(EncoderSettings(name=str(tiny_masked), precision="float32"))
    told = plain.encode([f"A ghost: {name}" for name in films[0]])
    told -= told.mean(axis=0)
    head = load_file(next(iter(checkpoints_of(folder).iterdir())))["head.weight"]
    expected = 3 * told / np.linalg.norm(told, axis=1, keepdims=True)
    np.testing.assert_allclose(head, expected, atol=1e-4)
    # What it was adapted with is what it has from now on.
    assert load_encoder(EncoderSettings(name=str(folder))).card.prompts == {
        "document": "The plot: ",
        "query": "A ghost: ",
    }
    with pytest.raises(InputError, match=r"names\.query_prompt was 'A ghost: '"):
        adapted(tiny_masked, settings=prompts | {"query_prompt": ""}, head_start="names", steps=2)


def test_a_teacher_of_longer_vectors_is_refused_before_it_reads(adapted, tiny_masked):
    with pytest.raises(RecipeError, match=r"vectors of 384 numbers; expected 32"):
        adapted(tiny_masked, teacher="all-MiniLM-L6-v2")


def test_another_teachers_checkpoints_are_refused(adapted, tiny_masked, tiny_causal):
    adapted(tiny_masked, steps=1, teacher=str(tiny_masked))
    with pytest.raises(InputError, match=r"teacher\.fingerprint was"):
        adapted(tiny_masked, steps=1, teacher=str(tiny_causal))


def test_tokens_are_those_of_the_slices_that_prediction_cuts(tiny_masked, films, monkeypatch):
    monkeypatch.setattr(adapting, "_CHUNK_SLICES", 7)
    settings = EncoderSettings(name=str(tiny_masked), precision="float32", prompt="Plot: ")
    encoder = TrainableEncoder(settings)
    slices = Embedder(SLICING, load_encoder(settings)).slices(films[1][0])
    found = token_films("train", encoder, slices, films[1][1])
    assert np.diff(found.film_offsets).tolist() == [len(own) for own in slices]
    expected = [ids for own in slices for ids in encoder.ids(own)]
    assert np.array_equal(found.ids, np.concatenate(expected))
    assert max(found.lengths) <= 64


def test_another_encoders_checkpoints_are_refused(adapted, tiny_masked, tiny_causal):
    adapted(tiny_masked, steps=1)
    with pytest.raises(InputError, match=r"encoder\.fingerprint was"):
        adapted(tiny_causal, steps=1)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_other_content_is_not_overwritten(adapted, tiny_masked, tmp_path, kind):
    place = tmp_path / "deep" / "encoder"
    place.parent.mkdir()
    if kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is no adapted encoder; choose another folder"):
        adapted(tiny_masked)
