"""The load on a service: small, on the real services, and its figures by hand."""

import asyncio
import json
import socket
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from plotgenre import GenreClassifier, read_corpus


@pytest.fixture(scope="module")
def service():
    import service

    return service


@pytest.fixture(scope="module")
def films():
    return read_corpus(Path(__file__).resolve().parents[2] / "examples" / "films.csv")


@pytest.fixture(scope="module")
def plan(service, films):
    return service.Plan(
        model="films", fast=True, plots=tuple(films.plots[:20]), seconds=0.3,
        overload_seconds=0.3, clients=4, workers=1, set=("notice=0",),
    )  # fmt: skip


def test_percentiles_by_hand():
    from service_load import Load

    load = Load(seconds=2.0, statuses=Counter({200: 100}), latencies=[i / 1000 for i in range(100)])
    assert [load.percentile(one) for one in (50, 95, 99)] == [50.0, 95.0, 99.0]
    assert load.per_second == 50
    assert Load().percentile(99) is None


def test_memory_by_thirds(service):
    assert service.grown([1, 5, 2, 9, 3, 4]) == {"first third": 5, "last third": 4}
    assert service.grown([7]) == {"first third": 7, "last third": 7}


def test_wrong_answers_are_seen(service, films):
    model = GenreClassifier.from_pretrained("films", fast=True)
    check = service.checker(model, films.plots[:3])

    def body(tags):
        genres = [{"name": name, "probability": p} for name, p in tags.items()]
        return json.dumps({"films": [{"genres": genres}]}).encode()

    tags = model.tag(films.plots[1])
    assert check(1, body(tags))
    assert not check(0, body(tags))
    first = next(iter(tags))
    assert not check(1, body({name: p for name, p in tags.items() if name != first}))
    assert not check(1, body(tags | {first: tags[first] - 1e-3}))


@pytest.mark.parametrize("which", ["plotgenre_service", "naive_service"])
def test_a_small_load(service, plan, which):
    model = GenreClassifier.from_pretrained("films", fast=True)
    check = service.checker(model, plan.plots)
    with getattr(service, which)(plan) as (process, port):
        found, rate = service.loads(plan, process, port, check, None)
    assert rate > 0
    assert found.keys() == {"saturation", "50 %", "90 %", "300 %"}
    for load in found.values():
        assert load["wrong"] == 0
        assert load["answers"]["200"] > 0
        assert load["p50 ms"] <= load["p99 ms"]
    assert found["300 %"]["memory MB"]["first third"] > 10


def test_a_connection_that_breaks_is_counted():
    from service_load import Client, open_load

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    client = Client("127.0.0.1", port)
    load = asyncio.run(open_load(client, ["a"], 50, 0.2, lambda row, body: True))
    assert set(load.statuses) == {0}
    assert not load.latencies


def test_arrivals_are_by_chance_and_as_many_as_asked():
    from service_load import _waits

    waits = [wait for wait, _ in zip(_waits(100), range(5000), strict=False)]
    assert np.mean(waits) == pytest.approx(0.01, rel=0.05)
    assert np.std(waits) == pytest.approx(0.01, rel=0.1)


def test_the_table_by_hand():
    from service_table import render

    def load(answers, **rest):
        figures = {"seconds": 120.0, "answers": answers, "accepted per second": 12.34}
        figures |= {"p50 ms": 80.4, "p95 ms": 1200.0, "p99 ms": None, "wrong": 0}
        return figures | rest

    figures = {
        "machine": {"cores": 2, "processor": "EPYC"},
        "model": "films",
        "settings": ["queue_tokens=512"],
        "plots": 10,
        "characters a plot": 1900,
        "in-process plots per second": 20.0,
        "plotgenre serve": {
            "saturation": load({"200": 90, "429": 1500}),
            "300 %": load({"200": 1}, **{"memory MB": {"first third": 400.0, "last third": 401.0}}),
            "share of in-process": 0.914,
            "share of what the client left": 0.987,
        },
        "one request, one encode": {"saturation": load({"0": 3, "200": 1, "504": 2})},
        "kill -9 of one of two": {
            "seconds to a new process": 1.25, "seconds": 70.0,
            "meanwhile": load({"200": 5}), "afterwards": load({"200": 6}, wrong=1),
        },
    }  # fmt: skip
    text = render(figures)
    assert (
        "10 plots of 1,900 characters on average, model `films`, `queue_tokens=512`, on 2" in text
    )
    assert "reads 91% of their text a second, and 99% of it in" in text
    ours = "| plotgenre serve, saturation | 12.3 | 1,500 | 0 | 80 | 1,200 | – | 0 |"
    assert ours in text
    assert "| one request, one encode, saturation | 12.3 | 0 | 5 | 80 | 1,200 | – | 0 |" in text
    assert "| kill -9 of one of two, afterwards | 12.3 | 0 | 0 | 80 | 1,200 | – | 1 |" in text
    assert "Over 2 minutes of overload" in text
    assert "400 MB in the first third and at 401 MB in the last" in text
    assert "within 1.2 s" in text
