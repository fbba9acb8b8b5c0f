"""Quick reading: a long plot's beginning, middle and end, multiplied in 8 bits."""

import csv
from pathlib import Path

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.batch.worker import GenreWorker
from plotgenre.errors import InputError
from plotgenre.serving.reading import load_reader
from plotgenre.serving.settings import ServiceSettings

FILMS = Path(__file__).resolve().parents[2] / "examples" / "films.csv"


@pytest.fixture(scope="module")
def plots():
    with FILMS.open(encoding="utf-8", newline="") as file:
        return [film["plot"] for film in csv.DictReader(file)][:20]


@pytest.fixture(scope="module")
def quick():
    return GenreClassifier.from_pretrained("films", quick=True)


@pytest.fixture(scope="module")
def whole():
    return GenreClassifier.from_pretrained("films")


def test_three_slices_of_a_long_plot_are_read(quick, whole, plots):
    long = " ".join(plots)
    (three,) = quick.branches_["semantic"].embedder.slices([long])
    (eight,) = whole.branches_["semantic"].embedder.slices([long])
    assert (len(three), len(eight)) == (3, 8)
    assert (three[0], three[-1]) == (eight[0], eight[-1])
    # Some processors multiply in bfloat16 all the same, and their card says so.
    assert quick.model_.encoder.precision == "int8"


def test_short_plots_are_answered_nearly_the_same(quick, whole, plots):
    short = [plot[:300] for plot in plots]
    moved = np.abs(quick.predict_proba(short) - whole.predict_proba(short))
    ways = {one.branches_["semantic"].embedder.encoder.card.precision for one in (quick, whole)}
    assert (moved.mean() > 0) == (len(ways) == 2)
    assert moved.mean() < 0.002
    assert moved.max() < 0.1
    alone = np.concatenate([quick.predict_proba([plot]) for plot in short[:3]])
    np.testing.assert_allclose(quick.predict_proba(short)[:3], alone, atol=1e-5)


def test_what_is_saved_reads_everything_again(quick, whole, tmp_path):
    quick.save(tmp_path / "model")
    again = GenreClassifier.load(tmp_path / "model")
    assert again.recipe_ == whole.recipe_
    assert again.branches_["semantic"].embedder.slicing.max_slices == 8
    assert again.model_.encoder.precision != "int8"


def test_weights_in_float32_are_multiplied_as_such(saved_model):
    model = GenreClassifier.load(saved_model, quick=True)
    assert model.branches_["semantic"].embedder.slicing.max_slices <= 3
    assert model.branches_["semantic"].embedder.encoder.card.precision != "int8"


def test_words_alone_are_quick_already(tmp_path):
    GenreClassifier.from_pretrained("films", fast=True).save(tmp_path / "words")
    with pytest.raises(InputError, match="quick reading is an encoder's; expected fast or"):
        GenreClassifier.load(tmp_path / "words", quick=True)
    with pytest.raises(InputError, match="quick reading is an encoder's; expected fast or"):
        GenreClassifier.from_pretrained("films", fast=True, quick=True)


def test_batches_and_services_read_quickly_too(quick, plots):
    worker = GenreWorker(quick=True)
    tagged = worker({"plot": plots})
    assert [list(tags) for tags in tagged["genres"]] == quick.predict(plots)
    # So that a batch is not begun one way and ended the other.
    assert worker.fingerprinted().fingerprint != GenreWorker().fingerprinted().fingerprint
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    reader = load_reader(ServiceSettings(quick=True, queue_tokens=16_384))
    assert reader.longest == quick.branches_["semantic"].embedder.longest
    np.testing.assert_allclose(
        reader.logits(plots[:2]), quick.decision_function(plots[:2]), atol=1e-4
    )
