"""The web page: its files are read once, and nothing but those names is served."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from plotgenre.serving.refusals import RefusedError

FOLDER = Path(__file__).parent / "page"

_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def page_router() -> APIRouter:
    """``/`` and ``/page/NAME``."""
    files = {
        path.name: (path.read_bytes(), _TYPES[path.suffix])
        for path in FOLDER.iterdir()
        if path.suffix in _TYPES
    }
    router = APIRouter(include_in_schema=False)

    def answer(name: str) -> Response:
        if name not in files:
            raise RefusedError(404, "nothing is here")
        content, kind = files[name]
        # A new version's page must not run an old version's script.
        headers = {"Content-Type": kind, "Cache-Control": "no-cache"}
        return Response(content, headers=headers)

    @router.get("/")
    async def index() -> Response:
        return answer(_INDEX)

    @router.get("/page/{name}")
    async def file(name: str) -> Response:
        return answer(name)

    return router
