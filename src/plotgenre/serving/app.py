"""The application: routes, and what stands around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plotgenre.serving import files, routes
from plotgenre.serving.pages import page_router
from plotgenre.serving.reading import Reader, load_reader
from plotgenre.serving.refusals import CLIENT_GONE, LastResort, install_refusals
from plotgenre.serving.security import SecurityHeaders, allow_origins
from plotgenre.serving.service import Service
from plotgenre.serving.settings import ServiceSettings
from plotgenre.version import __version__


def build_app(
    settings: ServiceSettings, load: Callable[[ServiceSettings], Reader] = load_reader
) -> FastAPI:
    """The application of the settings; ``app.state.service`` is its `Service`."""
    service = Service(settings, load)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="plotgenre",
        summary="Reads film plots and says which genres they belong to.",
        version=__version__,
        lifespan=lifespan,
        # Its pages load their scripts from another server.
        docs_url=None,
        redoc_url=None,
        # It would send the client to whatever host it named itself.
        redirect_slashes=False,
    )
    app.state.service = service
    install_refusals(app)
    for router in (routes.asked, files.router, routes.health, page_router()):
        app.include_router(router)
    # The last one added is the outermost.
    allow_origins(app, settings.origins)
    app.add_middleware(LastResort)
    app.add_middleware(Counted, service=service)
    app.add_middleware(SecurityHeaders)
    return app


class Counted:
    """Counts requests by route and status, and their time to the end of the answer."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = monotonic(), CLIENT_GONE

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # So that no client has sent its next request when connections are closed.
                if self._service.draining:
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # A path that is no route is the client's invention.
            route = getattr(scope.get("route"), "path", "other")
            self._service.metrics.request(route, status, monotonic() - begun)
