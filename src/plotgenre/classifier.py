"""GenreClassifier: plots in, genres out; scikit-learn's conventions and the Hub's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from plotgenre import hub
from plotgenre.artefact import ENCODER_FOLDER, Artefact, Tensors, read_artefact, write_artefact
from plotgenre.branches.semantic import Progress, SemanticBranch, fit_semantic
from plotgenre.corpus.arguments import (
    Genres,
    checked_plots,
    corpus_of,
    validation_of,
)
from plotgenre.corpus.genres import apply_merges, choose_genres
from plotgenre.corpus.splits import SplitSettings, stratified_split
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import (
    EncoderSettings,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.embedding.store import Store
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.calibration import Calibration, fit_calibration, sigmoid
from plotgenre.learning.heads import Head
from plotgenre.learning.history import History
from plotgenre.learning.settings import LearningSettings
from plotgenre.learning.thresholds import decide, tune_thresholds
from plotgenre.recipe import DEFAULT_RECIPE, Recipe
from plotgenre.version import __version__

Probabilities = npt.NDArray[np.float32]

_LEAST_VALIDATION = 0.1
_CALIBRATION = "calibration."


class GenreClassifier:
    """Says which genres a film belongs to, from its plot.

    Follows scikit-learn's conventions (``clone``, ``Pipeline``, ``cross_val_predict``) without
    needing scikit-learn to predict.

    Parameters
    ----------
    recipe
        All settings: a :class:`Recipe`, the name of one, or the path of a TOML file; by default
        the recipe ``mixed``.
    store
        Folder where vectors of slices are kept, so that each is encoded once; ``None`` keeps none.

    Attributes
    ----------
    classes_
        The ``g`` genres, in the order of all columns.
    thresholds_
        One per genre, shape (g,): a genre is predicted where its probability reaches it.
    branch_
        What turns plots into logits.
    calibration_
        What turns these into logits whose sigmoid can be believed.
    train_films_
        Films in train of every genre seen, those left out for being too rare included.
    recipe_
        The settings that it was fitted with.
    history_
        How training went; ``None`` for a loaded model.
    """

    def __init__(
        self, recipe: Recipe | str | Path | None = None, store: str | Path | None = None
    ) -> None:
        self.recipe = recipe
        self.store = store

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        plots: Sequence[str],
        genres: Genres,
        *,
        validation: tuple[Sequence[str], Genres] | None = None,
        checkpoints: Path | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn genres from plots.

        Parameters
        ----------
        plots
            ``n`` texts.
        genres
            One list of genre names a film, or targets of shape (n, g) with 0 and 1. A matrix fixes
            the genres: every column is kept, called ``genre_0``… Names go through the recipe's
            minimum of films and merges.
        validation
            Plots and genres that stop training early and tune the thresholds. Without it a
            stratified tenth of the films is set aside.
        checkpoints
            Folder from which an interrupted training resumes.
        progress
            Whom to tell how far it is.

        Raises
        ------
        InputError, CorpusError, RecipeError, EncoderError, MissingExtraError
            If the input makes no sense, no genre has enough films, or a part is missing.
        """
        recipe = self.settings()
        corpus = chosen = corpus_of(plots, genres)
        if not isinstance(genres, np.ndarray):
            corpus = apply_merges(corpus, recipe.genres.merges)
            chosen = choose_genres(corpus, recipe.genres).corpus
        if validation is None:
            share = max(recipe.split.validation, _LEAST_VALIDATION)
            split = stratified_split(
                chosen, SplitSettings(validation=share, test=0.0, seed=recipe.split.seed)
            )
            train, held_out = chosen.take(split.train), chosen.take(split.validation)
        else:
            if isinstance(validation[1], np.ndarray) != isinstance(genres, np.ndarray):
                raise InputError("genres of train and validation must both be names, or both 0/1")
            train, held_out = chosen, validation_of(chosen, validation, recipe.genres.merges)
        branch, history = fit_semantic(
            self._embedder(recipe.encoder, recipe),
            (train.plots, train.Y),
            (held_out.plots, held_out.Y),
            LearningSettings(recipe.head, recipe.training, recipe.sampling),
            checkpoints=checkpoints,
            progress=progress,
        )
        logits = [branch.logits(held_out.plots)]
        self.calibration_ = fit_calibration(logits, held_out.Y, recipe.calibration)
        P = sigmoid(self.calibration_.logits(logits))
        self.thresholds_ = tune_thresholds(P, held_out.Y, recipe.thresholds)
        self.classes_ = np.array(chosen.genres, dtype=object)
        self.train_films_ = corpus.films_per_genre()
        self.recipe_, self.branch_ = recipe, branch
        self.history_: History | None = history
        self._encoder, self._names = recipe.encoder, not isinstance(genres, np.ndarray)
        return self

    # -------------------------------------------------------------- predict

    def decision_function(
        self, plots: Sequence[str], progress: Progress | None = None
    ) -> npt.NDArray[np.float32]:
        """Logits, shape (n, g)."""
        logits = self._fitted().logits(checked_plots(plots), progress)
        return self.calibration_.logits([logits])

    def transform(self, plots: Sequence[str]) -> npt.NDArray[np.float32]:
        """The logit vector of each film, shape (n, g): a feature in its own right."""
        return self.decision_function(plots)

    def predict_proba(
        self, plots: Sequence[str], progress: Progress | None = None
    ) -> Probabilities:
        """Probability of each genre, each on its own, shape (n, g); rows do not sum to 1."""
        return sigmoid(self.decision_function(plots, progress))

    def predict(self, plots: Sequence[str]) -> list[list[str]] | npt.NDArray[np.int64]:
        """The genres at or above their thresholds: lists of names, best first.

        A classifier that was fitted on a matrix answers with one, shape (n, g), 0 and 1; once
        saved and loaded, it names its genres too.
        """
        P = self.predict_proba(plots)
        if not self._names:
            return decide(P, self.thresholds_, self.recipe_.thresholds).astype(np.int64)
        return [list(genres) for genres in self._above(P)]

    def tag(self, plot: str) -> dict[str, float]:
        """Genre to probability, for the genres at or above their thresholds, best first."""
        return self.tag_many([plot])[0]

    def tag_many(
        self, plots: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, float]]:
        """What :meth:`tag` says of each plot."""
        return self._above(self.predict_proba(plots, progress))

    def score(self, plots: Sequence[str], genres: Genres) -> float:
        """Micro-F1 over all films and genres."""
        corpus = corpus_of(plots, genres)
        D = decide(self.predict_proba(corpus.plots), self.thresholds_, self.recipe_.thresholds)
        Y = corpus.Y if isinstance(genres, np.ndarray) else corpus.with_genres(self.classes_).Y
        if Y.shape != D.shape:
            raise InputError(f"targets have {Y.shape[1]} genres, the classifier {D.shape[1]}")
        return float(2 * (Y & D).sum() / max(Y.sum() + D.sum(), 1))

    def _above(self, P: Probabilities) -> list[dict[str, float]]:
        D = decide(P, self.thresholds_, self.recipe_.thresholds)
        order = np.argsort(-P, axis=1, kind="stable")
        return [
            {str(self.classes_[j]): float(p[j]) for j in ranked if on[j]}
            for p, on, ranked in zip(P, D, order, strict=True)
        ]

    # ------------------------------------------------------- save and load

    def save(
        self,
        folder: str | Path,
        *,
        evaluation: dict[str, Any] | None = None,
        card: str | None = None,
        bundle_encoder: bool = False,
    ) -> None:
        """Write the model as a folder of JSON and safetensors, at once or not at all.

        Parameters
        ----------
        folder
            New, empty, or an older model, which is replaced.
        evaluation, card
            For people; loading never reads them.
        bundle_encoder
            Put the encoder into the folder, which then needs neither torch nor the Hub.
        """
        branch = self._fitted()
        genres = tuple(str(genre) for genre in self.classes_)
        # How the encoder was loaded: the recipe's own may be out of reach by now.
        settings = self._encoder
        artefact = Artefact(
            version=__version__,
            genres=genres,
            thresholds=dict(zip(genres, map(float, self.thresholds_), strict=True)),
            train_films=self.train_films_,
            recipe=self.recipe_.as_dict(),
            encoder=dict(branch.embedder.encoder.card.as_dict()),
            tensors=_joined(branch.tensors(), self.calibration_.tensors()),
            evaluation=evaluation,
            card=card,
            write_encoder=(lambda into: save_encoder(settings, into)) if bundle_encoder else None,
        )
        write_artefact(Path(folder), artefact)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: EncoderSettings | None = None,
        store: str | Path | None = None,
    ) -> GenreClassifier:
        """Read a model folder; the encoder is the bundled one, else the one of the recipe.

        Parameters
        ----------
        folder
            What :meth:`save` wrote.
        encoder
            Another way to run the same encoder, such as its ONNX export.
        store
            As in the constructor.

        Raises
        ------
        ArtefactError
            If the folder is damaged, of an unknown format, or contradicts itself or its encoder.
        EncoderError, MissingExtraError
            If the encoder cannot be loaded.
        """
        folder = Path(folder)
        artefact = read_artefact(folder)
        recipe = Recipe.from_dict(artefact.recipe, str(folder / "config.json"))
        settings = encoder or recipe.encoder
        if encoder is None and (folder / ENCODER_FOLDER).is_dir():
            settings = saved_encoder(recipe.encoder, folder / ENCODER_FOLDER)
        model = cls(recipe, store)
        embedder = model._embedder(settings, recipe)
        _refuse_other_encoder(artefact.encoder, embedder.encoder.card.as_dict(), folder)
        n_genres = len(artefact.genres)
        head_tensors, calibration_tensors = _parted(artefact.tensors)
        head = Head(recipe.head, embedder.encoder.card.dimension, n_genres, head_tensors)
        head.check()
        model.branch_ = SemanticBranch(embedder, head)
        # Models from before there was calibration have no tensors of it.
        model.calibration_ = (
            Calibration.from_tensors(calibration_tensors, 1, n_genres)
            if calibration_tensors or recipe.calibration.method != "none"
            else Calibration.mean(1, n_genres)
        )
        model.classes_ = np.array(artefact.genres, dtype=object)
        model.thresholds_ = np.array(list(artefact.thresholds.values()), dtype=np.float32)
        model.train_films_ = artefact.train_films
        model.recipe_, model.history_ = recipe, None
        model._encoder, model._names = settings, True
        return model

    def save_pretrained(self, folder: str | Path, **options: Any) -> None:
        """:meth:`save`, by the Hub's name."""
        self.save(folder, **options)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, revision: str | None = None, **options: Any
    ) -> GenreClassifier:
        """:meth:`load` a local folder or a model of the Hugging Face Hub."""
        return cls.load(hub.local_folder(str(name), revision), **options)

    def push_to_hub(self, repo_id: str, *, private: bool = False, **options: Any) -> str:
        """:meth:`save` to a repository of the Hub, made if absent; returns its address."""
        return hub.push(lambda folder: self.save(folder, **options), repo_id, private=private)

    # --------------------------------------------- scikit-learn's conventions

    def settings(self) -> Recipe:
        """All settings: the recipe itself, or the one that its name or path stands for."""
        if self.recipe is None:
            return Recipe.load(DEFAULT_RECIPE)
        return self.recipe if isinstance(self.recipe, Recipe) else Recipe.load(self.recipe)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"recipe": self.recipe, "store": self.store}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments, or single settings as ``head__kind="linear"``."""
        settings = {name: value for name, value in params.items() if "__" in name}
        for name in params.keys() - settings.keys():
            if name not in self.get_params():
                raise InputError(f"GenreClassifier has no parameter {name!r}")
            setattr(self, name, params[name])
        if settings:
            dotted = {name.replace("__", "."): value for name, value in settings.items()}
            self.recipe = self.settings().with_settings(dotted)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "branch_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=True, single_output=False),
            classifier_tags=ClassifierTags(multi_class=False, multi_label=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    # -------------------------------------------------------------- private

    def _embedder(self, settings: EncoderSettings, recipe: Recipe) -> Embedder:
        encoder = load_encoder(settings)
        store = None if self.store is None else Store(Path(self.store), encoder.card)
        return Embedder(recipe.slicing, encoder, store)

    def _fitted(self) -> SemanticBranch:
        branch: SemanticBranch | None = getattr(self, "branch_", None)
        if branch is None:
            raise InputError("this GenreClassifier is not fitted yet; call fit or load first")
        return branch


def _joined(head: Tensors, calibration: Tensors) -> Tensors:
    """All that a model has learned, as the artefact keeps it."""
    return {**head, **{_CALIBRATION + name: tensor for name, tensor in calibration.items()}}


def _parted(tensors: Tensors) -> tuple[Tensors, Tensors]:
    """The head's tensors and the calibration's."""
    parts: tuple[dict[str, npt.NDArray[np.float32]], ...] = ({}, {})
    for name, tensor in tensors.items():
        parts[name.startswith(_CALIBRATION)][name.removeprefix(_CALIBRATION)] = tensor
    return parts[0], parts[1]


def _refuse_other_encoder(
    expected: Mapping[str, Any], found: Mapping[str, Any], folder: Path
) -> None:
    for fact in ("dimension", "fingerprint"):
        if expected.get(fact) != found[fact]:
            raise ArtefactError(
                f"{folder} was trained with the encoder {expected.get('name')!r} whose {fact} is "
                f"{expected.get(fact)}; the encoder {found['name']!r} has {found[fact]}"
            )
