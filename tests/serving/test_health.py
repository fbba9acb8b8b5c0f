"""Loading, ready, draining, failing; what the model is; figures."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from signal import SIGTERM

import pytest

from plotgenre.errors import PlotgenreError
from plotgenre.hub import SHIPPED
from plotgenre.serving.server import bind, run_process
from plotgenre.serving.settings import ServiceSettings


def test_not_ready_while_it_loads(serve, fast_reader, until, plot):
    loaded = threading.Event()

    def load(settings):
        assert loaded.wait(20)
        return fast_reader

    with serve(load, ready=False) as service:
        assert service.client.get("/health/live").status_code == 200
        answer = service.client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "loading"})
        for path in ("/v1/genres", "/v1/model"):
            assert service.client.get(path).status_code == 503
        early = service.tag(plot=plot)
        assert early.status_code == 503
        assert early.headers["retry-after"] == "2"
        loaded.set()
        until(lambda: service.client.get("/health/ready").json() == {"status": "ready"})
        assert service.tag(plot=plot).status_code == 200


def test_draining_finishes_what_was_accepted(serve, gate, until, plot):
    with serve(gate.load, notice=0.6) as service, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(service.tag, plot=plot)
        until(lambda: gate.seen)
        service.server.handle_exit(SIGTERM, None)
        ready = service.client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
        until(lambda: service.server.should_exit)
        # No longer listening, and still at work.
        assert not asked.done()
        gate.open()
        assert asked.result().status_code == 200


def test_work_that_outlasts_the_grace_is_cut(serve, gate, until, plot):
    with serve(gate.load, grace=1.0) as service, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(service.tag, plot=plot)
        until(lambda: gate.seen)
        service.server.handle_exit(SIGTERM, None)
        with pytest.raises(Exception):  # noqa: B017, PT011
            asked.result(10).raise_for_status()


def test_a_model_that_cannot_be_loaded_ends_the_process(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    settings = ServiceSettings(model=str(tmp_path))
    with pytest.raises(PlotgenreError, match="format None is unknown"):
        run_process(settings, bind("127.0.0.1", 0))


def test_genres_of_words_alone_have_no_scores_of_both_branches(service, fast_model):
    body = service.client.get("/v1/genres").json()
    assert body["model"] == "films"
    assert [one["name"] for one in body["genres"]] == list(fast_model.classes_)
    drama = next(one for one in body["genres"] if one["name"] == "Drama")
    assert drama["train_films"] == fast_model.train_films_["Drama"]
    assert abs(drama["threshold"] - fast_model.thresholds_[0]) < 1e-6
    assert drama["test"] is None


def test_the_model(service):
    body = service.client.get("/v1/model").json()
    assert body["name"] == "films"
    assert body["fast"] is True
    assert body["headline"] == {}
    assert body["recipe"]["branches"] == ["lexical"]
    assert body["card"] == (SHIPPED / "films" / "README.md").read_text("utf-8")
    assert body["limits"]["plots"] == 256


def test_figures(service, plot):
    before = service.figure("plotgenre_plots_total")
    assert service.tag(plots=[plot, plot]).status_code == 200
    service.client.get("/an/invented/path")
    assert service.figure("plotgenre_plots_total") == before + 2
    text = service.client.get("/metrics").text
    assert 'plotgenre_requests_total{route="/v1/tag",status="200"}' in text
    assert 'plotgenre_requests_total{route="other",status="404"}' in text
    assert "invented" not in text
    assert "detective" not in text


def test_openapi_has_an_example_that_works(service):
    schema = service.client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/v1/tag", "/v1/tag-file", "/v1/genres", "/v1/model", "/health/live", "/health/ready",
        "/metrics",
    }  # fmt: skip
    body = schema["paths"]["/v1/tag"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["schema"]["examples"]:
        assert service.tag(**example).status_code == 200
    assert "http" not in json.dumps(schema["paths"]).replace("HTTP", "")
