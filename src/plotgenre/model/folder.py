"""A model as a folder, and back: which tensors and which encoder belong to which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.artefact import Artefact, Tensors, bundled_encoder, read_artefact, write_artefact
from plotgenre.branches.branch import Branch
from plotgenre.branches.lexical import LexicalBranch
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.embedder import open_embedder
from plotgenre.embedding.encoders import EncoderSettings, save_encoder, saved_encoder
from plotgenre.embedding.encoders.encoder import BUNDLED
from plotgenre.embedding.slicing import Slicing
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.added_genres import AddedGenres
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import Head
from plotgenre.model.fitted import Join, Model
from plotgenre.recipe import Recipe
from plotgenre.version import __version__

# The semantic branch's tensors have no prefix, for it was once the only branch.
_PREFIXES = {
    "lexical": "lexical.",
    "calibration": "calibration.",
    "fast": "fast.",
    "added": "added.",
    "semantic": "",
}

_THRESHOLDS = "thresholds"

# A plot's beginning, middle and end.
_QUICK_SLICES = 3


def save_model(
    model: Model,
    folder: Path,
    *,
    evaluation: dict[str, Any] | None = None,
    card: str | None = None,
    bundle_encoder: bool = False,
) -> None:
    """Write a model at once or not at all; arguments are those of `GenreClassifier.save`.

    Raises
    ------
    ArtefactError
        If something else than a model stands there, or the place cannot be written to.
    EncoderError, MissingExtraError
        If the encoder cannot be bundled.
    """
    semantic = model.branches.get("semantic")
    embedder = semantic.embedder if isinstance(semantic, SemanticBranch) else None
    parts: dict[str, Tensors] = {
        **{name: branch.tensors() for name, branch in model.branches.items()},
        "calibration": model.calibration.tensors(),
    }
    if (fast := model.fast) is not None:
        parts["fast"] = {**fast.calibration.tensors(), _THRESHOLDS: fast.thresholds}
    if model.added is not None:
        parts["added"] = model.added.tensors()
    artefact = Artefact(
        version=__version__,
        genres=model.genres,
        thresholds=dict(zip(model.genres, map(float, model.thresholds), strict=True)),
        train_films=model.train_films,
        recipe=model.recipe.as_dict(),
        encoder={} if embedder is None else dict(embedder.encoder.card.as_dict()),
        tensors={
            _PREFIXES[part] + name: tensor
            for part, of in parts.items()
            for name, tensor in of.items()
        },
        ungrouped=model.ungrouped,
        evaluation=evaluation,
        card=card,
        write_encoder=(
            (lambda into: save_encoder(model.encoder, into))
            if embedder is not None and (bundle_encoder or _stands_nowhere_else(model))
            else None
        ),
    )
    write_artefact(folder, artefact)


def _stands_nowhere_else(model: Model) -> bool:
    """Whether the encoder was adapted, or came along and is not where the recipe says."""
    name = model.recipe.encoder.name
    moved = name not in (BUNDLED, model.encoder.name) and not Path(name).is_dir()
    return model.recipe.branches.adapted or moved


def load_model(
    folder: Path,
    *,
    encoder: EncoderSettings | None = None,
    store: Path | None = None,
    fast: bool = False,
    quick: bool = False,
) -> Model:
    """Read what `save_model` wrote; arguments and errors are those of `GenreClassifier.load`."""
    artefact = read_artefact(folder)
    recipe = Recipe.from_dict(artefact.recipe, str(folder / "config.json"))
    # How often a fit left checkpoints is no property of its model. Up to 0.1.0 every recipe had a 1
    # here that meant something else.
    recipe = recipe.with_settings({"training.checkpoint_every": None})
    if encoder is not None and (fast or not recipe.branches.semantic):
        raise InputError(f"{folder} reads words alone: it has no encoder to run in another way")
    if quick and (fast or not recipe.branches.semantic):
        raise InputError(
            f"{folder} is read by words alone, and quick reading is an encoder's; expected fast or "
            "quick, and quick of a model with an encoder"
        )
    if fast and not recipe.branches.lexical:
        raise InputError(f"{folder} has no lexical branch, so it cannot be read by words alone")
    # Where it was trained says nothing of where it is loaded.
    settings = encoder or replace(recipe.encoder, device="auto")
    if encoder is None and (bundled := bundled_encoder(folder, artefact.encoder)) is not None:
        settings = saved_encoder(recipe.encoder, bundled)
    slicing = recipe.slicing
    if quick:
        slicing, settings = _quicker(slicing, settings, artefact.encoder)
    parts, n_genres = _parted(artefact.tensors), len(artefact.genres)
    _refuse_idle_parts(parts, recipe, folder)
    added: AddedGenres | None = None
    if parts["added"]:
        dimension = artefact.encoder.get("dimension", 0)
        added = AddedGenres.from_tensors(parts["added"], dimension, n_genres)
        n_genres -= len(added)
    branches: dict[str, Branch] = {}
    # In fast reading the encoder is not even opened.
    if recipe.branches.semantic and not (fast and recipe.branches.lexical):
        embedder = open_embedder(slicing, settings, store)
        card = embedder.encoder.card
        refuse_other_encoder(artefact.encoder, card.as_dict(), folder)
        head = Head(recipe.head, card.dimension, n_genres, parts["semantic"])
        head.check()
        branches["semantic"] = SemanticBranch(embedder, head)
    if recipe.branches.lexical:
        branches["lexical"] = LexicalBranch.of_tensors(parts["lexical"], n_genres)
    several = recipe.branches.semantic + recipe.branches.lexical
    model = Model(
        recipe,
        artefact.genres,
        artefact.train_films,
        branches,
        _calibration(parts["calibration"], recipe, several, n_genres),
        np.array(list(artefact.thresholds.values()), dtype=np.float32),
        settings,
        fast=_fast(parts["fast"], n_genres, folder),
        added=added,
        ungrouped=artefact.ungrouped,
    )
    return model.words_alone() if fast else model


def _quicker(
    slicing: Slicing, settings: EncoderSettings, card: Mapping[str, Any]
) -> tuple[Slicing, EncoderSettings]:
    """Fewer slices of a plot, and products in 8 bits where the encoder's weights are such."""
    slicing = replace(slicing, max_slices=min(slicing.max_slices, _QUICK_SLICES))
    if settings.kind == "onnx" and settings.precision == "auto" and card.get("weights") == "int8":
        settings = replace(settings, precision="int8")
    return slicing, settings


