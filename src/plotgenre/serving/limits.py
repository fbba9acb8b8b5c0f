"""What a request may be: bytes of its body, plots, characters; and how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from plotgenre.serving.refusals import ClientGoneError, RefusedError, busy, overdue
from plotgenre.serving.settings import ServiceSettings

Answer = TypeVar("Answer")

# Bytes a second: a slow telephone's.
_SLOWEST = 8_000


class Bodies:
    """Bodies of requests on their way, bounded all together.

    Parameters
    ----------
    most
        Bytes. Where there are more, those that have been arriving longest give way, so that slow
        clients keep no quick ones out.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[asyncio.Timeout, int] = {}

    @asynccontextmanager
    async def arriving(
        self, request: Request, most: int, seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of a body, counted until the block is left.

        Raises
        ------
        RefusedError
            413 at once if it says that it is larger than ``most`` bytes, else as soon as it is; 504
            if it takes ``seconds`` longer than at the slowest rate; 429 if it gives way to others.
        ClientGoneError
            If it ends too early.
        """
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise _too_large(most)
        begun = asyncio.get_running_loop().time()
        limit = asyncio.timeout_at(begun + seconds)
        self._sizes[limit] = 0
        try:
            async with limit:
                yield self._pieces(request, most, limit)
        except TimeoutError:
            if asyncio.get_running_loop().time() < begun + seconds:
                raise busy(1, "too many bodies are on their way", closes=True) from None
            raise overdue(seconds, closes=True) from None
        finally:
            del self._sizes[limit]

    async def _pieces(
        self, request: Request, most: int, limit: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        begins, more = limit.when() or 0.0, True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            piece, more = message.get("body", b""), message.get("more_body", False)
            self._sizes[limit] += len(piece)
            if self._sizes[limit] > most:
                raise _too_large(most)
            limit.reschedule(begins + self._sizes[limit] / _SLOWEST)
            self._make_room()
            yield piece
        # It has come; what is done with it is the service's own time.
        limit.reschedule(None)

    def _make_room(self) -> None:
        now, excess = asyncio.get_running_loop().time(), sum(self._sizes.values()) - self._most
        for limit, size in self._sizes.items():
            if excess > 0 and limit.when() is not None:
                excess -= size
                if not limit.expired():
                    limit.reschedule(now)


def _too_large(most: int) -> RefusedError:
    # Else the server would read on what nobody wants.
    return RefusedError(413, f"the body is larger than {most:,} bytes", {"Connection": "close"})


def check_plots(plots: Sequence[str], explain: bool, settings: ServiceSettings) -> None:
    """Refuse what the settings forbid.

    Raises
    ------
    RefusedError
        422.
    """
    most = settings.max_explained if explain else settings.max_plots
    if not plots:
        raise RefusedError(422, "plots is empty; expected one text or more")
    if len(plots) > most:
        what = "explained plots" if explain else "plots"
        raise RefusedError(422, f"{len(plots):,} plots; expected at most {most:,} {what} a request")
    for i, plot in enumerate(plots):
        if wrong := plot_error(plot, settings):
            raise RefusedError(422, f"{'the plot' if len(plots) == 1 else f'plots[{i}]'} {wrong}")


def plot_error(plot: str, settings: ServiceSettings) -> str | None:
    """What is wrong with a plot, as the end of a sentence; ``None`` if nothing is."""
    if not plot.strip():
        return "is empty; expected a text"
    if len(plot) > settings.max_characters:
        return f"has {len(plot):,} characters; expected at most {settings.max_characters:,}"
    try:
        plot.encode()
    except UnicodeEncodeError:
        return "has a lone surrogate; expected Unicode text"
    return None


async def while_connected(request: Request, work: Awaitable[Answer], seconds: float) -> Answer:
    """Work that ends with the client's connection, or after so many seconds.

    The body must have been read before.

    Raises
    ------
    RefusedError
        504 when the time is up.
    ClientGoneError
        When the connection is closed.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(gone(request.receive))
    both = {working, watching}
    try:
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGoneError if watching.done() else overdue(seconds)
    finally:
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def gone(receive: Receive) -> None:
    """Return once the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
