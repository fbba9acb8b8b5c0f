"""What nobody should send: each is answered with its status and one sentence, and life goes on."""

import gzip
import json
import socket
from time import monotonic, sleep

import pytest

from plotgenre.serving.refusals import RefusedError
from plotgenre.serving.schemas import tag_request

JSON = {"Content-Type": "application/json"}
FILE = {"Content-Type": "text/csv"}

# name: (body, headers, status, words of the sentence)
BODIES = {
    "nothing": (b"", JSON, 400, "not JSON"),
    "no JSON": (b"a ghost", JSON, 400, "not JSON"),
    "cut off": (b'{"plot": "a gho', JSON, 400, "not JSON"),
    "not UTF-8": (b'{"plot": "\xff\xfe"}', JSON, 400, "not JSON"),
    "lone surrogate": (rb'{"plot": "a \ud800 ghost"}', JSON, 400, "hex escape"),
    "deep lists": (b'{"plots": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400, "not JSON"),
    "deep objects": (b'{"plot":' * 50_000 + b"1" + b"}" * 50_000, JSON, 400, "not JSON"),
    "NaN": (b'{"plot": NaN}', JSON, 422, "plot"),
    "huge number": (b'{"plot": 1e999999}', JSON, 422, "plot"),
    "a number": (b"3", JSON, 422, "object"),
    "a list": (b'["a ghost"]', JSON, 422, "object"),
    "null": (b"null", JSON, 422, "object"),
    "neither": (b"{}", JSON, 422, "either plot"),
    "both": (b'{"plot": "a ghost", "plots": ["a ghost"]}', JSON, 422, "either plot"),
    "no text": (b'{"plot": 7}', JSON, 422, "plot: input should be a valid string"),
    "no list": (b'{"plots": "a ghost"}', JSON, 422, "plots: input should be a valid array"),
    "no texts": (b'{"plots": ["a ghost", null]}', JSON, 422, "plots[1]: input should be"),
    "no plots": (b'{"plots": []}', JSON, 422, "plots is empty"),
    "empty": (b'{"plot": ""}', JSON, 422, "the plot is empty"),
    "space": (b'{"plots": ["a ghost", " \\n\\u3000"]}', JSON, 422, "plots[1] is empty"),
    "all is text": (b'{"plot": "a ghost", "all": "yes"}', JSON, 422, "all: input should be"),
    "another field": (b'{"plot": "a ghost", "secret-plot": 1}', JSON, 422, "a field of the body"),
    "10,000 plots": (
        json.dumps({"plots": ["a ghost"] * 10_000}).encode(), JSON, 422,
        "10,000 plots; expected at most 256 plots",
    ),
    "too many to explain": (
        b'{"plots": ["a", "b", "c", "d", "e"], "explain": true}', JSON, 422,
        "5 plots; expected at most 4 explained plots",
    ),
    "a long plot": (
        json.dumps({"plot": "ghost " * 20_000}).encode(), JSON, 422,
        "120,000 characters; expected at most 100,000",
    ),
    "a huge body": (b'{"plot": "' + b"a" * 8_000_000 + b'"}', JSON, 413, "8,000,000 bytes"),
    "no type": (b'{"plot": "a ghost"}', {}, 415, "application/json"),
    "a form": (
        b"plot=ghost", {"Content-Type": "application/x-www-form-urlencoded"}, 415,
        "application/json",
    ),
    "packed": (
        gzip.compress(b'{"plot": "a ghost"}'), JSON | {"Content-Encoding": "gzip"}, 415,
        "Content-Encoding; expected it unpacked",
    ),
    "plain text": (b'{"plot": "a ghost"}', {"Content-Type": "text/plain"}, 415, "application/json"),
    "another encoding": (
        b'{"plot": "a ghost"}', {"Content-Type": "application/json; charset=latin-1"}, 415,
        "UTF-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body(service, name):
    body, headers, status, words = BODIES[name]
    answer = service.client.post("/v1/tag", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    sentence = answer.json()["error"]
    assert words in sentence
    assert len(sentence) < 200
    assert "\n" not in sentence
    assert "secret" not in sentence


ODD_PLOTS = {
    "zero": "\0",
    "zero within": "a\0ghost",
    "byte order mark": "\ufeffghost",
    "right to left": "\u202eghost",
    "emoji": "👻" * 20_000,
    "one word": "a" * 100_000,
    "accents alone": "\u0301" * 5000,
    "no character": "\ufffe",
}


@pytest.mark.parametrize("name", ODD_PLOTS)
def test_an_odd_plot_is_a_plot(service, name):
    answer = service.tag(plot=ODD_PLOTS[name], all=True)
    assert answer.status_code == 200
    assert all(0 <= p <= 1 for p in answer.json()["films"][0]["probabilities"].values())


def test_a_body_that_does_not_say_how_long_it_is(service):
    pieces = (b"x" * 1_000_000 for _ in range(20))
    answer = service.client.post("/v1/tag", content=pieces, headers=JSON)
    assert answer.status_code == 413


def test_a_million_wrong_plots_are_one_error():
    # 2,000,000 took 12 seconds and 240 MB when each was an error of its own.
    begun = monotonic()
    with pytest.raises(RefusedError, match=r"plots\[0\]: input should be a valid string"):
        tag_request(b'{"plots": [' + b"[]," * 1_000_000 + b"[]]}")
    assert monotonic() - begun < 2


CHUNKED = (
    b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", b"x"),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n", b"X: x\r\n"),
        (CHUNKED + b"1;", b"x"),
        (CHUNKED + b"0\r\n", b"X: x\r\n"),
        (b"", b"\r\n"),
        (CHUNKED, b"a\r\n          \r\n"),
        (b"", b"GET /v1/genres HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
    ids=["path", "header", "headers", "chunk's head", "trailers", "lines", "chunks", "requests"],
)
def test_what_has_no_end(service, begin, piece):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        sent, closed = 0, False
        connection.sendall(begin)
        while sent < 30_000_000 and not closed:
            try:
                sent += connection.send(piece * (60_000 // len(piece)))
            except ConnectionError:
                closed = True
        assert closed
    assert service.tag(plot="a ghost").status_code == 200


def test_requests_that_do_not_wait_for_the_answers_before(service):
    paths = [("live", 200), ("nothing", 404), ("ready", 200)] * 60
    asked = "".join(f"GET /health/{path} HTTP/1.1\r\nHost: x\r\n\r\n" for path, _ in paths)
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(asked.encode())
        received = b""
        while received.count(b"HTTP/1.1 ") < len(paths) or not received.endswith(b"}"):
            received += connection.recv(65536)
    statuses = [int(one[:3]) for one in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [status for _, status in paths]


def test_headers_as_large_as_may_be_and_many_requests_of_a_connection(service):
    for _ in range(20):
        answer = service.client.get("/health/live", headers={"X": "x" * 200_000})
        assert answer.status_code == 200


def test_a_body_that_drips(serve):
    with serve(deadline=0.3) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            head = "POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
            for _ in range(20):
                try:
                    connection.sendall(b" ")
                except OSError:
                    break
                sleep(0.05)
            # Answered, and closed by the service.
            assert connection.recv(65536).startswith(b"HTTP/1.1 504")
        assert service.tag(plot="a ghost").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/tag", 405),
        ("DELETE", "/v1/genres", 405),
        ("POST", "/v1/nothing", 404),
        ("GET", "/page/../settings.py", 404),
        ("GET", "/page/..%2fsettings.py", 404),
        ("GET", "/page/%2e%2e/settings.py", 404),
        ("GET", "/page//etc/passwd", 404),
        ("GET", "/page/index.html%00.js", 404),
        ("GET", "/page/", 404),
        ("GET", "/%0d%0aX-Evil:%20yes", 404),
        ("GET", "/docs", 404),
        # No redirection to the host that the client has named.
        ("POST", "/v1/tag/", 404),
        ("GET", "/redoc", 404),
    ],
)
def test_another_path(service, method, path, status):
    head, _, body = raw(
        service, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert int(head.split()[1]) == status
    assert "x-evil" not in head.lower()
    assert json.loads(body).keys() == {"error"}


@pytest.mark.parametrize(
    "request_bytes",
    [
        "GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        "POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        "POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
        "GET /" + "a" * 200_000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["header", "negative", "no number", "two lengths", "version", "TLS", "long path"],
)
def test_bytes_that_are_not_http(service, request_bytes):
    head, _, _ = raw(service, request_bytes)
    assert head.split()[1:2] in (["400"], ["404"], ["414"], ["431"], ["505"], [])
    assert service.tag(plot="a ghost").status_code == 200


def test_a_header_is_not_sent_back(service):
    evil = {"X-Request-Id": "a", "Origin": "https://evil.example", "User-Agent": "<script>"}
    answer = service.client.get("/v1/genres", headers=evil)
    assert "evil" not in str(answer.headers)
    assert "access-control-allow-origin" not in answer.headers


def raw(service, text):
    """Head, separator and body of the answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        received = b""
        try:
            connection.sendall(text.encode("latin-1"))
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass
    return received.decode().partition("\r\n\r\n")
