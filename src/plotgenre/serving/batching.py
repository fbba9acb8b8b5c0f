"""The queue: texts of all requests, read by two threads in batches of tokens.

A request is a `Job`. It holds room for its texts' tokens in the queue, at most a share of it, and
is refused at once where that room is not there. So what waits never outgrows the bound, a long
request or file puts in a few texts after another, and the jobs' texts take turns. A reading thread
takes what waits as soon as it is free; no one waits for a batch to fill. While one batch is cut
into slices, or its last slice is encoded, the other keeps the cores busy.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from plotgenre.branches.branch import Logits
from plotgenre.serving.refusals import RefusedError, busy, log_place

_LONGEST_WAIT = 60
_ABREAST = 2
# Of the newest batch in the running mean of the speed.
_NEWEST = 0.2


class Listener(Protocol):
    """Hears of batches and of texts that nobody waits for any more."""

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """A batch was read."""
        ...

    def dropped(self, texts: int) -> None:
        """Texts left the queue unread."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    text: str
    tokens: int
    answer: asyncio.Future[Logits]


class Job:
    """A request's texts in the queue; leaving its ``with`` block drops those that still wait."""

    def __init__(self, batcher: Batcher, tokens: int | None, share: int) -> None:
        self._batcher, self._share = batcher, share
        # Tokens not taken yet; of a file nobody knows how many come.
        self._remaining = tokens
        self.room = share if tokens is None else min(tokens, share)
        self.waiting: deque[_Waiting] = deque()
        self.tokens = 0
        self._taken = asyncio.Event()

    async def put(self, text: str, tokens: int) -> asyncio.Future[Logits]:
        """Queue a text as soon as the job has room for it; its logits (g,) come by the future."""
        while self.waiting and self.tokens + tokens > self._share:
            self._taken.clear()
            await self._taken.wait()
        one = _Waiting(text, tokens, asyncio.get_running_loop().create_future())
        self.tokens += tokens
        self.waiting.append(one)
        self._batcher.enter(self)
        return one.answer

    def next_tokens(self) -> int:
        """Of the text that is next."""
        return self.waiting[0].tokens

    def take(self) -> _Waiting:
        """The text that is next."""
        one = self.waiting.popleft()
        self.tokens -= one.tokens
        if self._remaining is not None:
            self._remaining = max(self._remaining - one.tokens, self.tokens)
            self.room = min(self._remaining, self._share)
        self._taken.set()
        return one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._batcher.leave(self)


class Batcher:
    """The queue and the threads that read it.

    All but the reading itself happens on the event loop.

    Parameters
    ----------
    read
        Logits (n, g) of ``n`` texts; called in several threads at once.
    queue_tokens, batch_tokens, share
        As in `ServiceSettings`.
    listener
        Whom to tell.
    abreast
        Batches that are read at once.
    """

    def __init__(
        self,
        read: Callable[[Sequence[str]], Logits],
        *,
        queue_tokens: int,
        batch_tokens: int,
        share: int,
        listener: Listener,
        abreast: int = _ABREAST,
    ) -> None:
        self._read, self._listener, self._abreast = read, listener, abreast
        self._bound, self._batch, self._share = queue_tokens, batch_tokens, share
        self._jobs: set[Job] = set()
        self._files: set[Job] = set()
        self._turns: deque[Job] = deque()
        self._new = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(abreast, thread_name_prefix="plotgenre-reading")
        self._speed = 0.0

    @property
    def waiting_tokens(self) -> int:
        """Tokens in the queue."""
        # Figures are asked for from other threads, too.
        return sum(job.tokens for job in list(self._jobs))

    @property
    def held_tokens(self) -> int:
        """Tokens that have room in the queue; at most its bound."""
        return sum(job.room for job in self._jobs)

    def admit(self, tokens: int | None) -> Job:
        """Room for a request of so many tokens, or for a file of ``None``.

        Files together hold at most half of the queue: each may stay for long.

        Raises
        ------
        RefusedError
            429 if there is no room.
        """
        job = Job(self, tokens, self._share)
        files = sum(one.room for one in self._files) if tokens is None else 0
        if self.held_tokens + job.room > self._bound or files + job.room > self._bound // 2:
            raise busy(self._seconds())
        self._jobs.add(job)
        if tokens is None:
            self._files.add(job)
        return job

    def enter(self, job: Job) -> None:
        """A job has a text more."""
        if len(job.waiting) == 1:
            self._turns.append(job)
        self._new.set()

    def leave(self, job: Job) -> None:
        """A job is over; its texts are not read any more."""
        self._jobs.discard(job)
        self._files.discard(job)
        if job.waiting:
            self._turns.remove(job)
            self._listener.dropped(len(job.waiting))
            for one in job.waiting:
                one.answer.cancel()
            job.waiting.clear()

    async def run(self) -> None:
        """Read batch after batch until cancelled."""
        try:
            while True:
                self._new.clear()
                while len(self._reading) < self._abreast and (batch := self._take()):
                    task = asyncio.create_task(self._answer(batch))
                    self._reading.add(task)
                    task.add_done_callback(partial(self._read_on, batch))
                await self._new.wait()
        finally:
            for task in self._reading:
                task.cancel()
            self._threads.shutdown(wait=False)

    def _read_on(self, batch: list[_Waiting], task: asyncio.Task[None]) -> None:
        """A thread is free again; whatever happened, none of its texts waits on."""
        self._reading.discard(task)
        self._new.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log_place(error)
        for one in batch:
            if task.cancelled():
                one.answer.cancel()
            elif not one.answer.done():
                one.answer.set_exception(_failed())

    def _take(self) -> list[_Waiting]:
        """A text of each job in turn, up to the tokens of a batch, and one at least."""
        batch: list[_Waiting] = []
        tokens = 0
        while self._turns:
            job = self._turns[0]
            if batch and tokens + job.next_tokens() > self._batch:
                break
            self._turns.popleft()
            one = job.take()
            batch.append(one)
            tokens += one.tokens
            if job.waiting:
                self._turns.append(job)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        begun = monotonic()
        try:
            logits = await self._in_thread([one.text for one in batch])
        except Exception as error:
            log_place(error)
            await self._answer_each(batch)
            return
        seconds, tokens = monotonic() - begun, sum(one.tokens for one in batch)
        self._listener.batch(len(batch), tokens, seconds)
        speed = tokens * len(self._reading) / max(seconds, 1e-6)
        self._speed = self._speed + _NEWEST * (speed - self._speed) if self._speed else speed
        for one, of_it in zip(batch, logits, strict=True):
            if not one.answer.done():
                one.answer.set_result(of_it)

    async def _answer_each(self, batch: list[_Waiting]) -> None:
        """After a failure: a text that cannot be read spoils no other's answer."""
        for one in batch:
            if one.answer.done():
                continue
            logits: Logits | None = None
            with suppress(Exception):
                logits = await self._in_thread([one.text])
            # Whoever asked may have gone while it was read.
            if one.answer.done():
                continue
            if logits is None:
                one.answer.set_exception(_failed())
            else:
                one.answer.set_result(logits[0])

    async def _in_thread(self, texts: list[str]) -> Logits:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, texts)

    def _seconds(self) -> int:
        """Whole seconds until what waits is read, as far as one can tell."""
        wait = self.waiting_tokens / self._speed if self._speed else 1.0
        return min(max(math.ceil(wait), 1), _LONGEST_WAIT)


def _failed() -> RefusedError:
    return RefusedError(500, "the model failed on this plot")
