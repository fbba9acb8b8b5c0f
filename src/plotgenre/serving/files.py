"""Files of plots: uploaded whole, answered line by line as the queue has room."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from plotgenre.branches.branch import Logits
from plotgenre.corpus.readers.rows import Row
from plotgenre.corpus.readers.sources import FileFormat
from plotgenre.serving import schemas
from plotgenre.serving.batching import Job
from plotgenre.serving.limits import gone, plot_error
from plotgenre.serving.reading import Wishes
from plotgenre.serving.refusals import RefusedError, log_place
from plotgenre.serving.routes import REFUSALS, service_of, with_key
from plotgenre.serving.security import media_type
from plotgenre.serving.service import Service
from plotgenre.serving.uploads import Upload

KINDS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "jsonl",
    "application/vnd.apache.parquet": "parquet",
}
LINES = "application/x-ndjson"

_NO_WISHES = Wishes()
# Rows parsed at once, and rows that may stand between the queue and a slow client.
_GROUP, _AHEAD = 16, 64
_PIECE = 64_000

router = APIRouter(prefix="/v1", dependencies=[Depends(with_key)])


@router.post(
    "/tag-file",
    response_class=Response,
    responses=REFUSALS
    | {
        200: {
            "description": 'Lines of JSON: first `{"columns": […], "films": N}`, then one a row in '
            "order, a row's error included; a line with an error and no row says why it ends early",
            "content": {LINES: {"schema": schemas.FileRow.model_json_schema()}},
        }
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS},
        }
    },
    summary="Genres of every row of a file",
)
async def tag_file(
    request: Request,
    plot_column: Annotated[str, Query(description="Column of the plot.")] = "plot",
) -> Response:
    """CSV, TSV, JSON lines or Parquet in, lines of JSON out while the file is read."""
    service = service_of(request)
    batcher, settings = service.batcher, service.settings
    kind = KINDS[media_type(request.headers, tuple(KINDS))]
    # Before the upload, which would be in vain.
    with batcher.admit(None):
        pass
    room = tempfile.TemporaryDirectory(prefix="plotgenre-upload-")
    try:
        place = Path(room.name) / "upload"
        upload = Upload(place, kind, plot_column, settings.max_rows, settings.max_file)
        async with service.bodies.arriving(request, settings.max_file, settings.deadline) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(upload.append, piece)
            columns, films = await asyncio.to_thread(upload.looked_over)
            job = batcher.admit(None)
    except BaseException:
        room.cleanup()
        raise
    head = {"columns": columns, "films": films}
    return TaggedRows(service, job, upload, room, head)


class TaggedRows(Response):
    """The answer to a file; it ends early where the client is gone or stalls.

    Parameters
    ----------
    service
        Reads the plots.
    job
        The file's part of the queue, left at the end.
    upload, room
        The file, and the folder that goes with it.
    head
        The first line.
    """

    def __init__(
        self,
        service: Service,
        job: Job,
        upload: Upload,
        room: tempfile.TemporaryDirectory[str],
        head: dict[str, Any],
    ) -> None:
        super().__init__(media_type=LINES)
        del self.headers["content-length"]
        self._service, self._job, self._upload = service, job, upload
        self._room, self._head = room, head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        with self._room, self._job:
            sending = asyncio.ensure_future(self._send(send))
            watching = asyncio.ensure_future(gone(receive))
            try:
                await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in (sending, watching):
                    one.cancel()
                await asyncio.gather(sending, watching, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_piece(_line(self._head)))
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                await send(_piece(piece))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncGenerator[bytes]:
        """Lines, as many at once as are there."""
        ready: asyncio.Queue[_Asked | None] = asyncio.Queue(_AHEAD)
        asking = asyncio.ensure_future(self._ask(ready))
        piece = b""
        try:
            while True:
                if piece and (len(piece) > _PIECE or ready.empty()):
                    yield piece
                    piece = b""
                asked = await ready.get()
                if asked is None:
                    break
                if piece and not asked.done:
                    yield piece
                    piece = b""
                piece += _line(await self._said(asked))
            await asking
        except Exception as error:
            log_place(error)
            piece += _line({"error": "the service failed; its log says where"})
        finally:
            asking.cancel()
        if piece:
            yield piece

    async def _ask(self, ready: asyncio.Queue[_Asked | None]) -> None:
        """Parse the file and put its plots into the queue, as far as there is room."""
        rows = self._upload.rows()
        try:
            while group := await asyncio.to_thread(lambda: list(islice(rows, _GROUP))):
                for row in group:
                    error, plot = self._plot_of(row)
                    coming = None if error else await self._service.begin(self._job, plot)
                    await ready.put(_Asked(row, plot, coming, error))
        except Exception:
            await ready.put(None)
            raise
        await ready.put(None)

    def _plot_of(self, row: Row) -> tuple[str | None, str]:
        if row.error:
            return row.error, ""
        plot = row.values.get(self._upload.plot_column)
        if plot is None:
            return "the plot is missing; expected a text", ""
        if not isinstance(plot, str):
            return f"the plot is of type {type(plot).__name__}; expected a text", ""
        wrong = plot_error(plot, self._service.settings)
        return (f"the plot {wrong}" if wrong else None), plot

    async def _said(self, asked: _Asked) -> dict[str, Any]:
        answer: dict[str, Any] = {"genres": []}
        error = asked.error
        if asked.coming is not None:
            try:
                logits = await asked.coming
            except RefusedError as refused:
                error = refused.sentence
            else:
                answer = self._service.reader.answer(asked.plot, logits[None], _NO_WISHES)
                self._service.metrics.plots(1)
        row = asked.row
        return {"row": row.number, "values": row.values, **answer, "error": error}


class _Asked:
    """A row on its way."""

    def __init__(
        self, row: Row, plot: str, coming: asyncio.Future[Logits] | None, error: str | None
    ) -> None:
        self.row, self.plot, self.coming, self.error = row, plot, coming, error

    @property
    def done(self) -> bool:
        return self.coming is None or self.coming.done()


def _piece(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _line(value: dict[str, Any]) -> bytes:
    try:
        text = _dumped(value)
    except ValueError:
        text = _dumped(_finite(value))
    except RecursionError:
        text = _dumped(value | {"values": {}, "error": "a value is nested too deeply"})
    return text.encode("utf-8", "replace") + b"\n"


def _dumped(value: Any) -> str:
    # Dates and the like of Parquet are shown as they print.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    """The value with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
