"""What a service says when it does not answer: a status, one sentence, when to come back."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("plotgenre.serving")

CLIENT_GONE = 499
"""Never sent: what the figures count where nobody waited for the answer."""

_SENTENCES = {404: "nothing is here", 405: "the method is not allowed here"}
_BROKEN = "the service failed; its log says where"


class RefusedError(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status
        Of HTTP.
    sentence
        What was expected, and what was got; never a plot.
    headers
        More of the answer's headers.
    """

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


class ClientGoneError(Exception):
    """The client closed its connection: there is nobody to answer."""


def busy(seconds: int, why: str = "its queue is full", closes: bool = False) -> RefusedError:
    """There is no room; where the body has not come whole, the connection ends too."""
    headers = {"Retry-After": str(seconds)} | ({"Connection": "close"} if closes else {})
    return RefusedError(429, f"the service is busy: {why}", headers)


def overdue(seconds: float, closes: bool = False) -> RefusedError:
    """The deadline has passed; where the body has not come whole, the connection ends too."""
    headers = {"Connection": "close"} if closes else None
    return RefusedError(504, f"the request was not answered within {seconds:g} s", headers)


def install_refusals(app: FastAPI) -> None:
    """Have every error answered as JSON with one sentence."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RefusedError)
        return said(error)

    async def missing(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        return said(RefusedError(error.status_code, sentence, error.headers))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(ClientGoneError, gone)
    app.add_exception_handler(HTTPException, missing)


def said(refusal: RefusedError) -> JSONResponse:
    """A refusal as an answer."""
    content = {"error": refusal.sentence}
    return JSONResponse(content, status_code=refusal.status, headers=refusal.headers)


class LastResort:
    """Answers what no one foresaw, and logs where it happened: messages may quote a plot."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log_place(error)
            if not begun:
                await said(RefusedError(500, _BROKEN))(scope, receive, send)


def log_place(error: BaseException) -> None:
    """Log an error's type and the lines that it passed, without what it says."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s at\n%s", type(error).__name__, lines.rstrip())
