"""plotgenre's recipes, through GenreClassifier."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation
from plotgenre import GenreClassifier, __version__
from plotgenre.branches.adapting import LOG_FILE
from plotgenre.branches.branch import Progress
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.model.fitting import open_embedder


class Ours(Contender):
    """One recipe; the genres that it leaves out as too rare get probability 0.

    An adapted encoder is kept beside the store's vectors, as these are: adapting that stands there
    is not done again, and its seconds are read from its log.
    """

    library = f"plotgenre {__version__}"

    def __init__(self, recipe: str, store: Path | None) -> None:
        self.model, self.store = GenreClassifier(recipe, store), store
        self.adapts = self.model.settings().branches.adapted
        timed = "adapting and what the store lacks are" if self.adapts else "encoding is not"
        self.notes = f"recipe `{recipe}`; {timed} in fit seconds, the artefact is the model"
        kept = Path(tempfile.mkdtemp()) if store is None else store / "checkpoints"
        self.checkpoints = kept / recipe if self.adapts else None

    @override
    def prepare(self, plots: Sequence[str]) -> None:
        recipe = self.model.settings()
        # What an adapted encoder will say is not known before it has learned.
        if recipe.branches.semantic and not self.adapts:
            open_embedder(recipe.slicing, recipe.encoder, self.store).embed(plots)

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = list(genres)
        held_out = (validation[0], self._names(validation[1]))
        heard: list[float] = []
        self.model.fit(
            plots,
            self._names(Y),
            validation=held_out,
            checkpoints=self.checkpoints,
            progress=Progress(adapting=lambda _: heard.append(time.monotonic())),
        )
        if self.checkpoints is not None:
            log = json.loads((self.checkpoints / "encoder" / LOG_FILE).read_text())["log"]
            here = heard[-1] - heard[0] if heard else 0.0
            self.scaled_seconds = max(log["seconds"] - here, 0.0)

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
        self.model.save(folder / "model")


def make(variant: str, store: Path | None) -> Ours:
    return Ours(variant, store)
