"""Load on a service: a light client on keep-alive connections, arrivals as they come or at once.

Latencies count from when a request was due, not from when the client got round to sending it, so a
stalled service cannot hide its stall (coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic, process_time

import numpy as np

from plotgenre import GenreClassifier

Check = Callable[[int, bytes], bool]
TOLERANCE = 1e-5
PATIENCE = 30
"""Seconds after which a client gives up, as people and proxies do."""
LONGEST = 4_000
"""Characters that count of a plot: about what the encoder reads of it."""


@dataclass
class Load:
    """What came of a load.

    Parameters
    ----------
    seconds
        How long it was.
    statuses
        Answers by status; 0 is a connection that broke, or a client that gave up.
    latencies
        Seconds of each accepted request, from when it was due.
    wrong
        Accepted requests whose answer was not the reference's; known after `check`.
    answers
        Rows and bodies of accepted requests, until they are checked.
    busy
        Processor seconds of the client, which the service did not have.
    characters
        Of the accepted requests' plots, `LONGEST` at most of each. A full queue has room for a
        short plot sooner than for a long one, so that plots a second flatter it.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    busy: float = 0.0
    characters: int = 0

    def check(self, check: Check) -> None:
        """Count the wrong answers, once nobody waits: checking takes the service's time."""
        self.wrong += sum(not check(row, body) for row, body in self.answers)
        self.answers.clear()

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    @property
    def characters_per_second(self) -> float:
        """Characters of accepted requests a second."""
        return self.characters / self.seconds if self.seconds else 0.0

    @property
    def client_share(self) -> float:
        """Of all cores' time."""
        return self.busy / self.seconds / (os.cpu_count() or 1) if self.seconds else 0.0

    def percentile(self, percent: float) -> float | None:
        """Milliseconds below which that share of the accepted requests was answered."""
        ranked = sorted(self.latencies)
        if not ranked:
            return None
        return round(1000 * ranked[min(int(len(ranked) * percent / 100), len(ranked) - 1)], 1)

    def as_dict(self) -> dict[str, object]:
        """The figures of a report."""
        return {
            "seconds": round(self.seconds, 1),
            "answers": {str(status): count for status, count in sorted(self.statuses.items())},
            "accepted per second": round(self.per_second, 2),
            "characters per second": round(self.characters_per_second),
            "p50 ms": self.percentile(50),
            "p95 ms": self.percentile(95),
            "p99 ms": self.percentile(99),
            "wrong": self.wrong,
            "client's share of the processor": round(self.client_share, 3),
        }


class Client:
    """Requests on as many connections as are needed at once."""

    def __init__(self, host: str, port: int, path: str = "/v1/tag") -> None:
        self._host, self._port, self._path = host, port, path
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, plot: str) -> tuple[int, bytes]:
        """Status and body; status 0 if the connection broke."""
        body = json.dumps({"plot": plot}).encode()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        while True:
            kept = bool(self._free)
            writer = None
            try:
                async with asyncio.timeout(PATIENCE):
                    reader, writer = (
                        self._free.pop()
                        if kept
                        else await asyncio.open_connection(self._host, self._port)
                    )
                    writer.write(head.encode() + body)
                    status, headers = await self._head(reader)
                    answer = await reader.readexactly(int(headers.get("content-length", "0")))
            except (OSError, EOFError, ValueError) as broken:
                if writer is not None:
                    writer.close()
                # Connections that were kept may have been closed meanwhile; a new one may not.
                if kept and not isinstance(broken, TimeoutError):
                    continue
                return 0, b""
            if headers.get("connection", "").lower() == "close":
                writer.close()
            else:
                self._free.append((reader, writer))
            return status, answer

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def close(self) -> None:
        """Close what is free."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()


def checker(model: GenreClassifier, plots: Sequence[str]) -> Check:
    """Whether an answer to a plot is the model's; at a threshold either is right."""
    P = model.predict_proba(list(plots))
    names, thresholds = [str(genre) for genre in model.classes_], model.thresholds_
    clear = np.abs(P - thresholds) > TOLERANCE

    def check(row: int, body: bytes) -> bool:
        (film,) = json.loads(body)["films"]
        found = {one["name"]: one["probability"] for one in film["genres"]}
        expected = dict(zip(names, map(float, P[row]), strict=True))
        named = {n for n, p, t, c in zip(names, P[row], thresholds, clear[row], strict=True)
                 if c and p >= t}  # fmt: skip
        close = all(abs(p - expected[name]) <= TOLERANCE for name, p in found.items())
        return close and named <= set(found)

    return check


async def open_load(
    client: Client, plots: Sequence[str], per_second: float, seconds: float, check: Check
) -> Load:
    """Requests that come by chance, so many a second, whether or not the others are answered."""
    load, asking = Load(), set()
    begun, busy = monotonic(), process_time()
    due = begun
    for i, wait in enumerate(_waits(per_second)):
        due += wait
        if due > begun + seconds:
            break
        await asyncio.sleep(max(due - monotonic(), 0))
        task = asyncio.create_task(_one(client, plots, i, due, load))
        asking.add(task)
        task.add_done_callback(asking.discard)
    if asking:
        await asyncio.wait(asking)
    load.seconds, load.busy = monotonic() - begun, process_time() - busy
    load.check(check)
    return load


async def closed_load(
    client: Client, plots: Sequence[str], clients: int, seconds: float, check: Check
) -> Load:
    """So many clients that ask again when they are answered, or shortly after a refusal."""
    load, begun, busy = Load(), monotonic(), process_time()
    numbers = iter(range(10**9))

    async def ask() -> None:
        while monotonic() < begun + seconds:
            before = load.statuses[200]
            await _one(client, plots, next(numbers), monotonic(), load)
            if load.statuses[200] == before:
                await asyncio.sleep(0.2)

    await asyncio.gather(*(ask() for _ in range(clients)))
    load.seconds, load.busy = monotonic() - begun, process_time() - busy
    load.check(check)
    return load


async def _one(client: Client, plots: Sequence[str], i: int, due: float, load: Load) -> None:
    row = i % len(plots)
    status, body = await client.ask(plots[row])
    load.statuses[status] += 1
    if status == 200:
        load.latencies.append(monotonic() - due)
        load.characters += counted(plots[row])
        load.answers.append((row, body))


def counted(plot: str) -> int:
    """Characters of a plot that count."""
    return min(len(plot), LONGEST)


def _waits(per_second: float) -> Iterator[float]:
    chance = random.Random(0)
    while True:
        yield chance.expovariate(per_second)
