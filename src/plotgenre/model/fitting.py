"""Fitting a model: every branch on train, what joins them and the thresholds on validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from plotgenre.branches.adapting import adapt_encoder
from plotgenre.branches.branch import Branch, Logits, Progress, Targets
from plotgenre.branches.lexical import fit_lexical
from plotgenre.branches.semantic import fit_semantic
from plotgenre.corpus.films import Corpus
from plotgenre.devices import torch_device
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.errors import RecipeError
from plotgenre.learning.calibration import fit_calibration, sigmoid
from plotgenre.learning.history import History
from plotgenre.learning.settings import LearningSettings
from plotgenre.learning.thresholds import tune_thresholds
from plotgenre.model.fitted import Join, Model
from plotgenre.recipe import Recipe


def fit_model(
    recipe: Recipe,
    train: Corpus,
    validation: Corpus,
    *,
    train_films: dict[str, int],
    store: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Model:
    """Fit the branches that the recipe names.

    Parameters
    ----------
    recipe
        All settings.
    train, validation
        Films over the same genres, already chosen and merged.
    train_films
        Films of every genre in train before genres were chosen.
    store
        Folder where vectors of slices are kept.
    checkpoints
        Folder from which an interrupted fit resumes; each branch has a folder of its own in it.
    progress
        Whom to tell how far it is.

    Raises
    ------
    RecipeError, MissingExtraError
        If an encoder is to be adapted and there is no folder to write it to, what exports it is
        not installed, or torch does not have a device that is asked for.
    """
    progress = progress or Progress()
    if recipe.branches.semantic:
        # Better to hear now than after hours of encoding that there is no such device.
        torch_device(recipe.training.device, "training.device")
    encoder = recipe.encoder
    if recipe.branches.adapted:
        encoder = _adapted(recipe, train, validation, store, checkpoints, progress)
    branches: dict[str, Branch] = {}
    history: History | None = None
    if recipe.branches.semantic:
        branches["semantic"], history = fit_semantic(
            open_embedder(recipe.slicing, encoder, store),
            (train.plots, train.Y),
            (validation.plots, validation.Y),
            LearningSettings(recipe.head, recipe.training, recipe.sampling),
            checkpoints=_within(checkpoints, "semantic"),
            progress=progress,
        )
    if recipe.branches.lexical:
        branches["lexical"] = fit_lexical(
            (train.plots, train.Y),
            recipe.lexical,
            checkpoints=_within(checkpoints, "lexical"),
            progress=progress.lexical,
        )
    logits = {name: branch.logits(validation.plots, progress) for name, branch in branches.items()}
    joined = _join(recipe, list(logits.values()), validation.Y)
    several = len(logits) > 1
    return Model(
        recipe,
        train.genres,
        train_films,
        branches,
        joined.calibration,
        joined.thresholds,
        encoder,
        history,
        _join(recipe, [logits["lexical"]], validation.Y) if several else None,
    )


def _join(recipe: Recipe, logits: list[Logits], Y: Targets) -> Join:
    calibration = fit_calibration(logits, Y, recipe.calibration)
    P = sigmoid(calibration.logits(logits))
    return Join(calibration, tune_thresholds(P, Y, recipe.thresholds))


def open_embedder(slicing: Slicing, settings: EncoderSettings, store: Path | None) -> Embedder:
    """Slicing and encoder, and the store if one is given."""
    encoder = load_encoder(settings)
    return Embedder(slicing, encoder, None if store is None else Store(store, encoder.card))


def _adapted(
    recipe: Recipe,
    train: Corpus,
    validation: Corpus,
    store: Path | None,
    checkpoints: Path | None,
    progress: Progress,
) -> EncoderSettings:
    """How the encoder that has learned from the train films is loaded."""
    if checkpoints is None:
        raise RecipeError("branches.adapted needs a folder for the new encoder: give checkpoints")
    # Imported only here, for it loads a tokenizer that reading words does without.
    from plotgenre.embedding.encoders.export import check_export_installed

    # The model takes the encoder along; better to hear now than after hours that it cannot.
    check_export_installed()
    folder = (checkpoints / "encoder").absolute()
    adapt_encoder(
        (recipe.encoder, recipe.slicing, recipe.adapting),
        (train.plots, train.Y),
        (validation.plots, validation.Y),
        train.genres,
        folder,
        store,
        progress,
    )
    # The revision was that of the encoder before.
    return replace(recipe.encoder, name=str(folder), revision=None)


def _within(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name