def _refuse_idle_parts(parts: Mapping[str, Tensors], recipe: Recipe, folder: Path) -> None:
    present = {"semantic": recipe.branches.semantic, "lexical": recipe.branches.lexical}
    needed = present | {"fast": all(present.values()), "added": present["semantic"]}
    for part, there in needed.items():
        if parts[part] and not there:
            first = _PREFIXES[part] + min(parts[part])
            raise ArtefactError(f"{folder}: the recipe has no branch for the tensor {first!r}")


def _fast(tensors: Tensors, n_genres: int, folder: Path) -> Join | None:
    if not tensors:
        return None
    thresholds = tensors.get(_THRESHOLDS)
    if (
        thresholds is None
        or thresholds.dtype != np.float32
        or thresholds.shape != (n_genres,)
        or not ((thresholds >= 0) & (thresholds <= 1)).all()
    ):
        raise ArtefactError(
            f"{folder}: the tensor 'fast.thresholds' must be {n_genres} float32 numbers from 0 to 1"
        )
    return Join(Calibration.from_tensors(tensors, 1, n_genres), thresholds)


def _calibration(tensors: Tensors, recipe: Recipe, branches: int, n_genres: int) -> Calibration:
    # Models from before there was calibration have no tensors of it.
    if not tensors and recipe.calibration.method == "none":
        return Calibration.mean(branches, n_genres)
    return Calibration.from_tensors(tensors, branches, n_genres)


def _parted(tensors: Tensors) -> dict[str, dict[str, Any]]:
    """The tensors of each part, by their names in it."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in _PREFIXES}
    for name, tensor in tensors.items():
        part = next(part for part, prefix in _PREFIXES.items() if name.startswith(prefix))
        parts[part][name.removeprefix(_PREFIXES[part])] = tensor
    return parts


def refuse_other_encoder(
    expected: Mapping[str, Any], found: Mapping[str, Any], folder: Path
) -> None:
    """Refuse an encoder that is not the model's, given both cards.

    Raises
    ------
    ArtefactError
        If dimension or fingerprint differ.
    """
    if found["source"] and expected.get("fingerprint") == found["source"]:
        raise ArtefactError(
            f"{folder} was trained with the encoder {found['name']!r} in float32, this one has "
            f"{found['weights']} weights; make a model that reads it with plotgenre bundle "
            f"--weights {found['weights']}"
        )
    for fact in ("dimension", "fingerprint"):
        if expected.get(fact) != found[fact]:
            raise ArtefactError(
                f"{folder} was trained with the encoder {expected.get('name')!r} whose {fact} is "
                f"{expected.get(fact)}; the encoder {found['name']!r} has {found[fact]}"
            )
