"""The service's state: what is loaded, whether it is ready, and the way from plots to answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np

from plotgenre.branches.branch import Logits
from plotgenre.errors import PlotgenreError
from plotgenre.serving.about import evaluation_of, genre_facts, model_facts
from plotgenre.serving.batching import Batcher, Job
from plotgenre.serving.limits import Bodies
from plotgenre.serving.metrics import Metrics
from plotgenre.serving.reading import Reader, Wishes, load_reader
from plotgenre.serving.refusals import RefusedError, log_place
from plotgenre.serving.settings import ServiceSettings

Part = TypeVar("Part")

# What takes less time than handing it to another thread.
_FEW = 8


class Service:
    """What all routes share.

    Parameters
    ----------
    settings
        Everything that can be set.
    load
        Loads their model.
    """

    def __init__(
        self, settings: ServiceSettings, load: Callable[[ServiceSettings], Reader] = load_reader
    ) -> None:
        self.settings, self._load_reader = settings, load
        self.metrics = Metrics()
        self.bodies = Bodies(2 * max(settings.max_file, settings.max_body))
        self.draining = False
        self.failure: PlotgenreError | None = None
        self.genre_facts: list[dict[str, Any]] = []
        self._model_facts: dict[str, Any] | None = None
        self._tried = asyncio.Event()
        self._reader: Reader | None = None
        self._batcher: Batcher | None = None

    @property
    def status(self) -> str:
        """``loading``, ``ready`` or ``draining``."""
        if self.draining:
            return "draining"
        return "loading" if self._batcher is None else "ready"

    @property
    def reader(self) -> Reader:
        """The model.

        Raises
        ------
        RefusedError
            503 while it is loaded.
        """
        return _loaded(self._reader)

    @property
    def batcher(self) -> Batcher:
        """The queue; errors as of `reader`."""
        return _loaded(self._batcher)

    @property
    def model_facts(self) -> dict[str, Any]:
        """What is told of the model; errors as of `reader`."""
        return _loaded(self._model_facts)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the model, then read until the end.

        One process listens meanwhile, and says that it is not ready; of several, each listens only
        when it has loaded, for until then the others answer.
        """
        work = asyncio.create_task(self._work())
        if self.settings.workers > 1:
            await self._tried.wait()
        try:
            yield
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def answers(self, plots: Sequence[str], wishes: Wishes) -> bytes:
        """What is said of each plot, as the JSON of an answer.

        Raises
        ------
        RefusedError
            429 without room in the queue, 503 while the model is loaded.
        """
        reader, batcher = self.reader, self.batcher
        texts = (
            await asyncio.to_thread(lambda: [reader.texts(plot, wishes) for plot in plots])
            if wishes.explain
            else [reader.texts(plot, wishes) for plot in plots]
        )
        tokens = [[reader.tokens(text) for text in of_one] for of_one in texts]
        with batcher.admit(sum(map(sum, tokens))) as job:
            coming = [
                [await job.put(text, count) for text, count in zip(*of_one, strict=True)]
                for of_one in zip(texts, tokens, strict=True)
            ]
            logits = [np.stack([await one for one in of_one]) for of_one in coming]
        self.metrics.plots(len(plots))
        if wishes == Wishes() and len(plots) <= _FEW:
            return self._said(plots, logits, wishes)
        return await asyncio.to_thread(self._said, plots, logits, wishes)

    async def begin(self, job: Job, plot: str) -> asyncio.Future[Logits]:
        """Queue a plot of a file."""
        (text,) = self.reader.texts(plot, Wishes())
        return await job.put(text, self.reader.tokens(text))

    def _said(self, plots: Sequence[str], logits: Sequence[Logits], wishes: Wishes) -> bytes:
        films = [
            self.reader.answer(plot, of_it, wishes)
            for plot, of_it in zip(plots, logits, strict=True)
        ]
        answer = {"model": self.reader.name, "films": films}
        return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()

    def _load(self) -> Reader:
        reader = self._load_reader(self.settings)
        folder, evaluation = evaluation_of(self.settings)
        self.genre_facts = genre_facts(reader.model, evaluation)
        self._model_facts = model_facts(reader, folder, evaluation, self.settings)
        return reader

    async def _work(self) -> None:
        try:
            batcher = await self._start()
        finally:
            self._tried.set()
        if batcher is not None:
            await batcher.run()

    async def _start(self) -> Batcher | None:
        """Load the model and make its queue; ``None`` where that failed."""
        try:
            reader = await asyncio.to_thread(self._load)
        except PlotgenreError as refused:
            self.failure = refused
            return None
        except Exception as broken:
            log_place(broken)
            self.failure = PlotgenreError(f"the model cannot be loaded: {type(broken).__name__}")
            return None
        self._reader = reader
        self._batcher = Batcher(
            reader.logits,
            queue_tokens=self.settings.queue_tokens,
            batch_tokens=self.settings.batch_tokens,
            share=self.settings.share,
            listener=self.metrics,
        )
        self.metrics.watch(self._batcher)
        return self._batcher


def _loaded(part: Part | None) -> Part:
    if part is None:
        raise RefusedError(503, "the model is still being loaded", {"Retry-After": "2"})
    return part
