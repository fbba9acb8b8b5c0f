"""The semantic branch: embedder and head joined."""

import numpy as np
import pytest

from plotgenre.branches import semantic
from plotgenre.branches.branch import Progress
from plotgenre.branches.semantic import SemanticBranch, fit_semantic
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.learning.heads import Head, HeadSettings
from plotgenre.learning.settings import LearningSettings, TrainingSettings

PLOTS = ["ghost house cellar", "soldier ruins war. " * 30, "love bride", "taxi strangers share"]


@pytest.fixture(scope="module")
def embedder(tiny_masked):
    settings = EncoderSettings(name=str(tiny_masked), precision="float32")
    return Embedder(Slicing(overlap=4), load_encoder(settings))


@pytest.fixture(scope="module")
def branch(embedder):
    rng = np.random.default_rng(0)
    tensors = {
        "output.weight": rng.standard_normal((3, 32)).astype(np.float32),
        "output.bias": rng.standard_normal(3).astype(np.float32),
    }
    return SemanticBranch(embedder, Head(HeadSettings(kind="linear"), 32, 3, tensors))


def test_logits_are_head_of_the_slices(branch):
    logits = branch.logits(PLOTS)
    assert logits.shape == (4, 3)
    assert logits.dtype == np.float32
    slices = branch.embedder.slices([PLOTS[1]])[0]
    assert len(slices) > 1
    vectors = branch.embedder.encoder.encode(slices)
    weight, bias = branch.tensors()["output.weight"], branch.tensors()["output.bias"]
    expected = (vectors @ weight.T + bias).mean(axis=0)
    np.testing.assert_allclose(logits[1], expected, rtol=1e-4, atol=1e-4)


def test_chunks_change_nothing(branch, monkeypatch):
    whole = branch.logits(PLOTS)
    monkeypatch.setattr(semantic, "CHUNK_FILMS", 3)
    np.testing.assert_allclose(branch.logits(PLOTS), whole, atol=1e-5)


def test_no_plots(branch):
    assert branch.logits([]).shape == (0, 3)


def test_progress_of_embedding(branch):
    heard = []
    branch.logits(PLOTS, Progress(embedding=heard.append))
    assert heard[-1].done == heard[-1].total >= 4


def test_fit_keeps_train_and_validation_apart(embedder):
    Y = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    training = TrainingSettings(max_epochs=4, patience=4, learning_rate=0.05)
    epochs = []
    branch, bags, history = fit_semantic(
        embedder,
        (PLOTS, Y),
        (PLOTS[:1], Y[:1]),
        LearningSettings(HeadSettings(kind="linear"), training),
        progress=Progress(epoch=epochs.append),
    )
    assert branch.logits(PLOTS).shape == (4, 2)
    np.testing.assert_array_equal(branch.logits_of(bags), branch.logits(PLOTS[:1]))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert history.epochs == tuple(epochs)
    # One film with one genre is found at once, so the first epoch stays the best.
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss


def test_fit_resumes(embedder, tmp_path):
    Y = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)
    training = TrainingSettings(max_epochs=3, patience=3)
    settings = LearningSettings(HeadSettings(kind="linear"), training)
    first, *_ = fit_semantic(embedder, (PLOTS, Y), (PLOTS, Y), settings, checkpoints=tmp_path)
    heard = []
    again, *_ = fit_semantic(
        embedder,
        (PLOTS, Y),
        (PLOTS, Y),
        settings,
        checkpoints=tmp_path,
        progress=Progress(epoch=heard.append),
    )
    assert not heard
    for name, tensor in first.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)
