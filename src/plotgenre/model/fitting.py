"""Fitting a model: every branch on train, what joins them and the thresholds on validation."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

from plotgenre.branches.adapting import adapt_encoder
from plotgenre.branches.branch import Branch, Logits, Progress, Targets
from plotgenre.branches.lexical import fit_lexical
from plotgenre.branches.semantic import fit_semantic
from plotgenre.corpus.account import Account
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.genres import GenreSettings, choose_genres, known_labels
from plotgenre.corpus.plots import shared_plots
from plotgenre.corpus.splits import stratified_split
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.errors import CorpusError, PlotgenreWarning, RecipeError
from plotgenre.idle_settings import what_words_ignore
from plotgenre.learning.calibration import fit_calibration, sigmoid
from plotgenre.learning.history import History
from plotgenre.learning.settings import LearningSettings
from plotgenre.learning.thresholds import decide, tune_thresholds
from plotgenre.model.fitted import Join, Model
from plotgenre.recipe import Recipe

_TAGS_NOTHING = (
    "this model tags no film: on the {:,} validation films no threshold finds genres better than "
    "chance; train on more films, or set thresholds.scope=fixed and thresholds.value, such as 0.3"
)


def fit_corpus(
    recipe: Recipe,
    train: Corpus,
    validation: Corpus | None = None,
    *,
    fixed_genres: bool = False,
    store: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Model:
    """Choose the genres and fit a model; arguments are those of `GenreClassifier.fit_corpus`."""
    if (ignored := what_words_ignore(recipe)) is not None:
        warnings.warn(ignored, PlotgenreWarning, stacklevel=4)
    if validation is None:
        train, validation = _with_set_aside(train, recipe)
    keep_all = GenreSettings(minimum_films=0, without_genre="keep")
    settings = keep_all if fixed_genres else recipe.genres
    chosen = choose_genres(train, settings)
    labels = known_labels(validation, settings, list(chosen.seen), chosen.ungrouped)
    held_out = labels.corpus.with_genres(chosen.corpus.genres)
    if not held_out.Y.any():
        raise CorpusError(
            f"none of the {len(validation):,} validation films has one of the "
            f"{len(chosen.corpus.genres):,} genres that are learned, such as "
            f"{chosen.corpus.genres[0]}; give more validation films"
        )
    account = Account.of(
        validation, labels, shared={"train": shared_plots(validation.plots, train.plots)}
    )
    for sentence in account.less(chosen.respelled).warnings():
        warnings.warn(f"validation films: {sentence}", PlotgenreWarning, stacklevel=4)
    model = fit_model(
        recipe,
        chosen.corpus,
        held_out,
        train_films=chosen.seen,
        store=store,
        checkpoints=checkpoints,
        progress=progress,
    )
    return replace(model, ungrouped=tuple(chosen.ungrouped))


def _with_set_aside(corpus: Corpus, recipe: Recipe) -> tuple[Corpus, Corpus]:
    """Films to learn from, and a stratified share to tune on."""
    if not recipe.split.validation:
        raise CorpusError("split.validation is 0; give validation films or a share for them")
    split = stratified_split(corpus, replace(recipe.split, test=0.0))
    return corpus.take(split.train), corpus.take(split.validation)


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
        If an encoder is to be adapted and there is no folder to write it to, or what exports it is
        not installed.
    """
    progress = progress or Progress()
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
    P = sigmoid(joined.calibration.logits(list(logits.values())))
    if not decide(P, joined.thresholds, recipe.thresholds).any():
        warnings.warn(_TAGS_NOTHING.format(len(validation)), PlotgenreWarning, stacklevel=5)
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
    # The prompt is no part of the folder; the revision was that of the encoder before.
    return replace(recipe.encoder, name=str(folder), revision=None)


def _within(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name
