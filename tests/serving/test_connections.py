"""Clients that take their time: none keeps another out, and what is held for them is bounded."""

import json
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from signal import SIGTERM
from time import sleep

import pytest

from plotgenre.serving import connections

HEAD = b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: 9000\r\n\r\n"
FILE = b"POST /v1/tag-file HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n" + LENGTH
# An answer of megabytes, of which the buffers of two sockets hold a part.
LARGE = json.dumps({"plots": ["a ghost"] * 256, "all": True, "logits": True}).encode()
ASKED = HEAD + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE


@contextmanager
def clients(service, count, sent=b""):
    """Connections that have sent something, and read nothing."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.settimeout(20)
            one.connect(("127.0.0.1", service.port))
            one.sendall(sent)
            opened.append(one)
        yield opened


def ended(connection):
    """What is received until the service closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def drip(connection, content):
    """Send a byte after another, until the service has closed the connection."""
    with pytest.raises(ConnectionError):
        dripped(connection, content)


def dripped(connection, content):
    for byte in content:
        connection.sendall(bytes([byte]))
        sleep(0.05)


def open_connections(service):
    return list(service.server.server_state.connections)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health/live HT",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: 500\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        FILE + b"plot\n",
    ],
    ids=["nothing", "half a head", "kept alive", "half a body", "chunks", "half a file"],
)
def test_those_who_wait_longest_make_room(serve, until, plot, sent):
    with serve(connections=8) as service:
        with clients(service, 40, sent):
            for _ in range(3):
                assert service.client.get("/health/live").status_code == 200
                assert service.tag(plot=plot).status_code == 200
            until(lambda: len(open_connections(service)) <= 8)
        assert service.tag(plot=plot).status_code == 200


@pytest.mark.parametrize("before", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_head_that_drips(serve, before):
    with serve(deadline=0.3) as service, clients(service, 1, before) as (one,):
        drip(one, b"GET / HTTP/1.1\r\nX: " + b"x" * 200)


def test_a_file_that_drips(serve):
    with serve(deadline=0.3) as service, clients(service, 1, FILE + b"plot\n") as (one,):
        drip(one, b"a" * 200)


def test_a_file_that_comes_slowly_but_comes(serve, plot):
    content = b"plot\n" + plot.replace(",", "").encode() * 100
    with serve(deadline=0.3) as service:

        def pieces():
            for start in range(0, len(content), 1000):
                yield content[start : start + 1000]
                sleep(0.05)

        headers = {"Content-Type": "text/csv"}
        answer = service.client.post("/v1/tag-file", content=pieces(), headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "sent",
    [ASKED, b"GET /v1/genres HTTP/1.1\r\nHost: x\r\n\r\n" * 200],
    ids=["an answer", "answers to many requests at once"],
)
def test_an_answer_that_nobody_reads(serve, until, sent):
    with serve() as service, clients(service, 1, sent) as (stuck,):
        until(lambda: any(one.unsent for one in open_connections(service)))
        # Earlier, a slow machine would not have read the plots by then.
        service.server._settings = replace(service.server._settings, deadline=0.5)
        until(lambda: not open_connections(service))
        assert ended(stuck)


def test_answers_that_nobody_reads_are_bounded_together(serve, until, monkeypatch):
    with serve() as service:
        size = len(service.client.post("/v1/tag", content=LARGE, headers=JSON).content)
        monkeypatch.setattr(connections, "_UNSENT", 3 * size)
        with clients(service, 8, ASKED):
            until(lambda: service.service.metrics._plots._value.get() == 9 * 256)
            # Of eight answers, three are kept, and the connection of the client above.
            until(lambda: len(open_connections(service)) <= 4)
            assert 0 < sum(one.unsent for one in open_connections(service)) <= 3 * size


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("head", [HEAD + LENGTH, FILE])
def test_bodies_on_their_way_are_bounded_together(serve, until, plot, head):
    with ExitStack() as stack:
        service = stack.enter_context(serve(max_body=10_000, max_file=10_000))
        sent = head + b" " * 8_000
        (first,) = stack.enter_context(clients(service, 1, sent))
        until(lambda: sum(service.service.bodies._sizes.values()) == 8_000)
        (second,) = stack.enter_context(clients(service, 1, sent))
        until(lambda: sum(service.service.bodies._sizes.values()) == 16_000)
        stack.enter_context(clients(service, 1, sent))
        answer = ended(first)
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 1" in answer
        assert b"too many bodies" in answer
        assert service.tag(plot=plot).status_code == 200
        # The others were left alone.
        second.sendall(b"\n" * 1000)
        assert second.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 422")


def test_while_draining_answers_close_their_connections(serve, plot):
    with serve(notice=0.6) as service:
        assert "connection" not in service.tag(plot=plot).headers
        service.server.handle_exit(SIGTERM, None)
        assert service.tag(plot=plot).headers["connection"] == "close"
