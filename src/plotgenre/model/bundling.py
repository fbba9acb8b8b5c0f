"""Bundling: a saved model and its encoder in one folder, the encoder's weights whole or rounded."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from plotgenre.artefact import ENCODER_FOLDER, bundled_encoder, read_artefact, write_artefact
from plotgenre.embedding.encoders import (
    EncoderCard,
    Weights,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.errors import InputError
from plotgenre.model.folder import refuse_other_encoder
from plotgenre.recipe import Recipe
from plotgenre.version import __version__


def bundle_model(folder: Path, output: Path, weights: Weights = "float32") -> EncoderCard:
    """Write a copy of a model that has its encoder in its folder and knows it by its fingerprint.

    Rounded weights make another encoder, which a model refuses unless it was bundled with it here:
    that is the one way to accept it. Head, calibration and thresholds are the model's own.
    Evaluation and card are left out, for they speak of the model as it was.

    Parameters
    ----------
    folder
        A model with a semantic branch; its own bundled encoder is taken if it has one.
    output
        New, empty, or an older model, which is replaced.
    weights
        What the encoder's large weights are kept in.

    Returns
    -------
    The card of the bundled encoder.

    Raises
    ------
    InputError
        If the model reads words alone.
    ArtefactError
        If the model is damaged, its encoder another one, or the place cannot be written to.
    EncoderError, MissingExtraError
        If the encoder cannot be loaded, exported or rounded.
    """
    artefact = read_artefact(folder)
    recipe = Recipe.from_dict(artefact.recipe, str(folder / "config.json"))
    if not recipe.branches.semantic:
        raise InputError(f"{folder} reads words alone: it has no encoder to bundle")
    settings = recipe.encoder
    if (own := bundled_encoder(folder, artefact.encoder)) is not None:
        settings = saved_encoder(recipe.encoder, own)
    with tempfile.TemporaryDirectory() as room:
        written = Path(room) / ENCODER_FOLDER
        save_encoder(settings, written, weights)
        card = load_encoder(saved_encoder(recipe.encoder, written)).card
        facts = card.as_dict()
        if card.source != artefact.encoder.get("fingerprint"):
            refuse_other_encoder(artefact.encoder, facts, folder)
        bundled = replace(
            artefact,
            version=__version__,
            encoder=dict(facts),
            write_encoder=lambda into: shutil.copytree(written, into),
        )
        write_artefact(output, bundled)
    return card
