"""plotgenre's recipes, through GenreClassifier."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation
from plotgenre import GenreClassifier, Recipe, __version__
from plotgenre.artefact import ENCODER_FOLDER
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.embedder import open_embedder
from plotgenre.hub import SHIPPED

SHIPPING = Path(__file__).resolve().parents[2] / "shipping" / "results.json"


class Ours(Contender):
    """One recipe; the genres that it leaves out as too rare get probability 0.

    An encoder that is to be adapted is not adapted anew, which takes hours: it is the one of the
    package, whose log tells how long that took.
    """

    library = f"plotgenre {__version__}"

    def __init__(self, recipe: str, store: Path | None) -> None:
        settings, told = Recipe.load(recipe), "encoding is not in fit seconds"
        self.adapted = settings.branches.adapted
        if self.adapted:
            shipped = json.loads((SHIPPED / "films" / "config.json").read_text())["recipe"]
            read = {f"slicing.{name}": value for name, value in shipped["slicing"].items()}
            encoder = {"encoder.kind": "onnx", "encoder.name": str(SHIPPED / ENCODER_FOLDER)}
            apart = {"branches.adapted": False, "adapting": {}}
            settings = settings.with_settings(apart | encoder | read)
            known = json.loads(SHIPPING.read_text())
            self.scaled_seconds = sum(known[log]["seconds"] for log in ("adapting", "teaching"))
            told += ", making the package's encoder is"
        self.model, self.store = GenreClassifier(settings, store), store
        self.notes = f"recipe `{recipe}`; {told}, the artefact is the model"

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        recipe = self.model.settings()
        if recipe.branches.semantic:
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
        other, branches = copy(self), self.model.branches_
        if isinstance(branch := branches.get("semantic"), SemanticBranch):
            branches["semantic"] = replace(branch, embedder=replace(branch.embedder, store=None))
        other.model = copy(self.model)
        other.model.model_ = replace(self.model.model_, branches=branches)
        return other

    @override
    def save(self, folder: Path) -> None:
        self.model.save(folder / "model", bundle_encoder=self.adapted)


def make(variant: str, store: Path | None) -> Ours:
    return Ours(variant, store)
