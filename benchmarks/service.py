"""The service under load on this machine, against in-process batches and a naive server.

    python benchmarks/service.py DATA [--model films] [--workers 1] [--seconds 60] [--readme]

All with the same model and plots, one after the other, each service in a process of its own:

- in-process: `predict_proba` of all plots at once, the yardstick of throughput;
- saturation: 16 clients, about what fills the queue, that ask again as soon as they are answered;
- 50 % and 90 % of that, arrivals by chance: latencies from when a request was due;
- 3 times of it: refusals, latencies of what was accepted, memory over the time;
- kill -9 of one of two processes at 50 %: wrong answers, broken connections, time to recover;
- naive: a request, a lock, an encode (`contenders/naive_service.py`), under the same loads, the
  last no longer than the others.

Every accepted answer is compared with the in-process one. Writes `results/service.json`, prints a
table, and with --readme puts it between the marks of docs/serving.md. The client runs on the same
cores. DATA is a folder with `test.parquet`, or any file of plots.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import numpy as np

from pages import between_marks, write_results
from plotgenre import GenreClassifier, read_corpus
from service_load import Check, Client, Load, checker, closed_load, counted, open_load
from service_table import KILLED, NAIVE, OURS, render

RESULTS = Path(__file__).parent / "results" / "service.json"
NAIVE_SERVICE = Path(__file__).parent / "contenders" / "naive_service.py"
PAGE = Path(__file__).parents[1] / "docs" / "serving.md"
MARKS = ("<!-- load: begin -->", "<!-- load: end -->")


@dataclass(frozen=True)
class Plan:
    """What is run, and for how long."""

    model: str
    fast: bool
    plots: tuple[str, ...]
    seconds: float
    overload_seconds: float
    clients: int
    workers: int
    set: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        """Of plotgenre serve."""
        changed = [part for one in self.set for part in ("--set", one)]
        fast = ["--fast"] if self.fast else []
        return [self.model, *fast, "--workers", str(self.workers), *changed]


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    source = asked.data / "test.parquet" if asked.data.is_dir() else asked.data
    corpus = read_corpus(source, labelled=False)
    rows = np.random.default_rng(0).permutation(len(corpus))[: asked.plots]
    plan = Plan(
        model=asked.model,
        fast=asked.fast,
        plots=tuple(corpus.plots[int(row)] for row in rows),
        seconds=asked.seconds,
        overload_seconds=60 * asked.overload_minutes,
        clients=asked.clients,
        workers=asked.workers,
        set=tuple(asked.set),
    )
    figures = measure(plan)
    write_results(asked.output, figures)
    print(text := render(figures))
    if asked.readme:
        between_marks(PAGE, MARKS, text)


def measure(plan: Plan) -> dict[str, Any]:
    """All figures."""
    model = GenreClassifier.from_pretrained(plan.model, fast=plan.fast)
    check = checker(model, plan.plots)
    alone = in_process(model, plan.plots)
    characters = alone * float(np.mean([counted(plot) for plot in plan.plots]))
    say("in-process", (alone, characters))
    del model
    figures: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "processor": _processor()},
        "model": plan.model + (" --fast" if plan.fast else ""),
        "workers": plan.workers,
        "settings": list(plan.set),
        "plots": len(plan.plots),
        "characters a plot": round(float(np.mean([len(plot) for plot in plan.plots]))),
        "in-process plots per second": round(alone, 2),
        "in-process characters per second": round(characters),
    }
    with plotgenre_service(plan) as (process, port):
        ours, rate = loads(plan, process, port, check, None)
        full = ours["saturation"]
        share = full["characters per second"] / characters
        ours["share of in-process"] = round(share, 3)
        left = 1 - full["client's share of the processor"]
        ours["share of what the client left"] = round(share / left, 3)
    figures[OURS] = ours
    short = replace(plan, overload_seconds=min(plan.overload_seconds, plan.seconds))
    with naive_service(plan) as (process, port):
        figures[NAIVE], _ = loads(short, process, port, check, rate)
    with plotgenre_service(plan, "--workers", "2") as (process, port):
        figures[KILLED] = killed(plan, process, port, check, rate)
    return figures


def loads(
    plan: Plan, process: subprocess.Popen[str], port: int, check: Check, rate: float | None
) -> tuple[dict[str, Any], float]:
    """The four loads; ``rate`` is what 50 % and so on are of, by default the own saturation."""

    def run(load: Load) -> dict[str, object]:
        say(process.args, load.as_dict())
        return load.as_dict()

    # What a service reads first is slower.
    asyncio.run(_closed(plan, port, 2, min(plan.seconds, 5), check))
    full = asyncio.run(_closed(plan, port, plan.clients, plan.seconds, check))
    of = rate or full.per_second
    found: dict[str, Any] = {"saturation": run(full)}
    for percent in (50, 90):
        load = asyncio.run(_open(plan, port, of * percent / 100, plan.seconds, check))
        found[f"{percent} %"] = run(load)
    with memory_of(process.pid) as memory:
        load = asyncio.run(_open(plan, port, of * 3, plan.overload_seconds, check))
    found["300 %"] = run(load) | {"memory MB": grown(memory)}
    return found, full.per_second


def killed(
    plan: Plan, process: subprocess.Popen[str], port: int, check: Check, rate: float
) -> dict[str, object]:
    """Half of the load, and one process of two killed in the middle."""
    begun, recovered = monotonic(), Event()
    facts: dict[str, object] = {}

    def kill() -> None:
        sleep(plan.seconds / 2)
        before = _children(process.pid)
        os.kill(before[0], signal.SIGKILL)
        at = monotonic()
        while len(set(_children(process.pid)) - {before[0]}) < 2 and monotonic() < at + 60:
            sleep(0.05)
        facts["seconds to a new process"] = round(monotonic() - at, 2)
        recovered.set()

    thread = Thread(target=kill)
    thread.start()
    load = asyncio.run(_open(plan, port, rate / 2, plan.seconds, check))
    thread.join()
    after = asyncio.run(_open(plan, port, rate / 2, max(plan.seconds / 4, 2), check))
    say("killed", load.as_dict())
    return facts | {
        "seconds": round(monotonic() - begun, 1),
        "meanwhile": load.as_dict(),
        "afterwards": after.as_dict(),
    }


def in_process(model: GenreClassifier, plots: Sequence[str]) -> float:
    """Plots a second, all at once: the best of three, after one of a few."""
    model.predict_proba(list(plots[:8]))
    times = []
    for _ in range(3):
        begun = monotonic()
        model.predict_proba(list(plots))
        times.append(monotonic() - begun)
    return len(plots) / min(times)


@contextmanager
def plotgenre_service(plan: Plan, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "plotgenre", "serve", *plan.arguments, "--port", "0", *more]
    with _started(command) as started:
        yield started


@contextmanager
def naive_service(plan: Plan) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with _started(
        [sys.executable, str(NAIVE_SERVICE), plan.model, *["--fast"][: plan.fast]]
    ) as started:
        yield started


@contextmanager
def _started(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        while not (found := re.search(r"http://[^ ]*:(\d+)", line := process.stderr.readline())):
            if not line:
                raise RuntimeError(f"{command} did not start")
        # Whatever it says later must not fill the pipe.
        Thread(target=process.stderr.read, daemon=True).start()
        port = int(found.group(1))
        asyncio.run(_until_ready(port))
        yield process, port
    finally:
        process.terminate()
        process.wait()


async def _until_ready(port: int) -> None:
    client = Client("127.0.0.1", port)
    while (await client.ask("A ghost."))[0] != 200:
        await asyncio.sleep(0.1)
    client.close()


async def _closed(plan: Plan, port: int, clients: int, seconds: float, check: Check) -> Load:
    client = Client("127.0.0.1", port)
    load = await closed_load(client, plan.plots, clients, seconds, check)
    client.close()
    return load


async def _open(plan: Plan, port: int, rate: float, seconds: float, check: Check) -> Load:
    client = Client("127.0.0.1", port)
    load = await open_load(client, plan.plots, rate, seconds, check)
    client.close()
    return load


@contextmanager
def memory_of(pid: int) -> Iterator[list[float]]:
    """Resident megabytes of a process and those that it started, once a second."""
    seen: list[float] = []
    end = Event()

    def look() -> None:
        while not end.wait(0 if not seen else 1.0):
            seen.append(sum(map(_resident, [pid, *_children(pid)])))

    thread = Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        end.set()
        thread.join()


def grown(memory: Sequence[float]) -> dict[str, float]:
    """The largest of the first, and of the last third."""
    third = max(len(memory) // 3, 1)
    return {"first third": round(max(memory[:third])), "last third": round(max(memory[-third:]))}


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1000 if found else 0.0


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else "unknown"


def say(what: object, figures: object) -> None:
    print(what, figures, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The service under load.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="films")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--plots", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--overload-minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="As of plotgenre serve.")
    parser.add_argument("--readme", action="store_true", help="Into docs/serving.md.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
