"""Figures for Prometheus, of one process or of all that share a socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from plotgenre.serving.batching import Batcher

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes that share a socket keep their figures; the library's own variable."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOKENS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


class Metrics:
    """What is counted; never a plot, nor anything else that a client made up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "plotgenre_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "plotgenre_request_seconds",
            "Time from a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._plots = Counter("plotgenre_plots", "Plots answered.", registry=registry)
        self._dropped = Counter(
            "plotgenre_dropped_texts",
            "Texts taken out of the queue: deadline passed, or client gone.",
            registry=registry,
        )
        self._batch_tokens = Histogram(
            "plotgenre_batch_tokens", "Tokens of a batch.", buckets=_TOKENS, registry=registry
        )
        self._batch_texts = Counter("plotgenre_read_texts", "Texts read.", registry=registry)
        self._batch_seconds = Histogram(
            "plotgenre_batch_seconds", "Time of a batch.", buckets=_SECONDS, registry=registry
        )
        self._queue = Gauge(
            "plotgenre_queue_tokens",
            "Tokens waiting in the queue.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._batcher: Batcher | None = None

    def watch(self, batcher: Batcher) -> None:
        """Show the queue of a batcher."""
        self._batcher = batcher

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered; the route is its pattern, not its path."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def plots(self, count: int) -> None:
        """Plots were answered."""
        self._plots.inc(count)

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """A batch was read."""
        self._batch_texts.inc(texts)
        self._batch_tokens.observe(tokens)
        self._batch_seconds.observe(seconds)
        self._note_queue()

    def dropped(self, texts: int) -> None:
        """Texts left the queue unread."""
        self._dropped.inc(texts)

    def page(self) -> bytes:
        """All figures, of all processes, in Prometheus's text format."""
        self._note_queue()
        folder = os.environ.get(FOLDER)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        everyone = CollectorRegistry()
        # The library has no type for this call.
        MultiProcessCollector(everyone, folder)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)

    def _note_queue(self) -> None:
        self._queue.set(0 if self._batcher is None else self._batcher.waiting_tokens)


def _forget_dead(folder: Path) -> None:
    """Take the gauges of processes that are gone out of the sums."""
    for file in folder.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdecimal() and not _alive(int(process)):
            mark_process_dead(int(process), str(folder))  # type: ignore[no-untyped-call]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
