"""What a request may be: bytes of its body, plots, characters; and how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from plotgenre.serving.refusals import ClientGoneError, RefusedError, overdue
from plotgenre.serving.settings import ServiceSettings

Answer = TypeVar("Answer")


async def body_pieces(request: Request, most: int, stall: float) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises
    ------
    RefusedError
        413 at once if it says that it is larger than ``most`` bytes, else as soon as it is; 504
        if nothing comes for ``stall`` seconds.
    ClientGoneError
        If it ends too early.
    """
    length = request.headers.get("content-length", "0")
    # Else the server would read on what nobody wants.
    too_large = RefusedError(
        413, f"the body is larger than {most:,} bytes", {"Connection": "close"}
    )
    if not length.isdecimal() or int(length) > most:
        raise too_large
    size, more = 0, True
    while more:
        try:
            async with asyncio.timeout(stall):
                message = await request.receive()
        except TimeoutError:
            raise overdue(stall, closes=True) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise too_large
        more = message.get("more_body", False)
        yield piece


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """The whole body, within so many seconds; errors are those of `body_pieces`."""
    try:
        async with asyncio.timeout(seconds):
            return b"".join([piece async for piece in body_pieces(request, most, seconds)])
    except TimeoutError:
        raise overdue(seconds, closes=True) from None


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
