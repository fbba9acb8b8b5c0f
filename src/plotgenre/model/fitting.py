"""Fitting a model: every branch on train, what joins them and the thresholds on validation."""

from __future__ import annotations

from pathlib import Path

from plotgenre.branches.branch import Branch, Progress
from plotgenre.branches.lexical import fit_lexical
from plotgenre.branches.semantic import fit_semantic
from plotgenre.corpus.films import Corpus
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.learning.calibration import fit_calibration, sigmoid
from plotgenre.learning.history import History
from plotgenre.learning.settings import LearningSettings
from plotgenre.learning.thresholds import tune_thresholds
from plotgenre.model.fitted import Model
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
    """
    progress = progress or Progress()
    branches: dict[str, Branch] = {}
    history: History | None = None
    if recipe.branches.semantic:
        branches["semantic"], history = fit_semantic(
            open_embedder(recipe.slicing, recipe.encoder, store),
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
    logits = [branch.logits(validation.plots, progress) for branch in branches.values()]
    calibration = fit_calibration(logits, validation.Y, recipe.calibration)
    P = sigmoid(calibration.logits(logits))
    return Model(
        recipe,
        train.genres,
        train_films,
        branches,
        calibration,
        tune_thresholds(P, validation.Y, recipe.thresholds),
        recipe.encoder,
        history,
    )


def open_embedder(slicing: Slicing, settings: EncoderSettings, store: Path | None) -> Embedder:
    """Slicing and encoder, and the store if one is given."""
    encoder = load_encoder(settings)
    return Embedder(slicing, encoder, None if store is None else Store(store, encoder.card))


def _within(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name
