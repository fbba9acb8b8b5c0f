"""A service that is busy, asks for a key, or is gone: one sentence beside what was asked."""

import json
import socket
import time
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

PLOT = "A ghost in the cellar discovers the old house."


@pytest.fixture
def started(serving, hostile_model, tmp_path):
    with ExitStack() as stack:
        yield lambda *settings, **more: stack.enter_context(
            serving(hostile_model, tmp_path, *settings, **more)
        )


@pytest.fixture
def crowd():
    """Fills a service's queue with requests that take long, and hangs up at the end."""
    sockets = []

    def crowd(service):
        where = urlsplit(service.address)
        plot = "The ghost is in the house. " * 3_000
        body = json.dumps({"plots": [plot] * 4, "explain": True}).encode()
        head = (
            f"POST /v1/tag HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        # More than find room: those who look whether there is any take some too.
        for _ in range(16):
            sockets.append(socket.create_connection((where.hostname, where.port)))
            sockets[-1].sendall(head.encode() + body)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                service.tag("Is there room?")
            except HTTPError:
                return
        raise AssertionError("the queue was never full")

    yield crowd
    for one in sockets:
        one.close()


def test_a_busy_service_says_when_to_come_again(visit, started, crowd, tmp_path):
    service = started("queue_tokens=8", "deadline=300")
    view = visit(service)
    crowd(service)
    view.fill("#plot", PLOT)
    view.click("#find")
    view.wait_for_selector("#ask-error:not(:empty)")
    said = view.text_content("#ask-error")
    assert said.startswith("The service is busy: its queue is full. Try again in ")
    # What was written is still there to be asked again.
    assert view.input_value("#plot") == PLOT

    file = tmp_path / "films.csv"
    file.write_text(f"plot\n{PLOT}\n")
    view.set_input_files("#file", file)
    view.wait_for_selector("#file-error:not(:empty)")
    assert view.text_content("#file-error").startswith("The service is busy")
    visit.last.expected("429")


def test_why_can_be_asked_again(visit, started, crowd):
    service = started("queue_tokens=8", "deadline=300")
    view = visit(service)
    # The first request is answered, the one for why finds the queue full.
    held = []
    view.route(
        "**/v1/tag", lambda route: held.append(route) or (len(held) == 1 and route.continue_())
    )
    view.fill("#plot", PLOT)
    view.click("#find")
    view.wait_for_selector("#given[aria-busy]")
    view.wait_for_timeout(100)
    crowd(service)
    held[1].continue_()
    view.wait_for_selector("#why-error:not(:empty)")
    assert view.text_content("#why-error").startswith("Why is not known: The service is busy")
    assert view.locator("#given .name").count() > 0
    assert view.locator("#why-again").is_visible()
    visit.last.expected("429")


def test_a_page_waits_for_a_service_that_loads_its_model(visit, browser, serving, tmp_path):
    with serving("films", tmp_path, path="health/live") as service:
        view = visit(service, ready=False)
        view.fill("#plot", PLOT)
        view.click("#find")
        # Loading is over within a second or two: said, or answered already.
        view.wait_for_selector("#ask-error:not(:empty), #answer:not([hidden])")
        assert view.text_content("#ask-error") in (
            "",
            "The model is still being loaded. Try again in 2 s.",
        )
        view.wait_for_selector("#model-line:not(:empty)")
        visit.last.expected("503")


def test_a_service_with_a_key_asks_for_it(visit, started):
    service = started(key="open sesame")
    view = visit(service, ready=False)
    view.fill("#plot", PLOT)
    view.click("#find")
    # What the page asks for by itself shows the row too, maybe before this answer has come.
    view.wait_for_selector("#ask-error:not(:empty)")
    assert "API key" in view.text_content("#ask-error")
    assert view.locator("#key-row").is_visible()
    visit.last.expected("401")
    view.fill("#key", "open sesame")
    view.click("#find")
    view.wait_for_selector("#answer:not([hidden])")
    assert view.locator("#given .name, #missed .name").count() > 0


def test_a_service_that_is_gone_is_said_in_one_sentence(visit, started, tmp_path):
    service = started()
    view = visit(service)
    file = tmp_path / "films.csv"
    file.write_text("plot\n" + f"{PLOT} {'ghost ' * 2_000}\n" * 3_000)
    view.set_input_files("#file", file)
    view.wait_for_selector("#preview li")
    service.process.kill()
    view.wait_for_selector('#many[data-state="stopped"]')
    said = view.text_content("#run-count")
    assert said.startswith("The connection to the service broke. ")
    assert said.endswith(" films have genres.")
    assert view.locator("#save-csv").is_visible()

    view.fill("#plot", PLOT)
    view.click("#find")
    view.wait_for_selector("#ask-error:not(:empty)")
    assert view.text_content("#ask-error") == "The service does not answer. Is it still running?"
    view.click("#open-figures")
    view.keyboard.press("Escape")
    visit.last.expected("ERR_")
