"""The service that one writes first: a request, a lock, an encode. Run by benchmarks/service.py."""

from __future__ import annotations

import socket
import sys
from threading import Lock
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from plotgenre import GenreClassifier


class Asked(BaseModel):
    """A plot."""

    plot: str


def build(name: str, fast: bool) -> FastAPI:
    """The application."""
    model = GenreClassifier.from_pretrained(name, fast=fast)
    app, lock = FastAPI(), Lock()
    thresholds = dict(zip(model.classes_, map(float, model.thresholds_), strict=True))

    @app.post("/v1/tag")
    def tag(asked: Asked) -> dict[str, Any]:
        with lock:
            found = model.tag(asked.plot)
        genres = [
            {"name": genre, "probability": p, "threshold": thresholds[genre]}
            for genre, p in found.items()
        ]
        return {"model": name, "films": [{"genres": genres}]}

    return app


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", file=sys.stderr, flush=True)
    app = build(sys.argv[1], "--fast" in sys.argv)
    config = uvicorn.Config(app, log_level="error", access_log=False)
    uvicorn.Server(config).run([listening])
