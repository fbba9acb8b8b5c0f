"""What is known of the model, from its folder: genres with test scores, card, recipe."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from plotgenre import hub
from plotgenre.artefact import CARD_FILE, EVALUATION_FILE, read_artefact, read_for_people
from plotgenre.errors import ArtefactError, PlotgenreWarning
from plotgenre.model.fitted import Model
from plotgenre.serving.reading import Reader
from plotgenre.serving.settings import ServiceSettings

_HEADLINE = (
    "micro_f1",
    "micro_precision",
    "micro_recall",
    "macro_f1_supported",
    "samples_f1",
    "micro_average_precision",
    "macro_average_precision",
    "lrap",
)
_SCORES = ("precision", "recall", "f1", "average_precision")


def genre_facts(model: Model, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Every genre with threshold, train films, and test scores where there are any."""
    tested = {one["genre"]: one for one in evaluation.get("per_genre", [])}
    return [
        {
            "name": genre,
            "threshold": round(float(threshold), 6),
            "train_films": model.train_films.get(genre),
            "test": _tested(tested.get(genre)),
        }
        for genre, threshold in zip(model.genres, model.thresholds, strict=True)
    ]


def model_facts(
    reader: Reader, folder: Path, evaluation: dict[str, Any], settings: ServiceSettings
) -> dict[str, Any]:
    """Name, version, card, headline scores, the recipe in short, and the service's limits."""
    artefact = read_artefact(folder)
    metrics = evaluation.get("metrics", {})
    headline = {key: metrics[key]["value"] for key in _HEADLINE if key in metrics}
    if headline:
        headline["films"] = evaluation["films"]
    return {
        "name": reader.name,
        "version": artefact.version,
        "fast": settings.fast,
        "quick": settings.quick,
        "recipe": _short(reader.model),
        "headline": headline,
        "card": _told(folder, CARD_FILE) or "",
        "limits": {
            "plots": settings.max_plots,
            "characters": settings.max_characters,
            "explained_plots": settings.max_explained,
            "body_bytes": settings.max_body,
            "file_bytes": settings.max_file,
        },
    }


def evaluation_of(settings: ServiceSettings) -> tuple[Path, dict[str, Any]]:
    """The model's folder, and what it scored; nothing where it reads less than it was scored by."""
    folder = hub.local_folder(settings.model, None)
    if settings.fast or settings.quick or (text := _told(folder, EVALUATION_FILE)) is None:
        return folder, {}
    try:
        found = json.loads(text)
        # A checkpoint has what it scored after its epoch, without genres.
        if "per_genre" not in found or _is_evaluation(found):
            return folder, found if "per_genre" in found else {}
    except (ValueError, TypeError, RecursionError):
        pass
    path = folder / EVALUATION_FILE
    warnings.warn(f"{path} is no evaluation; it is left out", PlotgenreWarning, stacklevel=2)
    return folder, {}


def _told(folder: Path, name: str) -> str | None:
    try:
        return read_for_people(folder, name)
    except ArtefactError as broken:
        warnings.warn(f"{broken}; it is left out", PlotgenreWarning, stacklevel=3)
        return None


def _is_evaluation(found: Any) -> bool:
    genres, metrics = found["per_genre"], found.get("metrics", {})
    return (
        isinstance(genres, list)
        and all(isinstance(one, dict) and isinstance(one.get("genre"), str) for one in genres)
        and isinstance(metrics, dict)
        and all(isinstance(one, dict) and "value" in one for one in metrics.values())
        and "films" in found
    )


def _tested(scores: dict[str, Any] | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {"films": scores.get("support", 0)} | {key: scores.get(key) for key in _SCORES}


def _short(model: Model) -> dict[str, Any]:
    recipe = model.recipe
    facts: dict[str, Any] = {
        "branches": list(model.branches),
        "calibration": recipe.calibration.method,
        "thresholds": recipe.thresholds.scope,
    }
    if recipe.branches.semantic:
        card = model.semantic().embedder.encoder.card
        facts |= {
            "encoder": card.name,
            "weights": card.weights,
            "slicing": recipe.slicing.way,
            "head": recipe.head.kind,
        }
    return facts
