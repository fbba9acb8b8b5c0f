"""The command killed as a machine kills it, at random moments, and begun again: every row once."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

KILLS = 8
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
    )  # fmt: skip


def parts(folder):
    return len(list(folder.glob("part-*"))) if folder.is_dir() else 0


@pytest.mark.parametrize("output", ["out", "out.jsonl"])
def test_killed_at_random_moments_and_begun_again(room, lines, output):
    chance = random.Random(output)
    folder = room / (output if output == "out" else f"{output}.parts")
    seen = []
    for _ in range(KILLS // 2):
        process = begin(room, output)
        wanted = parts(folder) + chance.randint(1, 2 * ROWS // 40 // KILLS)
        while parts(folder) < wanted and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.05)
        process.kill()
        _, said = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, said
        seen.append(parts(folder))
    # It never began from nothing, and was never done.
    assert 0 < seen[0] < seen[-1] < ROWS // 40
    process = begin(room, output)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    told = lines(room / output)
    assert [row["id"] for row in told] == [str(i) for i in range(ROWS)]
    assert all(row["plot"].endswith(f"\n{row['id']}") and row["error"] is None for row in told)
    # What was recorded before the last kill was not done again.
    assert int(said.partition(" tagged now")[0].rpartition(" ")[2].replace(",", "")) < ROWS
    assert [path.name for path in room.glob(".*")] == []


def test_an_interrupt_is_no_error_and_loses_nothing(room, lines):
    process = begin(room, "stopped")
    while parts(room / "stopped") < 3:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "plotgenre: interrupted; the same command goes on where it stopped\n"
    manifest = json.loads((room / "stopped" / "_manifest.json").read_text())
    assert len(manifest["parts"]) == parts(room / "stopped") >= 3
