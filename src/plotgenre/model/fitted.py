"""A fitted model: what a classifier has learned, and how it was set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.branches.branch import Branch, Logits, Progress
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.genres import known_labels
from plotgenre.corpus.labels import Labels
from plotgenre.embedding.bags import Bags
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import InputError
from plotgenre.learning.added_genres import AddedGenres
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.history import History
from plotgenre.learning.thresholds import decide
from plotgenre.recipe import Recipe
from plotgenre.texts import warn_of_cut


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """What makes decisions of branches' logits; both fields are those of `Model`."""

    calibration: Calibration
    thresholds: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Branches, what joins their logits, and thresholds.

    Parameters
    ----------
    recipe
        The settings that it was fitted with.
    genres
        Names of the ``g`` genres, in the order of all columns; those added come last.
    train_films
        Films in train of every genre seen, those left out for being too rare included.
    branches
        By name, in the order in which the calibration joins them.
    calibration
        Joins the branches' logits into logits whose sigmoid can be believed.
    thresholds
        One per genre, shape (g,): a genre is predicted where its probability reaches it, unless
        the recipe's policy (``top_k``, ``at_least_one``) says otherwise.
    encoder
        How the semantic branch's encoder was loaded: the recipe's own may be out of reach by now.
    history
        How the head's training went; ``None`` without a semantic branch and for a loaded model.
    fast
        How the lexical branch answers without the other; ``None`` where it has no other, and for
        models from before there was this.
    added
        Reads the genres that were added after the fit, see `model.adding`; ``None`` without any.
    ungrouped
        Names of train that no group of the recipe has: scores leave them out.
    """

    recipe: Recipe
    genres: tuple[str, ...]
    train_films: dict[str, int]
    branches: Mapping[str, Branch]
    calibration: Calibration
    thresholds: npt.NDArray[np.float32]
    encoder: EncoderSettings
    history: History | None = None
    fast: Join | None = None
    added: AddedGenres | None = None
    ungrouped: tuple[str, ...] = ()

    def logits(self, plots: Sequence[str], progress: Progress | None = None) -> Logits:
        """The joined logits, then those of the genres added, shape (n, g), float32."""
        if self.added is None:
            warn_of_cut(plots)
            read = [branch.logits(plots, progress) for branch in self.branches.values()]
            return self.calibration.logits(read)
        bags, known = self.read(plots, progress)
        return np.hstack([known, self.added.logits(bags, known)])

    def read(self, plots: Sequence[str], progress: Progress | None = None) -> tuple[Bags, Logits]:
        """The plots' slice vectors, and the joined logits of the genres that were fitted.

        Raises
        ------
        InputError
            If there is no semantic branch, and hence no vectors.
        """
        semantic = self.semantic()
        warn_of_cut(plots)
        bags = semantic.embed(plots, progress)
        return bags, self.calibration.logits(
            [
                semantic.logits_of(bags) if branch is semantic else branch.logits(plots, progress)
                for branch in self.branches.values()
            ]
        )

    def semantic(self) -> SemanticBranch:
        """The semantic branch.

        Raises
        ------
        InputError
            If there is none.
        """
        branch = self.branches.get("semantic")
        if not isinstance(branch, SemanticBranch):
            raise InputError(
                "genres are added through the encoder of a semantic branch; this model reads "
                "words alone"
            )
        return branch

    def fingerprint(self) -> str:
        """SHA-256 over all that logits depend on, as 64 hex digits."""
        facts: dict[str, object] = {"genres": self.genres, "branches": list(self.branches)}
        semantic = self.branches.get("semantic")
        if isinstance(semantic, SemanticBranch):
            facts["encoder"] = semantic.embedder.encoder.card.fingerprint
            facts["slicing"] = asdict(semantic.embedder.slicing)
            facts["head"] = asdict(semantic.head.settings)
        digest = hashlib.sha256(json.dumps(facts).encode())
        parts: list[Branch | Calibration | AddedGenres]
        parts = [*self.branches.values(), self.calibration]
        if self.added is not None:
            parts.append(self.added)
        for part in parts:
            for name, tensor in sorted(part.tensors().items()):
                digest.update(f"{name} {tensor.dtype}{tensor.shape}".encode())
                digest.update(np.ascontiguousarray(tensor).tobytes())
        return digest.hexdigest()

    def decide(self, P: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Decisions (n, g) of probabilities (n, g), by the thresholds and the recipe's policy."""
        return decide(P, self.thresholds, self.recipe.thresholds)

    def labels(self, films: Corpus) -> Labels:
        """The films over every genre that train had, then over names that the model cannot know.

        Raises
        ------
        CorpusError
            If no film has a genre that the model knows.
        """
        return known_labels(films, self.recipe.genres, list(self.train_films), self.ungrouped)

    def over(self, labels: Labels, cells: npt.NDArray[Any], rest: float = 0) -> npt.NDArray[Any]:
        """Columns of the model's own genres, (…, g), spread over all those of the labels."""
        genres = labels.corpus.genres
        column_of = {genre: j for j, genre in enumerate(genres)}
        spread = np.full((*cells.shape[:-1], len(genres)), rest, dtype=cells.dtype)
        spread[..., [column_of[genre] for genre in self.genres]] = cells
        return spread

    def words_alone(self) -> Model:
        """The model of the lexical branch alone, calibrated as such: needs no encoder.

        Genres that were added are read through the encoder, so they are left out.

        Raises
        ------
        InputError
            If there is no lexical branch, or it was never calibrated alone.
        """
        if not self.recipe.branches.semantic:
            return self
        if self.fast is None:
            raise InputError(
                "this model cannot read words alone: its words were never calibrated alone; "
                "expected one with a lexical branch, trained by this plotgenre"
            )
        return replace(
            self,
            recipe=words_alone(self.recipe),
            genres=self.genres[: len(self.fast.thresholds)],
            branches={"lexical": self.branches["lexical"]},
            calibration=self.fast.calibration,
            thresholds=self.fast.thresholds,
            history=None,
            fast=None,
            added=None,
        )


def words_alone(recipe: Recipe) -> Recipe:
    """The recipe without a semantic branch."""
    return recipe.with_settings({"branches.semantic": False, "branches.adapted": False})
