"""The ways to adapt, by hand; every variant as a probe of a few steps."""

import argparse
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.learning.adaptation import AdaptationRun, DrawnFilms
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.token_films import TokenFilms

torch = pytest.importorskip("torch")

SETTINGS = AdaptingSettings(steps=4, films=4, head_dropout=0.0, frozen_layers=1)
NAMES = ["Horror", "Comedy", "War"]


@pytest.fixture
def encoder(tiny_masked):
    from plotgenre.embedding.encoders.trainable import TrainableEncoder

    settings = EncoderSettings(
        kind="sentence_transformers", name=str(tiny_masked), precision="float32"
    )
    return TrainableEncoder(settings)


@pytest.fixture
def films(encoder):
    texts = ["an old house", "a ghost in the cellar", "both share a taxi", "the soldier walks"]
    slices = [encoder.ids([text, text[::-1]]) for text in texts]
    Y = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]], dtype=bool)
    return TokenFilms.of("train", slices, Y)


def begun(kind, encoder, films, tmp_path) -> AdaptationRun:
    return kind(encoder, films, films, SETTINGS, tmp_path / "states")


def test_a_taught_target_lies_half_way_to_the_teacher(encoder, films, tmp_path):
    from adapting_ways import TaughtRun

    run = begun(TaughtRun, encoder, films, tmp_path)
    run.teacher = np.full((4, 3), 0.25, np.float32)
    expected = torch.tensor([[0.125, 0.625, 0.125], [0.625, 0.125, 0.125]])
    torch.testing.assert_close(run.targets(np.array([2, 0])), expected)


def test_a_contrast_is_small_only_if_a_films_slices_are_alike(encoder, films, tmp_path):
    from adapting_ways import TEMPERATURE, ContrastedRun

    run = begun(ContrastedRun, encoder, films, tmp_path)
    drawn = DrawnFilms(np.array([0, 1, 2]), np.arange(5), torch.tensor([2, 1, 2]))
    axes = torch.eye(encoder.dimension)

    def contrast(vectors):
        plain = AdaptationRun.summed_loss(run, drawn, vectors)
        return (run.summed_loss(drawn, vectors) - plain).item()

    # The film of one slice has no part in it: two films, cosines 1 and 0.
    alike = contrast(axes[[0, 0, 2, 1, 1]])
    assert alike == pytest.approx(2 * np.log1p(np.exp(-1 / TEMPERATURE)), abs=1e-5)
    crossed = contrast(axes[[0, 1, 2, 1, 0]])
    assert crossed == pytest.approx(2 * np.log1p(np.exp(1 / TEMPERATURE)), rel=1e-5)


def test_vectors_by_chance_are_as_long_as_those_of_names(encoder, films, tmp_path):
    from adapting_ways import start_as_long_by_chance

    run = begun(AdaptationRun, encoder, films, tmp_path)
    start_as_long_by_chance(run, encoder, 4)
    by_chance = run.head.weight.detach().clone()
    run.begin_head(encoder.source.encode(NAMES))
    names = run.head.weight.detach()
    torch.testing.assert_close(by_chance.norm(dim=1), names.norm(dim=1))
    assert (by_chance - names).abs().max() > 0.1


def test_masked_words_teach_the_layers_that_adapt_and_no_other(encoder, films, tmp_path):
    from adapting_ways import read_masked_words

    settings = replace(SETTINGS, learning_rate=3e-3)
    run = AdaptationRun(encoder, films, films, settings, tmp_path / "states")
    before = {name: p.detach().clone() for name, p in encoder.module.named_parameters()}
    losses = read_masked_words(run, encoder, 160)
    assert len(losses) == 80
    assert np.mean(losses[-20:]) < 0.95 * np.mean(losses[:20])
    changed = {
        encoder.depths[name]
        for name, p in encoder.module.named_parameters()
        if not torch.equal(p, before[name])
    }
    assert changed == {1, 2}


def test_every_variant_is_probed(film_lists, tiny_masked, tmp_path, monkeypatch):
    import adapting_variants as script

    plots, genres = film_lists
    for side, own in (("train", slice(0, 60)), ("validation", slice(60, 90))):
        columns = {
            "id": [f"{side}-{i}" for i in range(len(plots[own]))],
            # Of several slices each.
            "plot": [4 * plot for plot in plots[own]],
            "genres": genres[own],
            "tmdb_genres": [None if i % 5 == 0 else ["Funny"] for i in range(len(plots[own]))],
        }
        pq.write_table(pa.table(columns), tmp_path / f"{side}.parquet")
    monkeypatch.setattr(script, "BUNDLED", str(tiny_masked))
    # The others stop and calibrate the teacher.
    monkeypatch.setattr(script, "VALIDATION_FILMS", 20)
    arguments = argparse.Namespace(
        data=tmp_path,
        store=tmp_path / "s",
        runs=tmp_path / "r",
        encoder=tiny_masked,
        steps=2,
        films=4,
    )
    probes = script.Probes(arguments)
    # The recipe freezes all layers that so small an encoder has.
    probes.settings = replace(probes.settings, frozen_layers=1)
    assert probes.second_targets().shape == (8, 1)
    again = script.Probes(argparse.Namespace(**vars(arguments) | {"runs": tmp_path / "again"}))
    again.settings = probes.settings
    np.testing.assert_array_equal(again.logits(script.BASE), probes.logits(script.BASE))
    logits = {name: probes.logits(name) for name in script.VARIANTS}
    assert {one.shape for one in logits.values()} == {(20, len(probes.train.genres))}
    base = logits.pop(script.BASE)
    assert all(not np.array_equal(base, other) for other in logits.values())
    less = probes.measured("average of the weights")["less_base"]["micro_f1"]
    # 20 films are too few for an interval.
    assert -1 <= less["value"] <= 1
    assert less["low"] is None
