"""POST /v1/tag: right answers, in order, alone and under load; limits; deadline; client gone."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from plotgenre.serving.reading import Reader


def close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert math.isclose(found[name], value, abs_tol=1e-5), name


def tags(film):
    return {one["name"]: one["probability"] for one in film["genres"]}


def test_one_plot(service, fast_model, plot):
    answer = service.tag(plot=plot)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["model"] == "films"
    (film,) = body["films"]
    assert film.keys() == {"genres"}
    assert list(tags(film)) == fast_model.predict([plot])[0]
    close(tags(film), fast_model.tag(plot))
    thresholds = dict(zip(fast_model.classes_, fast_model.thresholds_, strict=True))
    for one in film["genres"]:
        assert math.isclose(one["threshold"], thresholds[one["name"]], abs_tol=1e-6)
        assert one["probability"] >= one["threshold"]


def test_all_probabilities_logits_and_explanation(service, fast_model, plot):
    plot += " It is a ghost of a soldier. He walks home after the war."
    film = service.tag(plots=[plot], all=True, logits=True, explain=True).json()["films"][0]
    names = list(fast_model.classes_)
    close(film["probabilities"], dict(zip(names, fast_model.predict_proba([plot])[0], strict=True)))
    close(film["logits"], dict(zip(names, fast_model.transform([plot])[0], strict=True)))
    expected = fast_model.explain(plot).as_dict()["genres"]
    for found, right in zip(film["explanation"]["genres"], expected, strict=True):
        assert found["genre"] == right["genre"]
        assert found["words"] == right["words"]
        for one, other in zip(found["sentences"], right["sentences"], strict=True):
            assert plot[one["start"] : one["end"]] == one["text"] == other["text"]
            assert math.isclose(one["contribution"], other["contribution"], abs_tol=1e-5)


def test_films_are_answered_in_the_order_of_the_request(service, fast_model, plots):
    films = service.tag(plots=plots[:100]).json()["films"]
    assert [list(tags(film)) for film in films] == fast_model.predict(plots[:100])


def test_the_answer_does_not_depend_on_who_else_asks(service, fast_model, plots):
    expected = fast_model.predict_proba(plots)

    def ask(i):
        film = service.tag(plot=plots[i % len(plots)], all=True).json()["films"][0]
        return max(
            abs(p - q)
            for p, q in zip(film["probabilities"].values(), expected[i % len(plots)], strict=True)
        )

    before = service.figure("plotgenre_batch_seconds_count")
    with ThreadPoolExecutor(16) as pool:
        assert max(pool.map(ask, range(240))) < 1e-5
    batches = service.figure("plotgenre_batch_seconds_count") - before
    # Else nothing was shared, and the test shows nothing.
    assert batches < 240


def being_read(pool, service, gate, until, plot):
    """Requests that keep both reading threads busy until the gate opens."""
    taken = []
    for count in (1, 2):
        taken.append(pool.submit(service.tag, plot=plot))
        until(lambda count=count: len(gate.seen) == count)
    return taken


def test_the_queue_is_full(serve, gate, until, plot):
    with serve(gate.load, queue_tokens=160) as service, ThreadPoolExecutor(10) as pool:
        # Two are taken; of 20 tokens each, eight more fill the queue.
        taken = being_read(pool, service, gate, until, plot)
        waiting = []
        for i in range(8):
            waiting.append(pool.submit(service.tag, plot=plot))
            until(lambda i=i: service.service.batcher.held_tokens == 20 * (i + 1))
        refused = service.tag(plot=plot)
        assert refused.status_code == 429
        assert refused.json() == {"error": "the service is busy: its queue is full"}
        assert int(refused.headers["retry-after"]) >= 1
        gate.open()
        assert {one.result().status_code for one in [*taken, *waiting]} == {200}
        assert service.tag(plot=plot).status_code == 200


def test_the_deadline(serve, gate, until, plot):
    with serve(gate.load, deadline=0.3) as service, ThreadPoolExecutor(3) as pool:
        taken = being_read(pool, service, gate, until, plot)
        late = pool.submit(service.tag, plots=[plot, plot])
        for one in (*taken, late):
            answer = one.result()
            assert answer.status_code == 504
            assert answer.json() == {"error": "the request was not answered within 0.3 s"}
        # Two were being read; the two others never will be.
        assert service.figure("plotgenre_dropped_texts_total") == 2
        gate.open()
        assert service.tag(plot=plot).status_code == 200
        assert service.figure("plotgenre_read_texts_total") == 3


def test_a_client_that_is_gone_is_not_read_for(serve, gate, until, plot):
    with serve(gate.load) as service, ThreadPoolExecutor(2) as pool:
        taken = being_read(pool, service, gate, until, plot)
        with pytest.raises(httpx.ReadTimeout):
            service.client.post("/v1/tag", json={"plots": [plot] * 3}, timeout=0.5)
        until(lambda: service.figure("plotgenre_dropped_texts_total") >= 3)
        gate.open()
        assert [one.result().status_code for one in taken] == [200, 200]
        assert service.figure("plotgenre_read_texts_total") == 2


def test_a_failure_is_one_sentence_without_the_plot(serve, fast_reader, plot, caplog):
    class Broken(Reader):
        def answer(self, plot, logits, wishes):
            raise ValueError(f"cannot read {plot}")

    def load(settings):
        return Broken(fast_reader.name, fast_reader.model, 100, 4)

    with serve(load) as service:
        answer = service.tag(plot=plot)
    assert answer.status_code == 500
    assert answer.json() == {"error": "the service failed; its log says where"}
    assert "ValueError at" in caplog.text
    assert "detective" not in caplog.text


def test_the_event_loop_turns_while_the_model_reads(serve, gate, plot):
    with serve(gate.load) as service, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(service.tag, plot=plot)
        for _ in range(20):
            assert service.client.get("/health/live", timeout=5).json() == {"status": "live"}
        assert not asked.done()
        gate.open()
        assert asked.result().status_code == 200


def test_a_plot_longer_than_is_read_has_a_warning(serve, fast_model, plot):
    long = plot + " The ghost comes back." * 9_000
    with serve(max_characters=300_000) as service:
        short, film = service.tag(plots=[plot, long]).json()["films"]
        rows = service.client.post(
            "/v1/tag-file",
            content=json.dumps({"plot": long}) + "\n" + json.dumps({"plot": plot}) + "\n",
            headers={"Content-Type": "application/x-ndjson"},
        )
    said = f"the plot has {len(long):,} characters, of which the first 100,000 are read"
    assert film["warning"] == said
    assert "warning" not in short
    close(tags(film), fast_model.tag(long[:100_000]))
    _, first, second = map(json.loads, rows.text.splitlines())
    assert first["warning"] == said
    assert first["genres"] == film["genres"]
    assert "warning" not in second
