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
from contextlib import suppress
from dataclasses import asdict
from time import monotonic, sleep

from plotgenre.errors import PlotgenreError
from plotgenre.serving.metrics import FOLDER
from plotgenre.serving.settings import ServiceSettings

logger = logging.getLogger("plotgenre.serving")

FAILED = 3
"""Exit status of a process that cannot load its model or listen; it has said why."""

_TICK = 0.1
# A process that dies is replaced no sooner than so many seconds after it began.
_SHORTEST_LIFE, _SHORTEST_FAILURE = 2.0, 30.0
# The libraries' own names: OpenMP's is also what graphs are given, Rayon is the tokenizer's.
_THREADS = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def supervise(settings: ServiceSettings, listening: socket.socket) -> None:
    """Keep as many processes as the settings say, until a signal ends all.

    Raises
    ------
    PlotgenreError
        If no process can load its model; they have said why.
    """
    from plotgenre.serving.server import ending_signals

    signals: list[int] = []
    for one in ending_signals():
        signal.signal(one, lambda sig, frame: signals.append(sig))
    with tempfile.TemporaryDirectory(prefix="plotgenre-figures-") as figures:
        environment = os.environ | {FOLDER: figures} | threads_each(settings.workers, os.environ)
        workers = [_Worker(settings, listening, environment) for _ in range(settings.workers)]
        # One that cannot load while others answer is tried again: they need not end for it.
        while not signals and any(worker.process.poll() != FAILED for worker in workers):
            sleep(_TICK)
            for worker in workers:
                worker.keep()
        failed = not signals
        # Clients could connect to it, and nobody would answer, until the last process has ended.
        listening.close()
        _end(workers, signals, settings.notice + settings.grace)
    if failed:
        raise PlotgenreError("no process of the service could load the model")


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
        pause = _SHORTEST_FAILURE if status == FAILED else _SHORTEST_LIFE
        if status is None or monotonic() - self._begun < pause:
            return
        self.kill()
        logger.warning("process %d died (%d); another is started", self.process.pid, status)
        try:
            self.process = self._start()
        except OSError as error:
            logger.warning("no process could be started: %s", error)

    def kill(self) -> None:
        """End it, and whatever a library has started in it, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _start(self) -> subprocess.Popen[str]:
        self._begun = monotonic()
        number = self._listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "plotgenre.serving.workers", str(number)],
            stdin=subprocess.PIPE,
            pass_fds=[number],
            env=dict(self._environment),
            # A terminal's Ctrl-C comes from here alone, else it would come twice.
            start_new_session=True,
            text=True,
        )
        assert process.stdin is not None
        # Not on the command line, where everyone may read the API key; nor is the pipe closed:
        # its end tells a process that this one is gone.
        process.stdin.write(json.dumps(asdict(self._settings)) + "\n")
        process.stdin.flush()
        return process


def _end(workers: list[_Worker], signals: list[int], seconds: float) -> None:
    """Wait until all have ended; kill what has not a little after its time, or by a second Ctrl-C.

    They hear SIGTERM alone, once more for SIGINT, which would be a traceback while they start.
    """
    end, sent = monotonic() + seconds + 5, 0
    while monotonic() < end and signals.count(signal.SIGINT) < 2:
        if sent < len(signals) + (signal.SIGINT in signals):
            sent += 1
            for worker in workers:
                worker.process.terminate()
        if all(worker.process.poll() is not None for worker in workers):
            break
        sleep(_TICK)
    for worker in workers:
        worker.kill()
        worker.process.wait()


def main() -> None:
    """One of the processes: the socket's number is the argument, the settings are on stdin."""
    # After the environment is set, which these read when they are imported.
    from plotgenre.serving.server import run_process

    settings = ServiceSettings(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_process(settings, socket.socket(fileno=int(sys.argv[1])))
    except (PlotgenreError, OSError) as refused:
        print(f"plotgenre: {refused}", file=sys.stderr, flush=True)
        raise SystemExit(FAILED) from None


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Once more is without the notice: another service may want the port.
    sleep(_TICK)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
