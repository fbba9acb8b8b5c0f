"""The serve command's settings: the key, limits, what it says where something is wrong."""

import socket

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from plotgenre.doors.serving import read_key
from plotgenre.errors import InputError
from plotgenre.recipe import validated
from plotgenre.serving.settings import ServiceSettings


def test_the_key_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("PLOTGENRE_API_KEY", raising=False)
    assert read_key(None) == ""
    monkeypatch.setenv("PLOTGENRE_API_KEY", " from outside\n")
    assert read_key(None) == "from outside"
    file = tmp_path / "key"
    file.write_text("of a file\n")
    assert read_key(file) == "of a file"
    file.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        read_key(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_key(tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no/such/model"], "no model folder"),
        (["--set", "deadline=0"], "deadline"),
        (["--set", "nothing=1"], "nothing"),
        (["--set", "queue_tokens"], "PART.NAME=VALUE"),
        (["--port", "70000"], "port"),
        (["--workers", "0"], "workers"),
        (["--host", "203.0.113.1"], "address"),
    ],
)
def test_what_is_wrong_is_one_sentence(main, arguments, words):
    status, out, err = main("serve", *arguments)
    assert status == 2
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_port_that_is_taken(main):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _, err = main("serve", "--port", taken.getsockname()[1])
    assert status == 2
    assert "in use" in err


def test_settings():
    settings = validated(ServiceSettings, {"queue_tokens": 800}, "serve")
    assert settings.share == 160
