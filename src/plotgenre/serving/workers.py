"""Several processes on one socket: started, replaced when they die, ended together."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from time import monotonic, sleep

from plotgenre.errors import PlotgenreError
from plotgenre.serving.metrics import FOLDER
from plotgenre.serving.settings import ServiceSettings

logger = logging.getLogger("plotgenre.serving")

FAILED = 3
"""Exit status of a process whose model cannot be loaded: another would fail too."""

_TICK = 0.2
# A process that dies younger than this is replaced no sooner.
_SHORTEST_LIFE = 2.0
# The libraries' own names: OpenMP's is also what graphs are given, Rayon is the tokenizer's.
_THREADS = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def supervise(settings: ServiceSettings, listening: socket.socket) -> None:
    """Keep as many processes as the settings say, until a signal ends all.

    Raises
    ------
    PlotgenreError
        If a process cannot load its model; it has said why.
    """
    ended: list[int] = []
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda sig, frame: ended.append(sig))
    with tempfile.TemporaryDirectory(prefix="plotgenre-figures-") as figures:
        environment = os.environ | {FOLDER: figures} | threads_each(settings.workers, os.environ)
        workers = [_Worker(settings, listening, environment) for _ in range(settings.workers)]
        failed = False
        while not ended and not failed:
            sleep(_TICK)
            failed = any(worker.process.poll() == FAILED for worker in workers)
            for worker in workers:
                worker.keep()
        _end(workers, settings.notice + settings.grace)
    if failed:
        raise PlotgenreError("a process of the service could not load the model")


def threads_each(workers: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that give each process its part of the cores, unless they are set already."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    part = str(max((cores or 1) // workers, 1))
    return {name: part for name in _THREADS if name not in environment}


class _Worker:
    """A process, and what it takes to start another in its place."""

    def __init__(
        self, settings: ServiceSettings, listening: socket.socket, environment: Mapping[str, str]
    ) -> None:
        self._settings, self._listening, self._environment = settings, listening, environment
        self.process = self._start()

    def keep(self) -> None:
        """Start another if this one has died."""
        status = self.process.poll()
        if status is None or status == FAILED or monotonic() - self._begun < _SHORTEST_LIFE:
            return
        logger.warning("process %d died (%d); another is started", self.process.pid, status)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        self._begun = monotonic()
        number = self._listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "plotgenre.serving.workers", str(number)],
            stdin=subprocess.PIPE,
            pass_fds=[number],
            env=dict(self._environment),
            text=True,
        )
        assert process.stdin is not None
        # Not on the command line, where everyone may read the API key; nor is the pipe closed:
        # its end tells a process that this one is gone.
        process.stdin.write(json.dumps(asdict(self._settings)) + "\n")
        process.stdin.flush()
        return process


def _end(workers: list[_Worker], seconds: float) -> None:
    for worker in workers:
        worker.process.terminate()
    # A little longer than the processes give themselves.
    end = monotonic() + seconds + 5
    for worker in workers:
        try:
            worker.process.wait(max(end - monotonic(), 0))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def main() -> None:
    """One of the processes: the socket's number is the argument, the settings are on stdin."""
    # After the environment is set, which these read when they are imported.
    from plotgenre.serving.server import run_process

    settings = ServiceSettings(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_process(settings, socket.socket(fileno=int(sys.argv[1])))
    except PlotgenreError as refused:
        print(f"plotgenre: {refused}", file=sys.stderr, flush=True)
        raise SystemExit(FAILED) from None


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
