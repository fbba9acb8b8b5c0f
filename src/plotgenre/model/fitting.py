"""Fitting a model: every branch on train, what joins them and the thresholds on validation."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

from plotgenre.branches.adapting import adapt_encoder
from plotgenre.branches.branch import Branch, Logits, Progress, Targets
from plotgenre.branches.lexical import fit_lexical
from plotgenre.branches.semantic import SemanticBranch, fit_semantic
from plotgenre.corpus.account import Account
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.genres import GenreSettings, choose_genres, known_labels
from plotgenre.corpus.plots import shared_plots
from plotgenre.corpus.splits import stratified_split
from plotgenre.devices import torch_device
from plotgenre.embedding.bags import Bags
from plotgenre.embedding.embedder import open_embedder
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import CorpusError, PlotgenreWarning, RecipeError
from plotgenre.idle_settings import what_words_ignore
from plotgenre.learning.calibration import fit_calibration, sigmoid
from plotgenre.learning.history import EpochScores, History
from plotgenre.learning.settings import LearningSettings
from plotgenre.learning.thresholds import tune_thresholds
from plotgenre.model.checkpoints import ModelCheckpoints
from plotgenre.model.fitted import Join, Model
from plotgenre.recipe import Recipe
from plotgenre.texts import warn_of_cut

# Branches by name, and their logits of the validation films.
_Read = dict[str, tuple[Branch, Logits]]
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
    warn_of_cut(train.plots, "train plot")
    warn_of_cut(validation.plots if validation else (), "validation plot")
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
    return fit_model(
        recipe,
        chosen.corpus,
        held_out,
        train_films=chosen.seen,
        ungrouped=tuple(chosen.ungrouped),
        store=store,
        checkpoints=checkpoints,
        progress=progress,
    )


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
    ungrouped: tuple[str, ...] = (),
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
    ungrouped
        Names of train that no group of the recipe has.
    store
        Folder where vectors of slices are kept.
    checkpoints
        Folder from which an interrupted fit resumes; each branch has a folder of its own in it,
        and so have the models of `ModelCheckpoints`.
    progress
        Whom to tell how far it is.

    Raises
    ------
    RecipeError, MissingExtraError
        If an encoder is to be adapted or models are to be left every so many epochs and there is
        no folder to write them to, what exports an encoder is not installed, or torch does not
        have a device that is asked for.
    """
    progress = progress or Progress()
    kept = ModelCheckpoints.of(recipe, checkpoints)
    if recipe.branches.semantic:
        # Better to hear now than after hours of encoding that there is no such device.
        torch_device(recipe.training.device, "training.device")
    encoder = recipe.encoder
    if recipe.branches.adapted:
        encoder = _adapted(recipe, train, validation, store, checkpoints, progress)
    # The encoder is opened first, for it may be missing.
    embedder = open_embedder(recipe.slicing, encoder, store) if recipe.branches.semantic else None
    words: _Read = {}
    # The words before the head, so that the model of any of its epochs can have both.
    if recipe.branches.lexical:
        lexical = fit_lexical(
            (train.plots, train.Y),
            recipe.lexical,
            checkpoints=_within(checkpoints, "lexical"),
            progress=progress.lexical,
        )
        words["lexical"] = lexical, lexical.logits(validation.plots, progress)

    def joined(read: _Read, history: History | None = None) -> Model:
        logits = {name: of for name, (_, of) in read.items()}
        join = _join(recipe, list(logits.values()), validation.Y)
        return Model(
            recipe,
            train.genres,
            train_films,
            {name: branch for name, (branch, _) in read.items()},
            join.calibration,
            join.thresholds,
            encoder,
            history,
            _join(recipe, [logits["lexical"]], validation.Y) if len(logits) > 1 else None,
            ungrouped=ungrouped,
        )

    if embedder is None:
        return _heard(joined(words), words)

    def with_words(branch: SemanticBranch, bags: Bags) -> _Read:
        return {"semantic": (branch, branch.logits_of(bags)), **words}

    def after_epoch(branch: SemanticBranch, bags: Bags, scores: EpochScores) -> None:
        if kept is not None:
            kept.after_epoch(scores, lambda: joined(with_words(branch, bags)))

    branch, bags, history = fit_semantic(
        embedder,
        (train.plots, train.Y),
        (validation.plots, validation.Y),
        LearningSettings(recipe.head, recipe.training, recipe.sampling),
        checkpoints=_within(checkpoints, "semantic"),
        after_epoch=after_epoch,
        progress=progress,
    )
    read = with_words(branch, bags)
    return _heard(joined(read, history), read)


def _heard(model: Model, read: _Read) -> Model:
    """The model itself, after a warning if it tags none of the films that it was tuned on."""
    P = sigmoid(model.calibration.logits([logits for _, logits in read.values()]))
    if not model.decide(P).any():
        warnings.warn(_TAGS_NOTHING.format(len(P)), PlotgenreWarning, stacklevel=6)
    return model


def _join(recipe: Recipe, logits: list[Logits], Y: Targets) -> Join:
    calibration = fit_calibration(logits, Y, recipe.calibration)
    P = sigmoid(calibration.logits(logits))
    return Join(calibration, tune_thresholds(P, Y, recipe.thresholds))


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
