"""A model as a folder, and back: which tensors and which encoder belong to which part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.artefact import ENCODER_FOLDER, Artefact, Tensors, read_artefact, write_artefact
from plotgenre.branches.branch import Branch
from plotgenre.branches.lexical import LexicalBranch
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.encoders import EncoderSettings, save_encoder, saved_encoder
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import Head
from plotgenre.model.fitted import Model
from plotgenre.model.fitting import open_embedder
from plotgenre.recipe import Recipe
from plotgenre.version import __version__

# The semantic branch's tensors have no prefix, for it was once the only branch.
_PREFIXES = {"lexical": "lexical.", "calibration": "calibration.", "semantic": ""}


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
    parts: dict[str, Branch | Calibration] = {
        **model.branches,
        "calibration": model.calibration,
    }
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
            for name, tensor in of.tensors().items()
        },
        evaluation=evaluation,
        card=card,
        write_encoder=(
            (lambda into: save_encoder(model.encoder, into))
            if embedder is not None and (bundle_encoder or model.recipe.branches.adapted)
            else None
        ),
    )
    write_artefact(folder, artefact)


def load_model(
    folder: Path, *, encoder: EncoderSettings | None = None, store: Path | None = None
) -> Model:
    """Read what `save_model` wrote; arguments and errors are those of `GenreClassifier.load`."""
    artefact = read_artefact(folder)
    recipe = Recipe.from_dict(artefact.recipe, str(folder / "config.json"))
    if encoder is not None and not recipe.branches.semantic:
        raise InputError(f"{folder} reads words alone: it has no encoder to run in another way")
    parts = _parted(artefact.tensors)
    n_genres = len(artefact.genres)
    settings = encoder or recipe.encoder
    if encoder is None and (folder / ENCODER_FOLDER).is_dir():
        settings = saved_encoder(recipe.encoder, folder / ENCODER_FOLDER)
    branches: dict[str, Branch] = {}
    if recipe.branches.semantic:
        embedder = open_embedder(recipe.slicing, settings, store)
        card = embedder.encoder.card
        refuse_other_encoder(artefact.encoder, card.as_dict(), folder)
        head = Head(recipe.head, card.dimension, n_genres, parts["semantic"])
        head.check()
        branches["semantic"] = SemanticBranch(embedder, head)
    elif parts["semantic"]:
        raise ArtefactError(f"{folder}: there is no branch for {sorted(parts['semantic'])[0]!r}")
    if recipe.branches.lexical:
        branches["lexical"] = LexicalBranch.of_tensors(parts["lexical"], n_genres)
    elif parts["lexical"]:
        raise ArtefactError(f"{folder}: tensors of a lexical branch that the recipe does not have")
    return Model(
        recipe,
        artefact.genres,
        artefact.train_films,
        branches,
        _calibration(parts["calibration"], recipe, len(branches), n_genres),
        np.array(list(artefact.thresholds.values()), dtype=np.float32),
        settings,
    )


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
