"""Running the application: one process, its signals, and how it ends."""

from __future__ import annotations

import math
import signal
import socket
import sys
from time import monotonic
from types import FrameType

import uvicorn
from fastapi import FastAPI

from plotgenre.serving.app import build_app
from plotgenre.serving.heads import BoundedHeads
from plotgenre.serving.service import Service
from plotgenre.serving.settings import ServiceSettings


class Server(uvicorn.Server):
    """Uvicorn's server, which says for a while that it is not ready before it stops listening."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                http=BoundedHeads,
                ws="none",
                lifespan="on",
                limit_concurrency=settings.connections,
                timeout_graceful_shutdown=math.ceil(settings.grace),
            )
        )
        self._service: Service = app.state.service
        self._notice = settings.notice
        self._end = math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: not ready, and after the notice the end; SIGINT or a second one: the end now."""
        again, self._service.draining = self._service.draining, True
        self._end = monotonic() if again or sig == signal.SIGINT else monotonic() + self._notice
        # Several processes get SIGINT from the terminal, then SIGTERM from the one above them.
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to end, asked ten times a second."""
        if self._service.failure is not None or monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)


def run_process(settings: ServiceSettings, listening: socket.socket) -> None:
    """Serve on a socket until a signal ends it.

    Raises
    ------
    PlotgenreError
        If the model cannot be loaded.
    """
    app = build_app(settings)
    Server(app, settings).run([listening])
    failure = app.state.service.failure
    if failure is not None:
        raise failure


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one.

    Raises
    ------
    OSError
        If the address is not ours, or taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    listening.setblocking(False)
    return listening


def announce(settings: ServiceSettings, listening: socket.socket) -> None:
    """One line on standard error: where it is."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"plotgenre: {settings.model} at http://{shown}:{port}", file=sys.stderr, flush=True)
