"""One run an output: the second is refused, and told whose it is."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from plotgenre.batch.lock import locked
from plotgenre.errors import BatchError

HOLD = """
import sys, time
from pathlib import Path
from plotgenre.batch.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds ``out``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_told_whose_it_is(batch, contents, table, holder):
    out = table.with_name("out")
    before = contents(table.parent)
    told = rf"out \(process {holder.pid} on {re.escape(socket.gethostname())}, since 20.* UTC\)"
    for place in (out, out.as_uri()):
        for options in ({}, {"force": True}, {"resume": True}):
            with pytest.raises(BatchError, match=f"another run writes to .*{told}"):
                batch([table], place, **options)
    assert contents(table.parent) == before


def test_the_lock_of_a_process_that_is_gone_is_taken_over(batch, lines, table, holder):
    out = table.with_name("out")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert sorted(path.name for path in out.iterdir()) == [
        ".plotgenre.lock", ".plotgenre.owner.json",
    ]  # fmt: skip
    batch([table], out)
    assert len(lines(out)) == 120
    assert [path.name for path in out.glob(".*")] == []


def test_a_lock_leaves_nothing(tmp_path):
    out = tmp_path / "new" / "out"
    with locked(out):
        owner = json.loads((out / ".plotgenre.owner.json").read_text())
        assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
        with pytest.raises(BatchError, match="another run"), locked(out):
            pass
        # The refused one has removed nothing.
        assert len(list(out.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeyError), locked(tmp_path / "empty"):
        raise KeyError
    (tmp_path / "filled").mkdir()
    with locked(tmp_path / "filled"):
        (tmp_path / "filled" / "a").write_text("")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "empty", "filled"]


def test_many_at_once_hold_one_after_the_other(tmp_path):
    code = """
import sys, time
from pathlib import Path
from plotgenre.batch.lock import locked
from plotgenre.errors import BatchError
room = Path(sys.argv[1])
held = 0
until = time.monotonic() + 1.5
while time.monotonic() < until:
    try:
        with locked(room / "out"):
            mark = room / "mark"
            mark.touch(exist_ok=False)
            time.sleep(0.001)
            mark.unlink()
            held += 1
    except BatchError:
        pass
print(held)
"""
    many = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    held = [int(one.communicate()[0]) for one in many]
    assert [one.returncode for one in many] == [0, 0, 0]
    assert sum(held) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_told(tmp_path, monkeypatch):
    import filelock

    def refused(*_, **__):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    told = pytest.warns(match="on a disk without file locks, so no other run may write there")
    with told, locked(tmp_path / "out"):
        pass


def test_two_runs_at_once_make_one_output(table, contents):
    def begin(output, *options):
        return subprocess.Popen(
            [sys.executable, "-m", "plotgenre", "tag", "films.csv", "-o", output, "--fast",
             "--rows-per-part", "2", *options],
            cwd=table.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    first = begin("out.jsonl")
    while not table.with_name("out.jsonl.parts").exists():
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.002)
    second = begin("out.jsonl", "-m", "standard", "--force")
    said = [one.communicate(timeout=60)[1] for one in (first, second)]
    # However slow the second began: it was refused, or was alone and did all of it.
    assert first.returncode == 0, said
    assert second.returncode == 0 or "another run writes to" in said[1], said
    assert len(table.with_name("out.jsonl").read_text().splitlines()) == 120
    assert not table.with_name("out.jsonl.parts").exists()
    manifest = json.loads(table.with_name("_out.jsonl.manifest.json").read_text())
    expected = "films" if second.returncode else "standard"
    assert manifest["settings"]["model"] == expected
