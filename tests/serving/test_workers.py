"""The real command line: a port, several processes, one killed, all ended."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from plotgenre import GenreClassifier
from plotgenre.serving.workers import threads_each

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")


def children(process):
    """Numbers of the processes that a process has started."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return {int(number) for number in found.split()}


def alive(number):
    """Whether a process is, and is not only waiting to be noticed as dead."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except OSError:
        return False


def answered(client, plot, seen):
    """Whether a new connection is answered; one to a killed process is not."""
    try:
        answer = httpx.post(client.base_url.join("/v1/tag"), json={"plot": plot}, timeout=60)
    except httpx.TransportError:
        return False
    seen.append(answer)
    return True


def test_several_processes_one_killed(command, until, fast_model, plot):
    with command("films", "--fast", "--workers", "2", "--set", "notice=0") as (process, client):
        seen = []
        until(lambda: answered(client, plot, seen), 60)
        before = children(process)
        assert len(before) == 2
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        until(lambda: answered(client, plot, seen) and len(children(process) - {killed}) == 2, 60)
        until(lambda: answered(client, plot, seen), 60)
        # Nobody was sent to a process that was still loading its model.
        assert {answer.status_code for answer in seen} == {200}
        for answer in seen:
            (film,) = answer.json()["films"]
            assert [one["name"] for one in film["genres"]] == fast_model.predict([plot])[0]
        # Of all processes, the killed one's counters included.
        figures = client.get("/metrics").text
        total = re.search(r"^plotgenre_plots_total (\S+)", figures, re.MULTILINE)
        assert float(total.group(1)) == len(seen)
        assert f'pid="{killed}"' not in figures
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def tagged(client, plot):
    """Whether a new connection gets genres."""
    seen = []
    return answered(client, plot, seen) and seen[0].status_code == 200


def refused(client):
    """Whether a new connection is refused."""
    try:
        socket.create_connection((client.base_url.host, client.base_url.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    ("workers", "sig"),
    [
        ("1", signal.SIGTERM),
        ("1", signal.SIGHUP),
        ("2", signal.SIGTERM),
        ("2", signal.SIGINT),
    ],
)
def test_a_signal_ends_what_is_new_and_not_what_was_accepted(command, until, plot, workers, sig):
    settings = ("--set", "notice=0.3", "--workers", workers)
    with command("films", "--fast", *settings) as (process, client):
        until(lambda: tagged(client, plot), 60)
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=60) as slow:
            slow.sendall(
                b"POST /v1/tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b'Content-Length: 19\r\n\r\n{"plot":'
            )
            # Another request is answered: the one before it was accepted.
            for _ in range(20):
                assert tagged(client, plot)
            process.send_signal(sig)
            until(lambda: refused(client))
            assert process.poll() is None
            slow.sendall(b' "a ghost"}')
            assert slow.recv(65536).startswith(b"HTTP/1.1 200")
        assert process.wait(30) == 0


def test_processes_end_with_the_one_that_started_them(command, until, plot):
    with command("films", "--fast", "--workers", "2") as (process, client):
        until(lambda: tagged(client, plot), 60)
        started = children(process)
        assert len(started) == 2
        process.kill()
        process.wait()
        until(lambda: refused(client))
        until(lambda: not any(map(alive, started)))


def test_nobody_listens_before_a_process_has_loaded(command, until, plot):
    with command("films", "--fast", "--workers", "2") as (_, client):
        assert refused(client)
        until(lambda: not refused(client), 60)
        assert client.get("/health/ready").status_code == 200


FORKS = """
import atexit, os, signal, threading, time

def fork():
    # As OpenVINO's telemetry does: in a thread, in a process that has its handlers.
    now = os.environ["FORKED"] + ".now"
    while not os.path.exists(now) or signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, None):
        time.sleep(0.01)
    number = os.fork()
    if number == 0:
        while True:
            time.sleep(60)
    with open(os.environ["FORKED"], "a") as file:
        print(number, file=file, flush=True)
    # As multiprocessing does at the end.
    atexit.register(lambda: (os.kill(number, signal.SIGTERM), os.waitpid(number, 0)))

# Not in a process that only watches the others.
if "PROMETHEUS_MULTIPROC_DIR" in os.environ or os.environ["WORKERS"] == "1":
    threading.Thread(target=fork, daemon=True).start()
"""


@pytest.mark.parametrize(
    ("workers", "sig"),
    [("1", signal.SIGTERM), ("2", signal.SIGTERM), ("2", signal.SIGKILL)],
)
def test_what_a_library_has_forked_keeps_nothing(command, until, plot, tmp_path, workers, sig):
    (tmp_path / "sitecustomize.py").write_text(FORKS)
    file = tmp_path / "forked"
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        "FORKED": str(file),
        "WORKERS": workers,
    }
    settings = ("--set", "notice=0", "--workers", workers)
    with command("films", "--fast", *settings, **environment) as (process, client):
        until(lambda: tagged(client, plot), 60)
        (tmp_path / "forked.now").touch()
        until(lambda: file.exists() and len(file.read_text().split()) == int(workers))
        forked = [int(number) for number in file.read_text().split()]
        assert all(map(alive, forked))
        process.send_signal(sig)
        try:
            process.wait(30)
            until(lambda: refused(client))
            if sig == signal.SIGTERM:
                assert process.returncode == 0
                until(lambda: not any(map(alive, forked)))
        finally:
            for number in filter(alive, forked):
                os.kill(number, signal.SIGKILL)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A model of words alone, in a folder of its own."""
    settings = {"genres.minimum_films": 1}
    recipe = GenreClassifier("lexical").settings().with_settings(settings)
    films = [(f"ghost house cellar {i}", ["Horror"]) for i in range(10)]
    films += [(f"love wedding bride {i}", ["Romance"]) for i in range(10)]
    folder = tmp_path_factory.mktemp("words") / "model"
    GenreClassifier(recipe).fit(*map(list, zip(*films, strict=True))).save(folder)
    return folder


def test_one_that_cannot_load_again_does_not_end_the_others(
    command, until, plot, small_model, tmp_path
):
    folder = shutil.copytree(small_model, tmp_path / "model")
    with command(str(folder), "--workers", "2", "--set", "notice=0") as (process, client):
        until(lambda: tagged(client, plot), 60)
        for one in children(process):
            # Both have loaded: the other answers, too.
            os.kill(one, signal.SIGSTOP)
            assert tagged(client, plot)
            os.kill(one, signal.SIGCONT)
        (folder / "config.json").unlink()
        killed = min(children(process))
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(children(process) - {killed}) == 2, 60)
        # The new one has failed.
        until(lambda: len(children(process)) == 1, 60)
        for _ in range(5):
            assert tagged(client, plot)
        assert process.poll() is None


def test_a_model_that_no_process_can_load(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = subprocess.run(
        [sys.executable, "-m", "plotgenre", "serve", str(tmp_path), "--port", "0",
         "--workers", "2"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "format None is unknown" in done.stderr
    assert "Traceback" not in done.stderr


def test_processes_share_the_cores():
    cores = len(os.sched_getaffinity(0))
    assert threads_each(1, {})["OMP_NUM_THREADS"] == str(cores)
    assert threads_each(10_000, {})["OMP_NUM_THREADS"] == "1"
    assert threads_each(2, {"OMP_NUM_THREADS": "7"}).keys() == {"RAYON_NUM_THREADS"}
