"""The info command: this machine, what would run an encoder on it, and what a model is."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from plotgenre.version import __version__


def info(
    model: Annotated[str, typer.Argument(help="Model folder or Hub id.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """What runs here, and what a model is."""
    facts = machine_facts()
    if model:
        from plotgenre.hub import local_folder

        facts["model"] = model_facts(local_folder(model, None))
    typer.echo(
        json.dumps(facts, indent=2, ensure_ascii=False) if as_json else "\n".join(_of(facts))
    )


def machine_facts() -> dict[str, Any]:
    """Versions, the processor, and what would run an ONNX encoder."""
    from plotgenre.embedding.encoders.graph import runtime_here, threads_here
    from plotgenre.embedding.encoders.processor import processor_features

    runtime, quick = runtime_here(), runtime_here(precision="int8")
    return {
        "plotgenre": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor features": processor_features(),
        "threads": threads_here(),
        "onnx encoders run by": f"{runtime.name} {runtime.version}, {runtime.precision}",
        "with --quick by": f"{quick.name} {quick.version}, {quick.precision}",
        "torch": _version_of("torch"),
    }


def model_facts(folder: Path) -> dict[str, Any]:
    """A model's branches, genres, sizes and encoder; the encoder itself is not loaded.

    Raises
    ------
    ArtefactError
        If it is damaged or no model.
    """
    from plotgenre.artefact import HEAD_FILE, bundled_encoder, read_artefact
    from plotgenre.recipe import Recipe

    artefact = read_artefact(folder)
    recipe = Recipe.from_dict(artefact.recipe, str(folder / "config.json"))
    branches = [name for name in ("semantic", "lexical") if getattr(recipe.branches, name)]
    return {
        "folder": str(folder),
        "written by": f"plotgenre {artefact.version}",
        "branches": branches,
        "genres": list(artefact.genres),
        "size in MB": _megabytes(folder),
        "of which weights": _megabytes(folder / HEAD_FILE),
        "encoder": (
            _encoder_facts(
                artefact.encoder, recipe.encoder, bundled_encoder(folder, artefact.encoder)
            )
            if recipe.branches.semantic
            else None
        ),
    }


def _encoder_facts(card: Mapping[str, Any], settings: Any, bundled: Path | None) -> dict[str, Any]:
    from plotgenre.embedding.encoders.graph import runtime_here

    if bundled is not None or settings.kind == "onnx":
        runtime = runtime_here(settings.runtime, settings.precision)
        run_by, precision = f"{runtime.name} {runtime.version}", runtime.precision
        device: str | None = "cpu"
    else:
        library = "model2vec" if settings.kind == "static" else "torch"
        run_by, precision = f"{library} {_version_of(library)}", settings.precision
        device = "cpu" if settings.kind == "static" else _torch_device()
    return {
        "name": card.get("name"),
        "dimensions": card.get("dimension"),
        "tokens": card.get("max_tokens"),
        "weights": card.get("weights", "float32"),
        "bundled": bundled is not None,
        "size in MB": None if bundled is None else _megabytes(bundled),
        "run by": run_by,
        "device": device,
        "precision": precision,
        "prompt": card.get("prompt"),
        "query prompt": card.get("query_prompt"),
        "fingerprint": card.get("fingerprint"),
    }


def _torch_device() -> str | None:
    """Where torch would run an encoder; None without it."""
    from plotgenre.devices import torch_device

    try:
        return torch_device("auto", "encoder.device").type
    except ImportError:
        return None


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _megabytes(place: Path) -> float:
    files = place.rglob("*") if place.is_dir() else [place]
    return round(sum(one.stat().st_size for one in files if one.is_file()) / 1e6, 2)


def _of(facts: Mapping[str, Any], indent: str = "") -> list[str]:
    """One fact a line; a model's genres are counted, and named in the JSON."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}", *_of(value, indent + "  ")]
        elif name == "genres":
            lines.append(f"{indent}{name}: {len(value)}")
        else:
            shown = ", ".join(value) if isinstance(value, list) else value
            lines.append(f"{indent}{name}: {'none' if shown in (None, '') else shown}")
    return lines
