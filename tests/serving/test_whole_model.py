"""The shipped model with its encoder: the same plot, the same answer, whoever else asks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.serving.reading import load_reader
from plotgenre.serving.settings import ServiceSettings


@pytest.fixture(scope="module")
def service(serve):
    with serve(fast=False, batch_tokens=1024) as one:
        yield one


def test_the_answer_does_not_depend_on_who_else_asks(service, plots):
    asked = plots[:12]
    alone = GenreClassifier.from_pretrained("films").predict_proba(asked)

    def ask(i):
        film = service.tag(plot=asked[i % len(asked)], all=True).json()["films"][0]
        return np.abs(list(film["probabilities"].values()) - alone[i % len(asked)]).max()

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(ask, range(3 * len(asked)))) < 1e-5
    assert service.figure("plotgenre_batch_seconds_count") < 3 * len(asked)


def test_an_explanation_is_read_in_the_queue(service, plots):
    film = service.tag(plot=plots[0], explain=True).json()["films"][0]
    expected = GenreClassifier.from_pretrained("films").explain(plots[0]).as_dict()["genres"]
    for found, right in zip(film["explanation"]["genres"], expected, strict=True):
        assert found["genre"] == right["genre"]
        contributions = [
            (one["contribution"], other["contribution"])
            for one, other in zip(found["sentences"], right["sentences"], strict=True)
        ]
        assert np.abs(np.subtract(*np.transpose(contributions))).max() < 1e-4


def test_genres_have_their_test_scores(service):
    body = service.client.get("/v1/genres").json()
    drama = next(one for one in body["genres"] if one["name"] == "Drama")
    assert drama["test"]["films"] > 1000
    assert 0.5 < drama["test"]["f1"] < 1
    headline = service.client.get("/v1/model").json()["headline"]
    assert headline["films"] == 4720
    assert 0.5 < headline["micro_f1"] < 0.6


def test_tokens_are_about_those_of_the_encoder(plots):
    # So large that a fifth of it is no bound on a plot.
    reader = load_reader(ServiceSettings(queue_tokens=16_384))
    embedder = reader.model.semantic().embedder
    true = [
        sum(len(spans) for spans in embedder.encoder.token_spans(slices))
        for slices in embedder.slices(plots)
    ]
    counted = [reader.tokens(plot) for plot in plots]
    assert 0.8 < sum(counted) / sum(true) < 1.3
    assert embedder.longest == embedder.slicing.tokens * embedder.slicing.max_slices
    assert reader.tokens("a" * 100_000) == embedder.longest
    assert reader.tokens("a") == 1
