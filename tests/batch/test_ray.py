"""Ray on this machine: the same rows as here, and nothing lost with a worker."""

import csv
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from plotgenre.batch.ray import RaySettings, on_ray
from plotgenre.batch.worker import GenreWorker
from plotgenre.errors import BatchError

FILMS = Path(__file__).resolve().parents[2] / "examples" / "films.csv"

ray = pytest.importorskip("ray", reason="ray is not installed; extra ray")
psutil = pytest.importorskip("psutil", reason="psutil is not installed; it finds Ray's workers")


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


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_rows_are_those_of_the_local_engine(batch, on_two, tmp_path, name):
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "a", "plot": "War."}\n[]\n')
    gone = tmp_path / "noplot.csv"
    gone.write_text("a,b\n1,2\n")
    inputs = [FILMS, broken, gone]
    here = batch(inputs, tmp_path / f"here-{name}", rows_per_part=25)
    there = batch(inputs, tmp_path / f"there-{name}", rows_per_part=25, engine=on_two)
    assert (there.rows, there.errors, there.unreadable) == (here.rows, 1, here.unreadable)
    written = [(tmp_path / f"{where}-{name}").read_bytes() for where in ("here", "there")]
    assert written[0] == written[1]


@pytest.fixture
def long(tmp_path, films):
    """A file of many chunks, a folder to tag it into, and whether all of it came there."""
    with (tmp_path / "long.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot"])
        writer.writerows([i, films[i % 120]["plot"]] for i in range(3000))
    return tmp_path / "long.csv", tmp_path / "out"


def actors():
    """The processes that are, or soon will be, actors of Ray Data."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one.is_running() and "MapWorker" in one.name()]


def test_a_killed_worker_loses_nothing(batch, lines, on_two, long):
    source, out = long
    killed = []

    def kill():
        while len(list(out.glob("part-*"))) < 5:
            time.sleep(0.01)
        for one in actors()[:1]:
            os.kill(one.pid, signal.SIGKILL)
            killed.append(one.pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    summary = batch([source], out, rows_per_part=50, engine=on_two)
    thread.join()
    assert len(killed) == 1
    assert summary.rows == 3000
    assert [row["id"] for row in lines(out)] == [str(i) for i in range(3000)]


def test_ray_goes_on_where_the_local_engine_stopped(batch, lines, on_two, tmp_path):
    from plotgenre.batch.local import run_here

    def stopping(readings, maker):
        for i, made in enumerate(run_here(readings, maker)):
            if i == 2:
                raise KeyboardInterrupt
            yield made

    with pytest.raises(KeyboardInterrupt):
        batch([FILMS], tmp_path / "out", rows_per_part=30, engine=stopping)
    summary = batch([FILMS], tmp_path / "out", rows_per_part=30, engine=on_two)
    assert (summary.rows, summary.tagged) == (120, 60)
    assert len({row["id"] for row in lines(tmp_path / "out")}) == 120


def test_what_a_worker_cannot_do_is_one_sentence(batch, on_two, tmp_path, monkeypatch):
    # A model that is another one in the workers.
    fingerprinted = GenreWorker.fingerprinted

    def other(self):
        from dataclasses import replace

        return replace(fingerprinted(self), fingerprint="0" * 64)

    monkeypatch.setattr(GenreWorker, "fingerprinted", other)
    with pytest.raises(BatchError, match=r"Ray gave up: .*another one here than where") as told:
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
