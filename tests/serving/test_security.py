"""The key, other origins, the headers, the page's files."""

import logging

import pytest

from plotgenre.serving.pages import FOLDER
from plotgenre.serving.security import CONTENT_SECURITY_POLICY
from plotgenre.serving.settings import ServiceSettings

KEY = "a-key-of-ours-é"


@pytest.fixture(scope="module")
def guarded(serve):
    with serve(api_key=KEY, origins=("https://films.example",)) as service:
        yield service


@pytest.mark.parametrize("path", ["/v1/genres", "/v1/model"])
@pytest.mark.parametrize(
    "value",
    [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer é"],
)
def test_without_the_key(guarded, path, value):
    headers = {} if value is None else {"Authorization": value.encode()}
    answer = guarded.client.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text


def test_posts_want_the_key_before_anything_else(guarded, plot):
    assert guarded.tag(plot=plot).status_code == 401
    assert guarded.client.post("/v1/tag-file", content=b"x" * 1000).status_code == 401
    assert guarded.client.post("/v1/tag", content=b"no JSON").status_code == 401


def test_with_the_key(guarded, plot, caplog):
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": f"Bearer {KEY}".encode()}
    answer = guarded.client.post("/v1/tag", json={"plot": plot}, headers=headers)
    assert answer.status_code == 200
    assert "detective" not in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(guarded.service.settings)


@pytest.mark.parametrize("path", ["/", "/health/live", "/metrics"])
def test_what_needs_no_key(guarded, path):
    assert guarded.client.get(path).status_code == 200


def test_another_origin(guarded):
    def preflight(origin):
        return guarded.client.options(
            "/v1/tag",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )

    allowed = preflight("https://films.example")
    assert allowed.headers["access-control-allow-origin"] == "https://films.example"
    assert "access-control-allow-credentials" not in allowed.headers
    for other in ("https://evil.example", "null", "https://films.example.evil.example"):
        answer = preflight(other)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/v1/genres", "/nothing", "/metrics"])
def test_headers_are_on_every_answer(service, path):
    headers = service.client.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_the_page_and_its_files(service):
    index = service.client.get("/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.content == (FOLDER / "index.html").read_bytes()
    for path in FOLDER.iterdir():
        answer = service.client.get(f"/page/{path.name}")
        assert answer.content == path.read_bytes()
        assert "http-equiv" not in answer.text.lower()


def test_the_key_is_not_shown():
    assert "secret" not in repr(ServiceSettings(api_key="secret"))
