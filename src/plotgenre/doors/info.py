"""The info command: this machine, what would run an encoder on it, and what a model is."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotgenre.errors import EncoderError
from plotgenre.version import __version__

if TYPE_CHECKING:
    from plotgenre.embedding.encoders import EncoderSettings


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
    from plotgenre.embedding.encoders.graph import runtimes_here, threads_here
    from plotgenre.embedding.encoders.processor import processor_features

    runtime, quick = runtimes_here()[0], runtimes_here(precision="int8")[0]
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
    """A model's branches, genres, sizes and encoder.

    An ONNX encoder is loaded, since only what loads it finds out what runs it right here.

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
    from plotgenre.embedding.encoders import saved_encoder

    if bundled is not None:
        settings = saved_encoder(settings, bundled)
    if settings.kind == "onnx":
        run = _run_facts(settings)
    else:
        library = "model2vec" if settings.kind == "static" else "torch"
        run = {"run by": f"{library} {_version_of(library)}", "precision": settings.precision}
    device = _torch_device() if settings.kind == "sentence_transformers" else "cpu"
    return {
        "name": card.get("name"),
        "dimensions": card.get("dimension"),
        "tokens": card.get("max_tokens"),
        "weights": card.get("weights", "float32"),
        "bundled": bundled is not None,
        "size in MB": None if bundled is None else _megabytes(bundled),
        **run,
        "device": device,
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


def _run_facts(settings: EncoderSettings) -> dict[str, Any]:
    """What runs an ONNX encoder here, and which faster ways were wrong."""
    from plotgenre.embedding.encoders.onnx_folder import OnnxEncoder

    try:
        checked = OnnxEncoder(settings).checked
    except EncoderError as refused:
        return {"run by": f"nothing here: {refused}", "precision": None}
    return {
        "run by": f"{checked.runtime.name} {checked.runtime.version}",
        "precision": checked.graph.precision,
        "batches at a time": checked.graph.lanes,
        "distance from float32": round(checked.distance, 4),
        "passed over": list(checked.refused),
    }


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
            shown = "; ".join(value) if name == "passed over" else value
            shown = ", ".join(shown) if isinstance(shown, list) else shown
            lines.append(f"{indent}{name}: {'none' if shown in (None, '') else shown}")
    return lines
