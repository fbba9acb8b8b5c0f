"""Bundling: a saved model and its encoder in one folder, the encoder's weights whole or rounded."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from plotgenre.artefact import ENCODER_FOLDER, bundled_encoder, read_artefact, write_artefact
from plotgenre.embedding.encoders import (
    Encoder,
    EncoderCard,
    Weights,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.embedding.encoders.onnx_folder import OnnxEncoder
from plotgenre.embedding.encoders.processor import processor_features
from plotgenre.errors import InputError
from plotgenre.evaluation.model_card import model_card
from plotgenre.model.folder import refuse_other_encoder
from plotgenre.recipe import Recipe
from plotgenre.version import __version__


def bundle_model(folder: Path, output: Path, weights: Weights = "float32") -> EncoderCard:
    """Write a copy of a model that has its encoder in its folder and knows it by its fingerprint.

    Rounded weights make another encoder, which a model refuses unless it was bundled with it here:
    that is the one way to accept it. Head, calibration and thresholds are the model's own.
    The evaluation is left out, for it speaks of the model as it was; the card is written anew, and
    says what was seen to run the encoder right here.

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
        encoder = load_encoder(saved_encoder(recipe.encoder, written))
        card = encoder.card
        facts = card.as_dict()
        if card.source != artefact.encoder.get("fingerprint"):
            refuse_other_encoder(artefact.encoder, facts, folder)
        bundled = replace(
            artefact,
            version=__version__,
            encoder=dict(facts),
            card=model_card(recipe.as_dict(), artefact.train_films, None) + _runs(encoder),
            write_encoder=lambda into: shutil.copytree(written, into),
        )
        write_artefact(output, bundled)
    return card


def _runs(encoder: Encoder) -> str:
    """The model card's section on the encoder and what ran it where the card was written."""
    card = encoder.card
    said = [f"Its encoder has {card.dimension} dimensions and {card.weights} weights."]
    if isinstance(encoder, OnnxEncoder):
        checked = encoder.checked
        features = ", ".join(processor_features()) or "features unknown"
        said.append(
            "Where this folder was written, its vectors were right when run by\n"
            f"{checked}, on a processor with {features}."
        )
        said += [f"Passed over: {one}." for one in checked.refused]
        said.append("Every other machine checks anew, and `plotgenre info` says what it found.")
    return "\n## Runtime\n\n" + "\n".join(said) + "\n"
