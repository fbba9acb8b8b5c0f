"""The serve command: a model as a service with a web page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from plotgenre.doors.options import Fast, Quick
from plotgenre.errors import InputError, MissingExtraError
from plotgenre.hub import DEFAULT_MODEL

_KEY = "PLOTGENRE_API_KEY"


def serve(
    model: Annotated[
        str, typer.Argument(help="Model folder, Hub id, films or standard.")
    ] = DEFAULT_MODEL,
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 is all of them.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 is any free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes, a model each.", min=1)] = 1,
    fast: Fast = False,
    quick: Quick = False,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help=f"File with the key that requests must bring; or set {_KEY}."),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Origin whose pages may ask, as https://example.org.")
    ] = None,
    set: Annotated[list[str] | None, typer.Option(help="Change a limit, as deadline=10.")] = None,
) -> None:
    """Answer requests for genres over HTTP, and show a page for people at /."""
    from plotgenre.doors.options import assigned

    settings = {
        "model": model,
        "fast": fast,
        "quick": quick,
        "workers": workers,
        "api_key": read_key(api_key_file),
        "origins": tuple(origin or ()),
    }
    serve_settings(assigned(set or []) | settings, host, port)


def serve_settings(values: dict[str, Any], host: str, port: int) -> None:
    """Serve, once the settings are right.

    Raises
    ------
    RecipeError, MissingExtraError, ArtefactError, OSError
        If a setting is wrong, the extra is missing, there is no such model, or the address is
        taken.
    """
    from plotgenre.hub import local_folder
    from plotgenre.recipe import validated
    from plotgenre.serving.settings import ServiceSettings

    settings = validated(ServiceSettings, values, "serve")
    # Asked once, before processes are started that would all ask.
    local_folder(settings.model, None)
    try:
        from plotgenre.serving.server import announce, bind, run_process
        from plotgenre.serving.workers import supervise
    except ModuleNotFoundError as missing:
        raise MissingExtraError("The service", "serve") from missing
    listening = bind(host, port)
    if settings.workers == 1:
        listening.listen()
    announce(settings, listening)
    if settings.workers == 1:
        run_process(settings, listening)
    else:
        supervise(settings, listening)


def read_key(file: Path | None) -> str:
    """The API key of a file, else of the environment; empty without either.

    Raises
    ------
    InputError
        If the file cannot be read, or is empty.
    """
    if file is None:
        return os.environ.get(_KEY, "").strip()
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as broken:
        raise InputError(f"the file of the API key, {file}, cannot be read: {broken}") from None
    if not key:
        raise InputError(f"the file of the API key, {file}, is empty")
    return key
