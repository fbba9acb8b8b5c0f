"""The head of a request, bounded: uvicorn's quick parser keeps whatever a client sends of it."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 524_288
"""Bytes of a request's line and headers, about."""

_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 38\r\n\r\n"
    b'{"error": "the headers are too large"}'
)


class BoundedHeads(HttpToolsProtocol):
    """Uvicorn's protocol, which ends a connection whose next request has no end of its headers."""

    _bytes, _in_head = 0, False

    def data_received(self, data: bytes) -> None:
        """As asyncio has it."""
        super().data_received(data)
        # What came with a head's end is counted with the next head at most, and is one read.
        self._bytes = self._bytes + len(data) if self._in_head else 0
        if self._bytes > MOST and not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It has ended."""
        self._in_head = False
        super().on_headers_complete()
