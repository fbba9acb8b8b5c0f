"""Batches of real films, read by the words of the package's own model, which is quick."""

import csv
import json
from pathlib import Path

import pytest

from plotgenre import GenreClassifier
from plotgenre.batch.local import run_here
from plotgenre.batch.run import BatchSettings, run_batch
from plotgenre.batch.worker import GenreWorker

FILMS = Path(__file__).resolve().parents[2] / "examples" / "films.csv"


@pytest.fixture(scope="session")
def words():
    """What the model says by words alone, asked directly."""
    return GenreClassifier.from_pretrained("films", fast=True)


@pytest.fixture(scope="session")
def films():
    """The 120 films of the examples, a dict each."""
    with FILMS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def batch():
    """Run a batch of words alone; settings and engine may be given."""

    def run(
        inputs, output, *, engine=run_here, listener=None, plot_column="plot", model="films",
        **settings
    ):  # fmt: skip
        worker = GenreWorker(model=model, fast=True, plot_column=plot_column)
        chosen = BatchSettings(output=str(output), **settings)
        return run_batch([str(one) for one in inputs], chosen, worker, engine, listener)

    return run


@pytest.fixture(scope="session")
def lines():
    """The rows of a file of JSON lines, or of a folder of such parts."""

    def read(path):
        files = sorted(path.glob("part-*")) if path.is_dir() else [path]
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    return read


@pytest.fixture(scope="session")
def stopped_after():
    """The local engine, interrupted when it has written so many parts."""

    def engine(parts):
        def run(readings, maker):
            for i, made in enumerate(run_here(readings, maker)):
                if i == parts:
                    raise KeyboardInterrupt
                yield made

        return run

    return engine


@pytest.fixture
def table(tmp_path, films):
    """The films' ids and plots in a CSV in a folder of its own."""
    path = tmp_path / "films.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot"])
        writer.writerows([film["id"], film["plot"]] for film in films)
    return path


@pytest.fixture(scope="session")
def contents():
    """All that a folder holds, by relative path: bytes of files, None for folders."""

    def of(folder):
        return {
            str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None
            for one in sorted(folder.rglob("*"))
        }

    return of
