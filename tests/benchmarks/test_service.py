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
        overload_seconds=0.3, clients=4, set=("notice=0",),
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
