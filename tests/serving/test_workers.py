"""The real command line: a port, several processes, one killed, all ended."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

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


def test_processes_end_with_the_one_that_started_them(command, until, plot):
    with command("films", "--fast", "--workers", "2", "--set", "notice=0") as (process, _):
        until(lambda: len(children(process)) == 2, 60)
        started = children(process)
        process.kill()
        process.wait()
        until(lambda: not any(map(alive, started)), 60)


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
