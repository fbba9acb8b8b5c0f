"""plotgenre's recipes, through GenreClassifier."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from typing_extensions import override

from contenders.embeddings import open_embedder
from contenders.protocol import Contender, Probabilities, Targets, Validation
from plotgenre import GenreClassifier, __version__


class Ours(Contender):
    """One recipe; the genres that it leaves out as too rare get probability 0."""

    library = f"plotgenre {__version__}"

    def __init__(self, recipe: str, store: Path | None) -> None:
        self.notes = f"recipe `{recipe}`; encoding is not in fit seconds, the artefact is the model"
        self.model, self.store = GenreClassifier(recipe, store), store

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        recipe = self.model.settings()
        open_embedder(recipe.slicing, recipe.encoder, self.store).embed(plots)

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = list(genres)
        held_out = (validation[0], self._names(validation[1]))
        self.model.fit(plots, self._names(Y), validation=held_out)

    def _names(self, Y: Targets) -> list[list[str]]:
        return [[self.genres[j] for j in np.flatnonzero(row)] for row in Y]

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        P = np.zeros((len(plots), len(self.genres)), dtype=np.float32)
        columns = {genre: j for j, genre in enumerate(self.genres)}
        P[:, [columns[genre] for genre in self.model.classes_]] = self.model.predict_proba(plots)
        return P

    @override
    def cold(self) -> Ours:
        other, branch = copy(self), self.model.branch_
        other.model = copy(self.model)
        other.model.branch_ = replace(branch, embedder=replace(branch.embedder, store=None))
        return other

    @override
    def save(self, folder: Path) -> None:
        self.model.save(folder / "model")


def make(variant: str, store: Path | None) -> Ours:
    return Ours(variant, store)
