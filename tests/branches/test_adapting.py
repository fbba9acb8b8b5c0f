"""An encoder is adapted to films, in steps that resume, and written as a folder like any other."""

import json

import numpy as np
import pytest
import torch

from plotgenre.branches.adapting import LOG_FILE, adapt_encoder, checkpoints_of
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.errors import EncoderError, InputError
from plotgenre.learning.adapting_settings import AdaptingSettings

SLICING = Slicing(way="windows", tokens=20, overlap=0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sides(film_lists):
    plots, lists = film_lists
    genres = sorted({genre for one in lists for genre in one})
    Y = np.array([[genre in one for genre in genres] for one in lists])
    return (plots[:60], Y[:60]), (plots[60:], Y[60:]), genres


def settings_of(**changed):
    told = {"steps": 12, "films": 8, "learning_rate": 1e-3, "checkpoint_every": 1e-6} | changed
    return AdaptingSettings(**told)


def adapted(source, sides, folder, progress=None, **changed):
    encoder = EncoderSettings(name=str(source), precision="float32")
    train, validation, genres = sides
    settings = encoder, SLICING, settings_of(**changed)
    return adapt_encoder(settings, train, validation, genres, folder, progress)


def weights(folder):
    encoder = load_encoder(EncoderSettings(name=str(folder), precision="float32"))
    return {name: tensor.numpy() for name, tensor in encoder.model.state_dict().items()}


@pytest.fixture(scope="module")
def folder(tiny_masked, sides, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted") / "encoder"
    adapted(tiny_masked, sides, folder, steps=40)
    return folder


def test_films_are_learned(folder):
    told = json.loads((folder / LOG_FILE).read_text(encoding="utf-8"))
    first, last = told["log"]["evaluations"][0], told["log"]["evaluations"][-1]
    assert (first["step"], last["step"]) == (0, 40)
    assert last["validation"]["loss"] < first["validation"]["loss"]
    assert told["films"] == {"train": 60, "validation": 30}


def test_the_folder_is_an_encoder_of_its_own(folder, tiny_masked):
    new, old = (
        load_encoder(EncoderSettings(name=str(path), precision="float32"))
        for path in (folder, tiny_masked)
    )
    assert new.card.fingerprint != old.card.fingerprint
    assert new.card.dimension == old.card.dimension
    assert not np.allclose(new.encode(["a war of ghosts"]), old.encode(["a war of ghosts"]))


def test_a_causal_encoder_learns_too(tiny_causal, sides, tmp_path):
    log = adapted(tiny_causal, sides, tmp_path / "causal", steps=30)
    losses = [one.validation.loss for one in log.evaluations]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("changed", [{}, {"ema": 0.9, "dropout": 0.1, "loss_on": "slice"}])
def test_a_resumed_run_ends_at_the_weights_of_one_that_ran_through(
    tiny_masked, sides, tmp_path, changed
):
    adapted(tiny_masked, sides, tmp_path / "through", **changed)

    def killed_at_five(evaluated):
        if evaluated.step >= 5:
            raise SystemExit

    with pytest.raises(SystemExit):
        adapted(
            tiny_masked, sides, tmp_path / "broken", killed_at_five, evaluate_every=1e-6, **changed
        )
    assert not (tmp_path / "broken").exists()
    assert list(checkpoints_of(tmp_path / "broken").glob("step-*.safetensors"))
    steps = []
    adapted(
        tiny_masked, sides, tmp_path / "broken",
        lambda evaluated: steps.append(evaluated.step), evaluate_every=1e-6, **changed,
    )  # fmt: skip
    assert 0 < steps[0] < 12
    expected = weights(tmp_path / "through")
    for name, found in weights(tmp_path / "broken").items():
        np.testing.assert_array_equal(found, expected[name], err_msg=name)


def test_frozen_layers_stay_and_the_others_move(tiny_masked, sides, tmp_path):
    adapted(tiny_masked, sides, tmp_path / "frozen", frozen_layers=2)
    before, after = weights(tiny_masked), weights(tmp_path / "frozen")
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved
    # Embeddings and the lowest of the two blocks are frozen.
    assert all("layer.1." in name for name in moved), moved


def test_accumulation_changes_nothing_but_rounding(tiny_masked, sides, tmp_path):
    for parts in (1, 4):
        adapted(tiny_masked, sides, tmp_path / str(parts), steps=3, accumulation=parts)
    one, four = weights(tmp_path / "1"), weights(tmp_path / "4")
    for name, expected in one.items():
        np.testing.assert_allclose(four[name], expected, atol=2e-4, err_msg=name)


def test_checkpoints_of_other_settings_are_refused(tiny_masked, sides, tmp_path):
    adapted(tiny_masked, sides, tmp_path / "encoder", steps=2)
    with pytest.raises(InputError, match=r"adapting.films was 8 there and is 4 here"):
        adapted(tiny_masked, sides, tmp_path / "encoder", steps=2, films=4)


def test_other_content_is_not_replaced(tiny_masked, sides, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is no adapted encoder"):
        adapted(tiny_masked, sides, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_static_encoder_cannot_be_adapted(tiny_static, sides, tmp_path):
    encoder = EncoderSettings(kind="static", name=str(tiny_static))
    train, validation, genres = sides
    with pytest.raises(EncoderError, match="kind 'static' cannot be adapted"):
        adapt_encoder((encoder, SLICING, settings_of()), train, validation, genres, tmp_path / "x")
