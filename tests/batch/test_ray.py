"""Ray on this machine: the same rows as here, and nothing lost with a worker."""

import csv
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from plotgenre.batch.local import run_here
from plotgenre.batch.ray import RaySettings, on_ray
from plotgenre.batch.worker import GenreWorker
from plotgenre.errors import BatchError

FILMS = Path(__file__).resolve().parents[2] / "examples" / "films.csv"

ray = pytest.importorskip("ray", reason="ray is not installed; extra ray")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Ray with two processors, started once: that takes longer than all that runs on it."""
    # As many threads as Ray says, not as many as the tests are given.
    before = os.environ.pop("OMP_NUM_THREADS", None)
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()
    if before is not None:
        os.environ["OMP_NUM_THREADS"] = before


@pytest.fixture(scope="module")
def on_two():
    return on_ray(RaySettings(workers=2))


def test_rows_are_those_of_the_local_engine(batch, on_two, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "a", "plot": "War.", "cast": [1, {"x": null}]}\n[]\n')
    without = tmp_path / "without.csv"
    without.write_text("a,b\n1,2\n")
    inputs = [FILMS, broken, without]
    here = batch(inputs, tmp_path / "here", rows_per_part=25)
    there = batch(inputs, tmp_path / "there", rows_per_part=25, engine=on_two)
    assert (there.rows, there.errors, there.unreadable) == (here.rows, 1, here.unreadable)
    assert list(there.unreadable) == [str(without)]
    written = [
        {part.name: part.read_bytes() for part in (tmp_path / where).glob("part-*")}
        for where in ("here", "there")
    ]
    assert len(written[0]) == 6
    assert written[0] == written[1]


def actors():
    """Process ids of Ray Data's actors in the Ray that this process started."""
    told = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in told.stdout.splitlines()]
    parents = {int(pid): int(parent) for pid, parent, _ in rows}

    def is_ours(pid):
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [int(pid) for pid, _, name in rows if "::MapWorker" in name and is_ours(int(pid))]


def stopping(readings, maker):
    """The local engine, interrupted after three parts."""
    for i, made in enumerate(run_here(readings, maker)):
        if i == 3:
            raise KeyboardInterrupt
        yield made


def test_begun_here_finished_there_and_a_killed_worker_loses_nothing(
    batch, lines, on_two, tmp_path, films
):
    source, out = tmp_path / "long.csv", tmp_path / "out.jsonl"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot"])
        writer.writerows([i, films[i % 120]["plot"]] for i in range(2000))
    with pytest.raises(KeyboardInterrupt):
        batch([source], out, rows_per_part=50, engine=stopping)
    killed = []

    def kill():
        parts = tmp_path / "out.jsonl.parts"
        while len(list(parts.glob("part-*"))) < 8:
            time.sleep(0.01)
        for pid in actors()[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    summary = batch([source], out, rows_per_part=50, engine=on_two)
    thread.join()
    assert len(killed) == 1
    assert (summary.rows, summary.tagged) == (2000, 1850)
    assert [row["id"] for row in lines(out)] == [str(i) for i in range(2000)]


def test_what_a_worker_cannot_do_is_one_sentence(batch, on_two, tmp_path, monkeypatch):
    # A model that is another one in the workers.
    fingerprinted = GenreWorker.fingerprinted

    def other(self):
        return replace(fingerprinted(self), fingerprint="0" * 64)

    monkeypatch.setattr(GenreWorker, "fingerprinted", other)
    with pytest.raises(BatchError, match=r"a worker cannot go on: .*another one here") as told:
        batch([FILMS], tmp_path / "out", engine=on_two)
    assert "\n" not in str(told.value)


def test_a_worker_has_one_thread_and_is_a_function_of_ray_data_by_itself(words, films):
    class Asked(GenreWorker):
        def __call__(self, batch):
            from plotgenre.embedding.encoders.graph import threads_wanted

            answer = super().__call__(batch)
            return answer | {"threads": [threads_wanted()] * len(batch["id"])}

    rows = [{"id": film["id"], "plot": film["plot"]} for film in films[:20]]
    tagged = (
        ray.data.from_items(rows)
        .map_batches(
            Asked,
            fn_constructor_kwargs={"fast": True},
            batch_size=8,
            compute=ray.data.ActorPoolStrategy(size=1),
        )
        .take_all()
    )
    by_id = {row["id"]: row for row in tagged}
    for film in films[:20]:
        row = by_id[film["id"]]
        assert list(row["genres"]) == words.predict([film["plot"]])[0]
        assert row["error"] is None
        assert row["threads"] == 1
