"""Real services: uvicorn on a free port in a thread, with models of the package."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from plotgenre import GenreClassifier, read_corpus
from plotgenre.serving.app import build_app
from plotgenre.serving.reading import Reader, load_reader
from plotgenre.serving.server import Server, bind
from plotgenre.serving.settings import ServiceSettings

PLOT = "A detective hunts a murderer through the city, and the trail leads to the police."


class Running:
    """A service, and a client of it."""

    def __init__(self, app, server, port):
        self.app, self.server, self.port = app, server, port
        self.service = app.state.service
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def tag(self, **body):
        return self.client.post("/v1/tag", json=body)

    def figure(self, name):
        """A figure of the metrics, 0 before its first."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0


def until(true, seconds=20):
    """Wait for something that happens in another thread."""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not happen"
        sleep(0.005)


@contextmanager
def running(load=load_reader, ready=True, **settings):
    """A service of the settings; by default words alone are read."""
    chosen = ServiceSettings(**{"fast": True, "notice": 0.0, "grace": 5.0} | settings)
    app = build_app(chosen, load)
    server, listening = Server(app, chosen), bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    service = Running(app, server, listening.getsockname()[1])
    try:
        until(lambda: server.started)
        if ready:
            until(lambda: service.service.status != "loading")
        yield service
    finally:
        service.client.close()
        server.should_exit = True
        thread.join(20)
        listening.close()


class Gate:
    """Loads a model that reads a batch when the gate is open: as slow as a test wants it."""

    def __init__(self, reader):
        self._reader, self._open, self._patience = reader, threading.Event(), 20
        self.seen = []

    def open(self):
        self._open.set()

    def load(self, settings):
        gate = self

        class Gated(Reader):
            def logits(self, plots):
                gate.seen.append(list(plots))
                if not gate._open.wait(gate._patience):
                    # A test has failed, and what it left in the queue ends at once.
                    gate._patience = 0
                    raise TimeoutError("the gate was never opened")
                return Reader.logits(self, plots)

        # Counted as an encoder's tokens: `PLOT` has 20.
        return Gated(self._reader.name, self._reader.model, settings.share, 4)


@pytest.fixture
def gate(fast_reader):
    one = Gate(fast_reader)
    yield one
    # Whoever still waits ends.
    one.open()


@contextmanager
def started(*arguments, **environment):
    """`plotgenre serve` on a free port: the process, and a client."""
    process = subprocess.Popen(
        [sys.executable, "-m", "plotgenre", "serve", "--port", "0", *arguments],
        stderr=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip
    try:
        where = re.search(r"http://\S+", process.stderr.readline())
        with httpx.Client(base_url=where.group(), timeout=60) as client:
            yield process, client
    finally:
        # Processes that it started end with it.
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="session")
def command():
    return started


@pytest.fixture(scope="session")
def serve():
    return running


@pytest.fixture(scope="session", name="until")
def _until():
    return until


@pytest.fixture(scope="session")
def plot():
    return PLOT


@pytest.fixture(scope="session")
def fast_reader():
    return load_reader(ServiceSettings(fast=True))


@pytest.fixture(scope="session")
def fast_model():
    return GenreClassifier.from_pretrained("films", fast=True)


@pytest.fixture(scope="session")
def service():
    """One for all tests that leave it as it is."""
    with running() as one:
        yield one


@pytest.fixture(scope="session")
def plots(examples):
    return examples.plots


@pytest.fixture(scope="session")
def examples():
    return read_corpus(Path(__file__).resolve().parents[2] / "examples" / "films.csv")
