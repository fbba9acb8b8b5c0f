"""A service in a process of its own, and visits to its page that must stay silent."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from plotgenre import GenreClassifier, Recipe

pytest.importorskip("fastapi", reason="FastAPI is not installed; extra serve")
pytest.importorskip("uvicorn", reason="uvicorn is not installed; extra serve")

# Seconds: a busy machine is slow, and no test waits for either where all is well.
START, PATIENCE = 300, 90
SIZES = {"desk": (1280, 900), "phone": (360, 780)}
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "javascript:alert(3)",
    "&lt;b&gt; ' \" </ul>",
)


@dataclass
class Service:
    """A service that runs."""

    address: str
    process: subprocess.Popen

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        data = json.dumps(body).encode() if body else None
        asked = Request(self.address + path, data, {"Content-Type": "application/json"})
        with urlopen(asked, timeout=PATIENCE) as answer:
            return json.load(answer)

    def tag(self, plot: str, **more: Any) -> dict[str, Any]:
        return self.ask("v1/tag", plot=plot, all=True, **more)["films"][0]


@contextmanager
def _serving(model: str, folder: Path, *settings: str, key: str = "", path: str = "health/ready"):
    """The service of a model, on any free port, once it answers for the path."""
    said = folder / "said.txt"
    environment = os.environ | {"PLOTGENRE_API_KEY": key}
    options = [part for one in ("notice=0", *settings) for part in ("--set", one)]
    command = [sys.executable, "-m", "plotgenre", "serve", model, "--port", "0", *options]
    with (
        said.open("w") as errors,
        subprocess.Popen(command, stderr=errors, env=environment) as process,
    ):
        try:
            yield Service(_address(said, process, path), process)
        finally:
            process.terminate()


def _address(said: Path, process: subprocess.Popen, path: str) -> str:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
        _, _, address = said.read_text().partition(" at ")
        try:
            urlopen(f"{address.strip()}/{path}", timeout=PATIENCE).close()
        except (OSError, ValueError):
            continue
        return f"{address.strip()}/"
    raise AssertionError(said.read_text())


@pytest.fixture(scope="session")
def serving():
    """Starts a service of one's own."""
    return _serving


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """The service of the shipped model `films`."""
    with _serving("films", tmp_path_factory.mktemp("films")) as service:
        yield service


@pytest.fixture(scope="session")
def hostile_names():
    """Genre names that a browser must show as they stand."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile_model(film_lists, tmp_path_factory):
    """A model of words alone, fitted within a second, whose genres have hostile names."""
    plots, genres = film_lists
    names = dict(
        zip(("Horror", "Comedy", "War", "Romance", "Opera"), (*HOSTILE, "Opera"), strict=True)
    )
    folder = tmp_path_factory.mktemp("hostile") / "model"
    recipe = Recipe.load("lexical").with_settings({"genres.minimum_films": 5})
    renamed = [[names[genre] for genre in own] for own in genres]
    GenreClassifier(recipe).fit(plots, renamed).save(folder)
    return str(folder)


@pytest.fixture(scope="session")
def hostile(hostile_model, tmp_path_factory):
    """The service of `hostile_model`."""
    with _serving(hostile_model, tmp_path_factory.mktemp("hostile-service")) as service:
        yield service


@dataclass
class Visit:
    """A page and what must not have happened on it by the end of the test."""

    view: Any
    origin: str
    wrong: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.view.on("console", lambda message: self.wrong.append(message.text))
        self.view.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.view.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.view.on("request", lambda sent: self._own(sent.url))

    def _own(self, address: str) -> None:
        if not address.startswith((self.origin, "data:", f"blob:{self.origin}")):
            self.wrong.append(address)

    def expected(self, *parts: str) -> None:
        """Forgive the browser's own line in the console about a refused or failed request."""
        self.wrong = [
            text
            for text in self.wrong
            if not ("Failed to load resource" in text and any(part in text for part in parts))
        ]


@pytest.fixture
def visit(browser):
    """Opens pages of a service; anything in their console, or asked of another server, fails."""
    visits = []

    def open_page(
        service: Service, size: str = "desk", colours: str = "light", *, ready: bool = True
    ) -> Any:
        view = browser.new_page(
            viewport=dict(zip(("width", "height"), SIZES[size], strict=True)),
            color_scheme=colours,
            reduced_motion="reduce",
        )
        view.set_default_timeout(PATIENCE * 1000)
        visits.append(Visit(view, service.address))
        visits[-1].watch()
        view.goto(service.address)
        if ready:
            view.wait_for_selector("#model-line:not(:empty)")
        open_page.last = visits[-1]
        return view

    yield open_page
    for one in visits:
        one.view.close()
    assert [one.wrong for one in visits if one.wrong] == []


@pytest.fixture
def find():
    """Has the page read a plot, and waits until it knows why."""

    def find(view: Any, plot: str) -> None:
        view.fill("#plot", plot)
        view.click("#find")
        explained(view)

    return find


def explained(view: Any) -> None:
    view.wait_for_selector("#answer:not([hidden])")
    view.wait_for_selector("#given:not([aria-busy])", state="attached")
