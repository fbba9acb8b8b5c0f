"""Running the application: one process, its signals, and how it ends."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import socket
import sys
from contextlib import suppress
from time import monotonic
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.server import HANDLED_SIGNALS

from plotgenre.serving.app import build_app
from plotgenre.serving.connections import Connection, end_slow
from plotgenre.serving.service import Service
from plotgenre.serving.settings import ServiceSettings

_SEND_BUFFER = 131_072


class Server(uvicorn.Server):
    """Uvicorn's server, which says for a while that it is not ready before it stops listening."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                http=Connection,
                ws="none",
                lifespan="on",
                timeout_graceful_shutdown=math.ceil(settings.grace),
            )
        )
        self._service: Service = app.state.service
        self._settings = settings
        self._end = math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: not ready, and after the notice the end; SIGINT or a second one: the end now."""
        if self._service.status == "loading":
            # Nothing was accepted yet, and a thread that loads cannot be stopped.
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(0)
        again, self._service.draining = self._service.draining, True
        self._end = (
            monotonic() if again or sig == signal.SIGINT else monotonic() + self._settings.notice
        )
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, asked ten times a second."""
        open_ones, settings = self.server_state.connections, self._settings
        end_slow(open_ones, settings.connections, settings.deadline)
        if self._service.failure is not None or monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)


def ending_signals() -> list[int]:
    """The signals that end a service; SIGHUP is a closed terminal's, and ignored under nohup."""
    hangup = getattr(signal, "SIGHUP", None)
    ending: list[int] = [signal.SIGTERM, signal.SIGINT]
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        ending.append(hangup)
    return ending


def run_process(settings: ServiceSettings, listening: socket.socket) -> None:
    """Serve on a socket until a signal ends it.

    Raises
    ------
    PlotgenreError
        If the model cannot be loaded.
    """
    app = build_app(settings)
    server = Server(app, settings)
    for one in ending_signals():
        if one not in HANDLED_SIGNALS:
            signal.signal(one, server.handle_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _forked(listening))
    with suppress(ImportError):
        import resource

        # A crowd comes between two looks at it.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server.run([listening])
    failure = app.state.service.failure
    if failure is not None:
        raise failure


def _forked(listening: socket.socket) -> None:
    """In a process that a library has forked: it keeps no port, and signals end it.

    With the service's handlers it would outlive SIGTERM, and whoever waits for it would, too.
    """
    if listening.fileno() >= 0:
        os.close(listening.fileno())
    for one in ending_signals():
        signal.signal(one, signal.SIG_DFL)


def bind(host: str, port: int) -> socket.socket:
    """A socket of an address, which does not listen yet; port 0 is any free one.

    Raises
    ------
    OSError
        If the address is not ours, or taken.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if ":" in host:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Of what a client does not read, the system would keep megabytes.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        bound.bind((host, port))
    except OSError as refused:
        bound.close()
        raise OSError(refused.errno, f"{refused.strerror}: {host}, port {port}") from None
    bound.setblocking(False)
    return bound


def announce(settings: ServiceSettings, listening: socket.socket) -> None:
    """One line on standard error: where it is."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"plotgenre: {settings.model} at http://{shown}:{port}", file=sys.stderr, flush=True)
