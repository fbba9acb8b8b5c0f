"""GenreClassifier: plots in, genres out; scikit-learn's conventions and the Hub's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from plotgenre import hub
from plotgenre.branches.branch import Branch, Logits, Progress
from plotgenre.corpus.arguments import Genres, checked_plots, corpus_of
from plotgenre.corpus.films import Corpus
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import InputError
from plotgenre.explaining.explanation import Explanation
from plotgenre.explaining.leaving_out import explain
from plotgenre.idle_settings import refuse_idle
from plotgenre.learning.calibration import Calibration, sigmoid
from plotgenre.learning.history import History
from plotgenre.model.adding import with_genre
from plotgenre.model.fitted import Model
from plotgenre.model.fitting import fit_corpus
from plotgenre.model.folder import load_model, save_model
from plotgenre.recipe import DEFAULT_RECIPE, Recipe

Probabilities = npt.NDArray[np.float32]


class GenreClassifier:
    """Says which genres a film belongs to, from its plot.

    Follows scikit-learn's conventions (``clone``, ``Pipeline``, ``cross_val_predict``) without
    needing scikit-learn to predict.

    Parameters
    ----------
    recipe
        All settings: a :class:`Recipe`, the name of one, or the path of a TOML file; by default
        the recipe ``fused``.
    store
        Folder where vectors of slices are kept, so that each is encoded once; ``None`` keeps none.

    Attributes
    ----------
    classes_
        The ``g`` genres, in the order of all columns.
    thresholds_
        One per genre, shape (g,): a genre is predicted where its probability reaches it.
    branches_
        What turns plots into logits, by name: ``semantic``, ``lexical``, or both.
    calibration_
        What joins these into logits whose sigmoid can be believed.
    train_films_
        Films in train of every genre seen, those left out for being too rare included.
    recipe_
        The settings that it was fitted with.
    history_
        How the head's training went; ``None`` without a semantic branch and for a loaded model.
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
            stratified share of the films, ``split.validation``, is set aside, and
            ``train_films_`` counts the others.
        checkpoints
            Folder from which an interrupted training resumes, and where an adapted encoder and
            the models of ``training.checkpoint_every`` lie.
        progress
            Whom to tell how far it is.

        Raises
        ------
        InputError, CorpusError, RecipeError, EncoderError, MissingExtraError
            If the input makes no sense, no genre has enough films, a setting does nothing, or a
            part is missing.
        """
        unread = {"split.test": "fit sets no test films aside"}
        if validation is not None:
            _refuse_other_targets(genres, validation[1])
            unread = {"split": "validation films are given"}
        fixed = isinstance(genres, np.ndarray)
        recipe = self.settings()
        if fixed:
            names = ["merges", "groups", "without_genre"]
            # 0 is what happens anyway.
            names += ["minimum_films"] if recipe.genres.minimum_films else []
            why = "a matrix of targets fixes the genres"
            unread |= {f"genres.{name}": why for name in names}
        refuse_idle(recipe, unread)
        return self.fit_corpus(
            corpus_of(plots, genres),
            None if validation is None else corpus_of(*validation),
            fixed_genres=fixed,
            checkpoints=checkpoints,
            progress=progress,
        )

    def fit_corpus(
        self,
        train: Corpus,
        validation: Corpus | None = None,
        *,
        fixed_genres: bool = False,
        checkpoints: Path | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """:meth:`fit` on films as `read_corpus` returns them.

        Parameters
        ----------
        train, validation
            Films with their genres. Names of validation films are matched to those of train,
            whatever their case and spaces; names that train does not have are warned of.
        fixed_genres
            Whether every genre of ``train`` is kept under its own name, whatever the recipe says.
        checkpoints, progress
            As in :meth:`fit`.

        Raises
        ------
        InputError, CorpusError, RecipeError, EncoderError, MissingExtraError
            As :meth:`fit`; or if no validation film has a genre of train.
        """
        refuse_idle(self.settings())
        self.model_ = fit_corpus(
            self.settings(),
            train,
            validation,
            fixed_genres=fixed_genres,
            store=self._store(),
            checkpoints=checkpoints,
            progress=progress,
        )
        self._names = not fixed_genres
        return self

    def add_genre(
        self,
        name: str,
        plots: Sequence[str],
        *,
        description: str | None = None,
        examples: Sequence[str] | None = None,
        share: float | None = None,
    ) -> Self:
        """Give this classifier a genre more, without training.

        Films are found by the genre's name and description, read by the encoder, and by the known
        genres that it is like; examples sharpen both. See ``learning/adding.py`` for how, and
        docs/new-genres.md for what it scores. Meant for a handful of genres, added one by one.

        Parameters
        ----------
        name
            Not one of ``classes_``; it is added as the last.
        plots
            20 texts or more, any, without genres: what the new genre's probabilities are scaled
            on. A few hundred of the films that are to be tagged are best.
        description
            A sentence about such films.
        examples
            Plots that have the genre.
        share
            Expected share of films with the genre, between 0 and 1; by default that of a typical
            known genre. It moves the probabilities, not the order of films.

        Raises
        ------
        InputError
            If nothing is fitted yet, the model reads words alone, the genre is known already, or
            an argument makes no sense.
        """
        told = None if examples is None else checked_plots(examples)
        model = self._fitted()
        self.model_ = with_genre(model, name, checked_plots(plots), description, told, share)
        return self

    # -------------------------------------------------------- what was fitted

    @property
    def classes_(self) -> npt.NDArray[np.object_]:  # noqa: D102
        return np.array(self.model_.genres, dtype=object)

    @property
    def thresholds_(self) -> npt.NDArray[np.float32]:  # noqa: D102
        return self.model_.thresholds

    @property
    def branches_(self) -> dict[str, Branch]:  # noqa: D102
        return dict(self.model_.branches)

    @property
    def calibration_(self) -> Calibration:  # noqa: D102
        return self.model_.calibration

    @property
    def train_films_(self) -> dict[str, int]:  # noqa: D102
        return self.model_.train_films

    @property
    def recipe_(self) -> Recipe:  # noqa: D102
        return self.model_.recipe

    @property
    def history_(self) -> History | None:  # noqa: D102
        return self.model_.history

    # -------------------------------------------------------------- predict

    def decision_function(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """Logits, shape (n, g)."""
        return self._fitted().logits(checked_plots(plots), progress)

    def transform(self, plots: Sequence[str]) -> Logits:
        """The logit vector of each film, shape (n, g): a feature in its own right."""
        return self.decision_function(plots)

    def predict_proba(
        self, plots: Sequence[str], progress: Progress | None = None
    ) -> Probabilities:
        """Probability of each genre, each on its own, shape (n, g); rows do not sum to 1."""
        return sigmoid(self.decision_function(plots, progress))

    def predict(self, plots: Sequence[str]) -> list[list[str]] | npt.NDArray[np.int64]:
        """The genres that a plot is tagged with: lists of names, best first.

        Those at or above their thresholds, where the recipe has no other policy. A classifier that
        was fitted on a matrix answers with one, shape (n, g), 0 and 1; once saved and loaded, it
        names its genres too.
        """
        P = self.predict_proba(plots)
        if not self._names:
            return self.model_.decide(P).astype(np.int64)
        return [list(genres) for genres in self._named(P)]

    def tag(self, plot: str) -> dict[str, float]:
        """Genre to probability, for the genres that :meth:`predict` names, best first."""
        return self.tag_many([plot])[0]

    def tag_many(
        self, plots: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, float]]:
        """What :meth:`tag` says of each plot."""
        return self._named(self.predict_proba(plots, progress))

    def explain(self, plot: str, genres: Sequence[str] | None = None) -> Explanation:
        """The sentences and words that speak for and against genres of a plot.

        Reads the plot once more for each of its sentences, at most 40 times: a long plot's
        sentences are joined. See ``docs/explaining.md`` for what contributions mean.

        Parameters
        ----------
        plot
            A text.
        genres
            Names of the genres to explain; by default those that :meth:`predict` names, best
            first, or the most probable one if there is none.

        Raises
        ------
        InputError
            If nothing is fitted yet, the plot is empty, or a genre is unknown.
        """
        return explain(self._fitted(), checked_plots([plot])[0], genres)

    def score(self, plots: Sequence[str], genres: Genres) -> float:
        """Micro-F1 over all films, and over all genres of the classifier and of the films.

        Genres are compared by name: a column of a 0/1 matrix is called ``genre_0`` and so on.
        A name that the classifier does not know counts as missed.

        Raises
        ------
        CorpusError
            If no film has a genre that the classifier knows.
        """
        corpus, model = corpus_of(plots, genres), self._fitted()
        labels = model.labels(corpus)
        D = model.over(labels, model.decide(self.predict_proba(corpus.plots)))
        Y = labels.corpus.Y
        return float(2 * (Y & D).sum() / max(Y.sum() + D.sum(), 1))

    def _named(self, P: Probabilities) -> list[dict[str, float]]:
        D = self.model_.decide(P)
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
            Put the encoder into the folder, which then needs neither torch nor the Hub; a model
            of words alone has none. One that was adapted, or that came with the model and
            is no folder where the recipe says, goes along in any case.

        Raises
        ------
        InputError, ArtefactError
            If nothing is fitted yet, or something else than a model stands there.
        EncoderError, MissingExtraError
            If the encoder cannot be bundled.
        """
        save_model(
            self._fitted(),
            Path(folder),
            evaluation=evaluation,
            card=card,
            bundle_encoder=bundle_encoder,
        )

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        encoder: EncoderSettings | None = None,
        store: str | Path | None = None,
        fast: bool = False,
        quick: bool = False,
    ) -> GenreClassifier:
        """Read a model folder; the encoder is the bundled one, else the one of the recipe.

        Bundled is ``encoder/`` in the folder or beside it, where several models share it.

        Parameters
        ----------
        folder
            What :meth:`save` wrote.
        encoder
            Another way to run the same encoder, such as its ONNX export.
        store
            As in the constructor.
        fast
            Read words alone, calibrated as such: thousands of plots a second, and no encoder is
            opened.
        quick
            Have the encoder read a long plot's beginning, middle and end alone, and multiply in 8
            bits where its weights are such: about twice as many plots a second.

        Raises
        ------
        InputError
            If ``fast`` is asked of a model without a lexical branch, or ``quick`` of one without
            an encoder.
        ArtefactError
            If the folder is damaged, of an unknown format, or contradicts itself or its encoder.
        EncoderError, MissingExtraError
            If the encoder cannot be loaded.
        """
        at = None if store is None else Path(store)
        fitted = load_model(Path(folder), encoder=encoder, store=at, fast=fast, quick=quick)
        model = cls(fitted.recipe, store)
        model.model_, model._names = fitted, True
        return model

    def save_pretrained(self, folder: str | Path, **options: Any) -> None:
        """:meth:`save`, by the Hub's name."""
        self.save(folder, **options)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, revision: str | None = None, **options: Any
    ) -> GenreClassifier:
        """:meth:`load` a local folder, a model of this package, or one of the Hugging Face Hub."""
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
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=True, single_output=False),
            classifier_tags=ClassifierTags(multi_class=False, multi_label=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    # -------------------------------------------------------------- private

    def _store(self) -> Path | None:
        return None if self.store is None else Path(self.store)

    def _fitted(self) -> Model:
        model: Model | None = getattr(self, "model_", None)
        if model is None:
            raise InputError("this GenreClassifier is not fitted yet; call fit or load first")
        return model


def _refuse_other_targets(train: Genres, validation: Genres) -> None:
    """Targets are names on both sides, or matrices of as many columns."""
    if isinstance(train, np.ndarray) and isinstance(validation, np.ndarray):
        columns = train.shape[1:], validation.shape[1:]
        if columns[0] != columns[1]:
            raise InputError(
                f"train targets have columns {columns[0]}, validation ones {columns[1]}"
            )
    elif isinstance(train, np.ndarray) or isinstance(validation, np.ndarray):
        raise InputError("genres of train and validation must both be names, or both 0/1")
