"""Connections that wait for their clients: for how long, how many, and with how much to send."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from time import monotonic
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Bytes of answers that clients have not taken whole, of all connections together.
_UNSENT = 64_000_000


# Bytes that neither end a head nor are of a body, and requests that wait for the one before them.
_LONGEST_HEAD, _MOST_REQUESTS = 524_288, 256


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, bounded; it knows since when its client has left how much unread."""

    # Of its last request's begin or end, and of what of an answer is not sent.
    since, stuck_since, unsent, _head = 0.0, math.inf, 0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio has it."""
        super().connection_made(transport)
        self.since = monotonic()
        # An answer is kept whole until its last byte is sent.
        transport.set_write_buffer_limits(HIGH_WATER_LIMIT, 0)

    def data_received(self, data: bytes) -> None:
        """As asyncio has it."""
        self._head += len(data)
        super().data_received(data)
        # The parser keeps what it has of a head, of trailers too, however long it is.
        if self._head > _LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_headers_complete(self) -> None:
        """As httptools has it."""
        self._head, self.since = 0, monotonic()
        super().on_headers_complete()
        if len(self.pipeline) > _MOST_REQUESTS:
            # The parser stops at it, and uvicorn closes the connection.
            raise ValueError("too many requests at once")

    def on_body(self, body: bytes) -> None:
        """As httptools has it."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """As httptools has it."""
        self._head = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn has it."""
        self.since = monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """As asyncio has it."""
        super().pause_writing()
        self.stuck_since, self.unsent = monotonic(), self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """As asyncio has it."""
        super().resume_writing()
        self.stuck_since, self.unsent = math.inf, 0


def end_slow(connections: Collection[Any], most: int, deadline: float) -> None:
    """Close what waits too long for its client, and what waits longest where there is too much.

    Parameters
    ----------
    connections
        All that are open.
    most
        How many may be. Of more, those are closed that have waited longest, so that clients who
        ask and read keep nobody out, and those who do not are kept out by anybody.
    deadline
        Seconds for the head of a request, and for taking an answer.
    """
    now = monotonic()
    waiting = sorted(
        (one.stuck_since if what == "reading" else one.since, i, what, one)
        for i, one in enumerate(connections)
        if (what := _awaited(one))
    )
    too_many, too_large = len(connections) - most, sum(one.unsent for one in connections) - _UNSENT
    for since, _, what, one in waiting:
        late = what != "body" and now - since > deadline
        if late or too_many > 0 or (too_large > 0 and one.unsent):
            one.transport.abort()
            too_many -= 1
            too_large -= one.unsent


def _awaited(one: Connection) -> str:
    """What a connection waits for its client to do; nothing while the service works for it."""
    if one.cycle is None or one.cycle.response_complete or one.transport.is_closing():
        return "head"
    if one.stuck_since < math.inf:
        return "reading"
    return "body" if one.cycle.more_body else ""
