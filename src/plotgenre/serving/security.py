"""Who may ask, and what browsers may do with the answers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plotgenre.serving.refusals import RefusedError

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def check_key(expected: str, headers: Mapping[str, str]) -> None:
    """Refuse a request without the key.

    Raises
    ------
    RefusedError
        401 if a key is asked for and ``Authorization: Bearer`` has another or none.
    """
    if not expected:
        return
    scheme, _, key = headers.get("authorization", "").partition(" ")
    # As the bytes that were sent: headers are read as Latin-1, and compare_digest wants ASCII.
    right = hmac.compare_digest(key.strip().encode("latin-1"), expected.encode())
    if not right or scheme.lower() != "bearer":
        raise RefusedError(
            401,
            "the API key is missing or wrong; expected the header Authorization: Bearer KEY",
            {"WWW-Authenticate": "Bearer"},
        )


class SecurityHeaders:
    """Puts the headers on every answer; those of CORS go before."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
                # A page that CORS lets read the answer may do so.
                if "access-control-allow-origin" in headers:
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            await send(message)

        await self._app(scope, receive, secured)


def allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of these origins, and of no other, read the answers."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )


def media_type(headers: Headers, allowed: tuple[str, ...]) -> str:
    """The media type of a body.

    Raises
    ------
    RefusedError
        415 if it is not one of those allowed, its text is not UTF-8, or it is packed.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise RefusedError(415, "the body has a Content-Encoding; expected it unpacked, without")
    found, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if found.strip() not in allowed or charset not in ("", "charset=utf-8"):
        expected = " or ".join((", ".join(allowed[:-1]), allowed[-1]) if allowed[1:] else allowed)
        raise RefusedError(415, f"expected Content-Type {expected}, in UTF-8")
    return found.strip()
