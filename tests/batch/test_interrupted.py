"""The command interrupted. For kills at random moments see `tests/benchmarks`."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

ROWS = 4000


@pytest.fixture(scope="module")
def room(tmp_path_factory, films):
    folder = tmp_path_factory.mktemp("killed")
    with (folder / "films.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot"])
        # Short, so that a run has many parts; and line ends within fields, as plots have them.
        writer.writerows([i, f"{films[i % 120]['plot'][:150]}\n{i}"] for i in range(ROWS))
    return folder


def begin(room, output):
    return subprocess.Popen(
        [sys.executable, "-m", "plotgenre", "tag", "films.csv", "-o", output, "--fast",
         "--rows-per-part", "40"],
        cwd=room, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # A shell that runs the tests in the background has them ignore it, and so their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def parts(folder):
    return len(list(folder.glob("part-*"))) if folder.is_dir() else 0


def test_an_interrupt_is_no_error_and_loses_nothing(room, lines):
    process = begin(room, "stopped")
    while parts(room / "stopped") < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "plotgenre: interrupted; the same command goes on where it stopped\n"
    manifest = json.loads((room / "stopped" / "_manifest.json").read_text())
    # One part at most was written and not recorded yet; it will be written again.
    assert 0 <= parts(room / "stopped") - len(manifest["parts"]) <= 1
    assert len(manifest["parts"]) >= 2
