"""Nothing is sent, and nothing is left outside the folders given and the package's own cache."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from plotgenre.telemetry import SETTINGS

PROBE = """
import os, sys
import plotgenre
print([os.environ[name] for name in {names}], sys.modules.get("openvino_telemetry", "as it was"))
"""
# Another address than this machine's, as strace writes it.
ELSEWHERE = re.compile(r'inet_addr\("(?!127\.)|inet_pton\(AF_INET6, "(?!::1")')
LEXICAL = ("--recipe", "lexical", "--set", "genres.minimum_films=5")
ADAPTING = ("--set", "adapting.films=8", "--set", "adapting.steps=1")
TAGGING = [
    ("tag", "A detective hunts a murderer in the harbour."),
    ("tag", "A detective hunts a murderer in the harbour.", "--quick"),
    ("tag", "films.csv", "-o", "tagged", "--fast"),
    ("tag", "films.csv", "-o", "tagged-too"),
    ("info", "films"),
]
FITTING = [
    ("inspect", "films.csv"),
    ("train", "films.csv", "-o", "lexical", *LEXICAL),
    ("evaluate", "lexical/model", "films.csv", "--report", "page.html"),
    ("adapt", "films.csv", "-o", "new", "--recipe", "quick.toml", *ADAPTING),
    ("train", "films.csv", "-o", "small", "--recipe", "quick.toml"),
    ("bundle", "small/model", "bundled"),
]


@pytest.fixture
def environment(tmp_path):
    """A user's that is new here: an empty home, cache and temporary folder, nothing set."""
    own = dict(os.environ)
    for name in (*SETTINGS, "MPLCONFIGDIR", "CI", "XDG_CONFIG_HOME"):
        own.pop(name, None)
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        (tmp_path / name).mkdir()
        own[name] = str(tmp_path / name)
    return own | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def room(tmp_path, film_lists, film_recipe):
    (tmp_path / "room").mkdir()
    with (tmp_path / "room" / "films.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(plot, "|".join(genres)) for plot, genres in zip(*film_lists, strict=True)]
        csv.writer(file).writerows([("plot", "genres"), *rows])
    settings = {"slicing.tokens": 16, "training.max_epochs": 2}
    film_recipe.with_settings(settings).save(tmp_path / "room" / "quick.toml")
    return tmp_path / "room"


def left(tmp_path: Path) -> set[str]:
    """Files outside the folders that were named, but for the package's own cache."""
    files = {
        path.relative_to(tmp_path).as_posix()
        for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR")
        for path in (tmp_path / name).rglob("*")
        if not path.is_dir()
    }
    return {file for file in files if not file.startswith("XDG_CACHE_HOME/plotgenre/")}


def traced(tmp_path: Path) -> list[str]:
    """strace's command line, where it can be had."""
    command = [
        "strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg",
        "-o", str(tmp_path / "trace"),
    ]  # fmt: skip
    if not shutil.which("strace"):
        return []
    works = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else []


def sockets(tmp_path: Path) -> list[str]:
    trace = tmp_path / "trace"
    lines = trace.read_text(errors="replace").splitlines() if trace.exists() else []
    return [line for line in lines if ELSEWHERE.search(line)]


def run(commands, tmp_path, environment, room):
    for command in commands:
        done = subprocess.run(
            [*traced(tmp_path), sys.executable, "-m", "plotgenre", *command],
            cwd=room, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert sockets(tmp_path) == [], command
    assert left(tmp_path) == set()


def test_tagging_sends_nothing_and_leaves_nothing(tmp_path, environment, room):
    run(TAGGING, tmp_path, environment, room)


def test_fitting_sends_nothing_and_leaves_nothing(tmp_path, environment, room):
    pytest.importorskip("torch")
    run(FITTING, tmp_path, environment, room)


def test_serving_sends_nothing_and_leaves_nothing(tmp_path, environment, room):
    pytest.importorskip("fastapi")
    command = [sys.executable, "-m", "plotgenre", "serve", "films", "--port", "0"]
    process = subprocess.Popen(
        [*traced(tmp_path), *command], cwd=room, env=environment, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        where = re.search(rb"http://\S+", process.stderr.readline()).group().decode()
        with urlopen(where, timeout=60) as page:
            assert page.status == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
        process.stderr.close()
    assert sockets(tmp_path) == []
    assert left(tmp_path) == set()


def test_sockets_are_seen(tmp_path):
    if not (tracer := traced(tmp_path)):
        pytest.skip("strace is not here, or may not trace: only files were looked at")
    # Port 9 of an address for documentation (RFC 5737): nothing answers, and nothing is sent.
    code = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('192.0.2.1', 9))"
    subprocess.run([*tracer, sys.executable, "-c", code], check=False)
    assert len(sockets(tmp_path)) == 1


def probe(environment):
    code = PROBE.format(names=list(SETTINGS))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_a_user_has_set_stays(environment, tmp_path):
    assert probe(environment) == f"{list(SETTINGS.values())} None"
    environment |= dict.fromkeys(SETTINGS, "mine")
    decision = tmp_path / "HOME" / "intel" / "openvino_telemetry"
    decision.parent.mkdir()
    decision.write_text("0")
    assert probe(environment) == f"{['mine'] * len(SETTINGS)} as it was"
