"""An experiment: corpus and recipe in; model, evaluation and history out, in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.branches.adapting import adapt_encoder
from plotgenre.branches.branch import Progress
from plotgenre.classifier import GenreClassifier
from plotgenre.corpus.account import Account
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.genres import ChosenGenres, choose_genres, known_labels
from plotgenre.corpus.plots import shared_plots
from plotgenre.corpus.splits import stratified_split
from plotgenre.errors import ArtefactError, CorpusError
from plotgenre.evaluation.comparison import Comparison, compare
from plotgenre.evaluation.evaluation import Evaluation, evaluate
from plotgenre.evaluation.history_chart import draw_history
from plotgenre.evaluation.model_card import model_card
from plotgenre.evaluation.scores import SCORES_FILE, Scores
from plotgenre.idle_settings import ADAPTATION, refuse_idle
from plotgenre.json_files import read_json
from plotgenre.learning.adapting_log import AdaptingLog
from plotgenre.learning.history import History
from plotgenre.recipe import Recipe
from plotgenre.whole_files import write_whole

_HISTORY, _HISTORY_CHART = "history.json", "history.png"
_SPLIT_ALREADY = {"split": "validation films are given"}


@dataclass(frozen=True, slots=True)
class Experiment:
    """What an experiment came to.

    Parameters
    ----------
    classifier
        The fitted model.
    evaluation
        Its scores on the test films; ``None`` where there are none.
    chosen
        The train films and genres after the recipe's minimum and merges.
    folder
        Holds ``model/``, ``recipe.toml``, with a semantic branch ``history.json`` and
        ``history.png``, and with test films ``scores.safetensors``.
    """

    classifier: GenreClassifier
    evaluation: Evaluation | None
    chosen: ChosenGenres
    folder: Path


def run_experiment(
    recipe: Recipe,
    train: Corpus,
    folder: str | Path,
    *,
    validation: Corpus | None = None,
    test: Corpus | None = None,
    store: str | Path | None = None,
    bundle_encoder: bool = False,
    progress: Progress | None = None,
) -> Experiment:
    """Fit on train, tune on validation, score on test, and write all of it down.

    Run again on the same folder after an interrupt, it goes on where it stopped.

    Parameters
    ----------
    recipe
        All settings.
    train
        All films, if no validation is given: validation and test are then split off.
    folder
        Where the results go.
    validation, test
        Films of a given split; without ``test``, but with ``validation``, nothing is scored.
    store
        Folder where vectors of slices are kept.
    bundle_encoder
        Put the encoder into the model's folder.
    progress
        Whom to tell how far it is.

    Raises
    ------
    RecipeError
        If the recipe sets what nothing reads here; errors of `GenreClassifier.fit` besides.
    """
    folder = Path(folder)
    unread: dict[str, str] = {}
    if validation is not None:
        unread = _SPLIT_ALREADY
    elif test is not None:
        unread = {"split.test": "test films are given"}
    refuse_idle(recipe, unread)
    if validation is None:
        train, validation, test = _split(train, recipe, test)
    chosen = choose_genres(train, recipe.genres)
    if test is not None:
        # Refused now rather than after hours of training.
        known_labels(test, recipe.genres, list(chosen.seen), chosen.ungrouped)
    classifier = GenreClassifier(recipe, store)
    classifier.fit_corpus(train, validation, checkpoints=folder / "checkpoints", progress=progress)
    folder.mkdir(parents=True, exist_ok=True)
    # An earlier run's scores and history must not pass for this model's.
    for stale in (SCORES_FILE, _HISTORY, _HISTORY_CHART):
        (folder / stale).unlink(missing_ok=True)
    evaluation = None
    if test is not None:
        sides = {"train": train, "validation": validation}
        scored = score_classifier(classifier, test, progress, sides=sides)
        evaluation = scored.evaluate()
        scored.scores().save(folder)
    recipe.save(folder / "recipe.toml")
    if (history := classifier.history_) is not None:
        write_whole(folder / _HISTORY, json.dumps(history.as_dict(), indent=2).encode())
        draw_history(history.as_dict(), folder / _HISTORY_CHART)
    classifier.save(
        folder / "model",
        evaluation=None if evaluation is None else evaluation.as_dict(),
        card=model_card(recipe.as_dict(), classifier.train_films_, evaluation),
        bundle_encoder=bundle_encoder,
    )
    return Experiment(classifier, evaluation, chosen, folder)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Test films with what a model says of them, over its genres and those of the films.

    Parameters
    ----------
    films
        Over every genre that train had, then over the names that the model does not know.
    P
        Probabilities of shape (n, g); 0 for a genre that the model left out or does not know.
    D
        Decisions of shape (n, g), those of `GenreClassifier.predict`.
    thresholds
        One per genre, shape (g,); 1 for a genre left out or unknown.
    train_counts
        Train films of each genre, shape (g,); -1 for a name that the model does not know.
    account
        What was read of the films, and what of it counts.
    """

    films: Corpus
    P: npt.NDArray[np.float32]
    D: npt.NDArray[np.bool_]
    thresholds: npt.NDArray[np.float32]
    train_counts: npt.NDArray[np.int64]
    account: Account

    def evaluate(self) -> Evaluation:
        """All metrics with intervals."""
        films = self.films
        evaluation = evaluate(
            self.P, films.Y, self.thresholds, films.genres, self.train_counts, decisions=self.D
        )
        return replace(evaluation, account=self.account)

    def scores(self) -> Scores:
        """What a comparison with other runs needs, without plots and model."""
        films = self.films
        ids, counts = tuple(films.ids), self.train_counts
        return Scores.of(ids, films.genres, self.P, films.Y, self.thresholds, counts, self.D)

    def write_report(
        self, evaluation: Evaluation, path: str | Path, history: History | None = None
    ) -> None:
        """Write the page of `evaluation.report.write_report`, the training in it if given."""
        from plotgenre.evaluation.report import ReportFilms, write_report

        test = self.films
        films = ReportFilms(test.plots, test.ids, test.titles, test.years)
        told = None if history is None else history.as_dict()
        write_report(evaluation, self.P, test.Y, films, told, path, decisions=self.D)


