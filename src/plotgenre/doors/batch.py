"""Tagging files into files: which engine, how far it is, and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from plotgenre.errors import InputError

if TYPE_CHECKING:
    from plotgenre.batch.ray import RaySettings
    from plotgenre.batch.run import BatchProgress, BatchSettings, BatchSummary, Engine
    from plotgenre.batch.worker import GenreWorker

_SECONDS_BETWEEN_LINES = 10
_SHOWN_FILES = 20


def tag_files(
    inputs: Sequence[str],
    settings: BatchSettings,
    worker: GenreWorker,
    engine: str,
    ray: RaySettings,
) -> None:
    """Tag files into the output; exit status 1 where a file could not be read."""
    from plotgenre.batch.run import run_batch

    chosen = engine_of(engine, ray)
    with _progress() as listener:
        summary = run_batch(inputs, settings, worker, chosen, listener)
    _show(summary)
    if summary.unreadable:
        raise typer.Exit(1)


def engine_of(engine: str, ray: RaySettings) -> Engine:
    """The engine of a name.

    Raises
    ------
    InputError
        If there is none of that name, or the local one is given what only Ray has.
    """
    if engine == "ray":
        from plotgenre.batch.ray import on_ray

        return on_ray(ray)
    if engine != "local":
        raise InputError(f"unknown engine {engine!r}; expected local or ray")
    if ray.workers is not None or ray.address is not None:
        raise InputError("the local engine is one process; --workers and --ray-address are of ray")
    from plotgenre.batch.local import run_here

    return run_here


def _show(summary: BatchSummary) -> None:
    # To standard error, as the output is a file: standard output stays free for pipes.
    def say(line: str) -> None:
        print(line, file=sys.stderr)

    if summary.done_before:
        say(f"{summary.output} is complete: nothing to do")
        return
    rate = summary.tagged / max(summary.seconds, 1e-9)
    errors = f", {summary.errors:,} with an error" if summary.errors else ""
    say(f"{summary.output}: {summary.rows:,} rows{errors}; {summary.tagged:,} tagged now, "
        f"{rate:,.0f} a second")  # fmt: skip
    if names := summary.without_rows:
        others = f" and {len(names) - _SHOWN_FILES:,} more" if len(names) > _SHOWN_FILES else ""
        say(f"0 rows in {', '.join(names[:_SHOWN_FILES])}{others}")
    for name, why in list(summary.unreadable.items())[:_SHOWN_FILES]:
        say(f"could not be read: {name}: {why}")
    if (more := len(summary.unreadable) - _SHOWN_FILES) > 0:
        say(f"… and {more:,} more files, see the manifest")


@contextmanager
def _progress() -> Iterator[Callable[[BatchProgress], None]]:
    """A bar on standard error; plain lines where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    bars = Progress(
        TextColumn("tagging"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
    )
    with bars:
        bar = bars.add_task("tagging", total=None, note="")

        def show(progress: BatchProgress) -> None:
            bars.update(bar, completed=progress.rows, total=progress.total, note=_note(progress))

        yield show


class _Lines:
    def __init__(self) -> None:
        self.shown_at = time.monotonic()

    def __call__(self, progress: BatchProgress) -> None:
        if time.monotonic() - self.shown_at < _SECONDS_BETWEEN_LINES:
            return
        self.shown_at = time.monotonic()
        left = "" if progress.left is None else f", {progress.left:,.0f} s left"
        print(f"tagging {_note(progress)}{left}", file=sys.stderr)


def _note(progress: BatchProgress) -> str:
    total = "" if progress.total is None else f"/{progress.total:,}"
    errors = f", {progress.errors:,} with an error" if progress.errors else ""
    return f"{progress.rows:,}{total} rows, {progress.rate:,.0f} a second{errors}"
