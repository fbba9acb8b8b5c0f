"""The routes that answer at once: plots, what the model is, health, figures."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from plotgenre.serving import metrics, schemas
from plotgenre.serving.limits import check_plots, while_connected
from plotgenre.serving.reading import Wishes
from plotgenre.serving.security import check_key, media_type
from plotgenre.serving.service import Service

_SAID = {
    400: "Not JSON",
    401: "No key, or a wrong one",
    413: "Too large a body",
    415: "Another content type",
    422: "Not as expected, or over a limit",
    429: "No room in the queue; see Retry-After",
    503: "The model is still being loaded",
    504: "The deadline has passed",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Error, "description": said} for status, said in _SAID.items()
}

_JSON = "application/json"
# Bytes of a body that is parsed faster than it is handed to another thread.
_SMALL = 65_536


def service_of(request: Request) -> Service:
    """The service of a request's application."""
    service: Service = request.app.state.service
    return service


async def with_key(request: Request) -> None:
    """Refuse a request without the API key."""
    check_key(service_of(request).settings.api_key, request.headers)


asked = APIRouter(prefix="/v1", dependencies=[Depends(with_key)])
health = APIRouter()


def _body_of(model: type[schemas.TagRequest]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}}


@asked.post(
    "/tag",
    response_model=schemas.TagAnswer,
    responses=REFUSALS,
    openapi_extra=_body_of(schemas.TagRequest),
    summary="Genres of one plot or several",
)
async def tag(request: Request) -> Response:
    """The genres of each plot, best first."""
    service = service_of(request)
    settings = service.settings
    # Asks whether it is loaded, before anything is read.
    assert service.reader
    media_type(request.headers, (_JSON,))
    async with service.bodies.arriving(request, settings.max_body, settings.deadline) as pieces:
        body = b"".join([piece async for piece in pieces])
        wanted = (
            schemas.tag_request(body)
            if len(body) <= _SMALL
            else await asyncio.to_thread(schemas.tag_request, body)
        )
    plots = wanted.texts()
    check_plots(plots, wanted.explain, settings)
    wishes = Wishes(wanted.all, wanted.logits, wanted.explain)
    content = await while_connected(request, service.answers(plots, wishes), settings.deadline)
    return Response(content, media_type=_JSON)


@asked.get(
    "/genres",
    response_model=schemas.Genres,
    responses={401: REFUSALS[401], 503: REFUSALS[503]},
    summary="All genres, with thresholds and test scores",
)
async def genres(request: Request) -> JSONResponse:
    """Every genre that the model knows."""
    service = service_of(request)
    return JSONResponse({"model": service.reader.name, "genres": service.genre_facts})


@asked.get(
    "/model",
    response_model=schemas.ModelFacts,
    responses={401: REFUSALS[401], 503: REFUSALS[503]},
    summary="The model's card",
)
async def model(request: Request) -> JSONResponse:
    """What the model is, what it scored, and what the service takes."""
    return JSONResponse(service_of(request).model_facts)


@health.get("/health/live", response_model=schemas.Health, summary="Whether the process answers")
async def live() -> JSONResponse:
    """200 as long as the event loop turns."""
    return JSONResponse({"status": "live"})


@health.get(
    "/health/ready",
    response_model=schemas.Health,
    responses={503: {"model": schemas.Health, "description": "Loading or draining"}},
    summary="Whether to send requests here",
)
async def ready(request: Request) -> JSONResponse:
    """200 once the model is loaded, 503 before, and from SIGTERM on."""
    status = service_of(request).status
    return JSONResponse({"status": status}, status_code=200 if status == "ready" else 503)


@health.get("/metrics", response_class=Response, summary="Figures for Prometheus")
async def figures(request: Request) -> Response:
    """Requests, times, batches, the queue."""
    page = await asyncio.to_thread(service_of(request).metrics.page)
    return Response(page, headers={"Content-Type": metrics.CONTENT_TYPE})