def score_classifier(
    classifier: GenreClassifier,
    test: Corpus,
    progress: Progress | None = None,
    *,
    sides: Mapping[str, Corpus] | None = None,
) -> Scored:
    """What a model says of films, over every genre of train and every genre of the films.

    Parameters
    ----------
    classifier
        A fitted model.
    test
        Films with their genres, under any names.
    progress
        Whom to tell how far it is.
    sides
        The other sides of the split, by name, where films of them would flatter the scores.

    Raises
    ------
    CorpusError
        If no test film has a genre that train had.
    """
    model = classifier.model_
    labels = model.labels(test)
    own = classifier.predict_proba(test.plots, progress)
    P, D = model.over(labels, own), model.over(labels, model.decide(own))
    films, known = labels.corpus, model.train_films
    counts = np.array([known.get(genre, -1) for genre in films.genres], dtype=np.int64)
    tags = dict(zip(films.genres, D.sum(axis=0).tolist(), strict=True))
    shared = {name: shared_plots(test.plots, side.plots) for name, side in (sides or {}).items()}
    return Scored(
        films,
        P,
        D,
        model.over(labels, classifier.thresholds_, rest=1),
        counts,
        Account.of(test, labels, {genre: tags[genre] for genre in classifier.classes_}, shared),
    )


def evaluate_classifier(
    classifier: GenreClassifier, test: Corpus, progress: Progress | None = None
) -> Evaluation:
    """Score a model over every genre of train and every genre of the films.

    A genre that the model left out as too rare, or does not know, counts all the same, with
    probability 0, so that leaving genres out does not pay.

    Raises
    ------
    CorpusError
        If no test film has a genre that train had.
    """
    return score_classifier(classifier, test, progress).evaluate()


def run_adaptation(
    recipe: Recipe,
    train: Corpus,
    folder: str | Path,
    *,
    validation: Corpus | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> AdaptingLog:
    """Fine-tune the recipe's encoder on the films that `run_experiment` would train on.

    Of the recipe, genres, split, slicing, encoder and adapting are read; what it splits off for
    test where no validation is given is left alone. ``folder`` becomes a later recipe's
    ``encoder.name``; the rest is as `branches.adapting.adapt_encoder` has it.

    Raises
    ------
    RecipeError
        If one of these parts sets what nothing reads; errors of `adapt_encoder` besides.
    """
    refuse_idle(recipe, {} if validation is None else _SPLIT_ALREADY, ADAPTATION)
    if validation is None:
        train, validation, _ = _split(train, recipe, None)
    choice = choose_genres(train, recipe.genres)
    chosen = choice.corpus
    labels = known_labels(validation, recipe.genres, list(choice.seen), choice.ungrouped)
    validation = labels.corpus.with_genres(chosen.genres)
    return adapt_encoder(
        (recipe.encoder, recipe.slicing, recipe.adapting),
        (chosen.plots, chosen.Y),
        (validation.plots, validation.Y),
        chosen.genres,
        Path(folder),
        None if store is None else Path(store),
        progress,
    )


def compare_runs(folders: Sequence[str | Path]) -> Comparison:
    """Runs that were scored on the same test films, as differences from the first of them.

    Parameters
    ----------
    folders
        Of `run_experiment`; a run is called by its folder's name, or by the whole path where
        names are not all different.

    Raises
    ------
    ArtefactError
        If a folder holds no scores or damaged ones.
    InputError
        If there is one run only, one stands twice, or the runs' test films are not the same.
    """
    paths = [str(folder) for folder in folders]
    names = [Path(path).resolve().name for path in paths]
    return compare(
        names if len(set(names)) == len(names) else paths, [Scores.load(path) for path in paths]
    )


def history_beside(model: str | Path) -> History | None:
    """The training of a model that still lies in its experiment's folder, else ``None``.

    Raises
    ------
    ArtefactError
        If there is a history that cannot be read.
    """
    path = Path(model).resolve().parent / _HISTORY
    if not path.is_file():
        return None
    try:
        return History.from_dict(read_json(path))
    except ValueError as error:
        raise ArtefactError(f"{path}: {error}") from error


def _split(
    corpus: Corpus, recipe: Recipe, test: Corpus | None
) -> tuple[Corpus, Corpus, Corpus | None]:
    split = stratified_split(corpus, recipe.split)
    if not len(split.validation):
        raise CorpusError("split.validation is 0; give validation films or a share for them")
    if test is None and len(split.test):
        test = corpus.take(split.test)
        return corpus.take(split.train), corpus.take(split.validation), test
    rest = np.concatenate([split.train, split.test])
    return corpus.take(np.sort(rest)), corpus.take(split.validation), test
