"""Films with a like mix of genres: a model's logit vectors of a corpus, and their neighbours.

A film's mix is the square root of its probabilities less the mean over the corpus, and likeness is
the cosine of mixes. The cosine of roots is Bhattacharyya's affinity (1943), which counts what both
films may be and not the many genres that both are surely not; logits, scaled genre by genre, are
mostly about these. The root lets genres count that are possible rather than sure, and without
the mean every film would be like every other for being a drama, as half of them are.

Tried by hand on 700 validation films, the nearest films so found had more true genres in common
with a film than by the cosine of plain probabilities, standardised logits or slice vectors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from plotgenre.branches.branch import Progress
from plotgenre.classifier import GenreClassifier
from plotgenre.corpus.arguments import checked_plots
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.calibration import sigmoid
from plotgenre.whole_files import write_whole

Floats: TypeAlias = npt.NDArray[np.float32]

_FORMAT = "plotgenre-similar-1"


@dataclass(frozen=True, slots=True)
class SimilarFilm:
    """A film that was found.

    Parameters
    ----------
    row
        Its place among the films that were fitted.
    id
        Its id.
    likeness
        Cosine of the mixes, from -1 to 1; 1 for the same mix.
    genres
        What both films are tagged with, the most probable of the film that was asked about first.
    """

    row: int
    id: str
    likeness: float
    genres: tuple[str, ...]


class SimilarFilms:
    """Finds the films of a corpus whose mix of genres is like that of a plot.

    Parameters
    ----------
    model
        A fitted classifier.

    Attributes
    ----------
    ids_
        Of the ``n`` films.
    logits_
        Their logit vectors, shape (n, g), float32.
    """

    def __init__(self, model: GenreClassifier) -> None:
        self.model = model

    def fit(
        self,
        plots: Sequence[str],
        ids: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> SimilarFilms:
        """Read the films that queries are answered with.

        Parameters
        ----------
        plots
            ``n`` texts.
        ids
            One a film, none twice; by default films are numbered from "1".
        progress
            Whom to tell how far it is.

        Raises
        ------
        InputError
            If there is no plot, one is no text, or the ids are not one for each.
        """
        listed = checked_plots(plots)
        names = [str(i) for i in range(1, len(listed) + 1)] if ids is None else list(ids)
        if not listed or len(names) != len(listed) or len(set(names)) != len(names):
            raise InputError(
                f"{len(listed)} plots and {len(names)} ids ({len(set(names))} different); "
                "expected one plot or more and an id of its own for each"
            )
        logits = self.model.decision_function(listed, progress)
        return self._fitted(names, logits, _digest_of_films(names, listed))

    def query(self, plot: str, k: int = 10) -> list[SimilarFilm]:
        """The ``k`` films most like a plot, or all where there are fewer, the most alike first.

        Raises
        ------
        InputError
            If nothing is fitted, the plot is no text, or ``k`` is below 1.
        """
        self._check(k)
        return self._nearest(self.model.decision_function([plot])[0], k, None)

    def query_film(self, id: str, k: int = 10) -> list[SimilarFilm]:
        """The ``k`` films most like one of those fitted, which is not among them.

        Raises
        ------
        InputError
            If nothing is fitted, no film has the id, or ``k`` is below 1.
        """
        self._check(k)
        if id not in self._rows:
            shown = ", ".join(self.ids_[:3])
            raise InputError(f"no film has the id {id!r}; expected one such as {shown}")
        row = self._rows[id]
        return self._nearest(self.logits_[row], k, row)

    # ------------------------------------------------------- save and load

    def save(self, path: str | Path) -> None:
        """Write the logit vectors and ids as one safetensors file, at once or not at all.

        Raises
        ------
        InputError
            If nothing is fitted.
        ArtefactError
            If the place cannot be written to.
        """
        self._check(1)
        path = Path(path)
        names = json.dumps({"ids": self.ids_, "genres": list(self.model.model_.genres)})
        told = {
            "format": _FORMAT,
            "model": self.model.model_.fingerprint(),
            "films": self._films,
            "names": names,
            "sha256": _digest_of_content(names, self.logits_),
        }
        try:
            write_whole(path, save_tensors({"logits": self.logits_}, metadata=told))
        except OSError as refused:
            raise ArtefactError(f"cannot write {path}: {refused}") from refused

    @classmethod
    def load(
        cls, path: str | Path, model: GenreClassifier, plots: Sequence[str], ids: Sequence[str]
    ) -> SimilarFilms:
        """Read what `save` wrote for this model and these films.

        Raises
        ------
        ArtefactError
            If the file is missing or damaged, or of another format, model or corpus.
        """
        path = Path(path)
        try:
            told, logits = _read(path)
            if (found := told.get("format")) != _FORMAT:
                raise ArtefactError(f"{path}: format {found!r} is unknown, expected {_FORMAT}")
            if told["model"] != model.model_.fingerprint():
                raise ArtefactError(
                    f"{path} is an index of another model; delete it or name another file"
                )
            if told["films"] != _digest_of_films(ids, plots):
                raise ArtefactError(
                    f"{path} is an index of other films; delete it or name another file"
                )
            whole = logits.shape == (len(ids), len(model.model_.genres))
            if not whole or told["sha256"] != _digest_of_content(told["names"], logits):
                raise ArtefactError(f"{path} is damaged: its SHA-256 is not the one written in it")
        # A type of number that numpy lacks is a TypeError.
        except (SafetensorError, OSError, KeyError, TypeError) as broken:
            raise ArtefactError(f"{path} cannot be read as an index: {broken}") from None
        return cls(model)._fitted(list(ids), logits, told["films"])

    # -------------------------------------------------------------- private

    def _fitted(self, ids: list[str], logits: Floats, films: str) -> SimilarFilms:
        # safetensors writes an array's memory as it lies, whatever its order.
        self.ids_, self.logits_ = ids, np.ascontiguousarray(logits)
        self._films = films
        self._rows = {name: row for row, name in enumerate(ids)}
        P = sigmoid(self.logits_)
        self._D = self.model.model_.decide(P)
        self._centre = np.sqrt(P).mean(axis=0)
        self._mixes = self._mix(P)
        return self

    def _mix(self, P: Floats) -> Floats:
        """Mixes (n, g) of length 1; that of a film which is the corpus's mean itself is 0."""
        mixes: Floats = np.sqrt(P) - self._centre
        lengths: Floats = np.linalg.norm(mixes, axis=1, keepdims=True)
        mixes /= np.maximum(lengths, np.finfo(np.float32).tiny)
        return mixes

    def _check(self, k: int) -> None:
        if not hasattr(self, "logits_"):
            raise InputError("these SimilarFilms are not fitted yet; call fit or load first")
        if k < 1:
            raise InputError(f"k must be 1 or more, got {k}")

    def _nearest(self, logits: Floats, k: int, left_out: int | None) -> list[SimilarFilm]:
        P = sigmoid(logits[None])
        likeness = self._mixes @ self._mix(P)[0]
        order = np.argsort(-likeness, kind="stable")
        nearest = order[order != left_out][:k].tolist()
        on = self.model.model_.decide(P)[0]
        ranked = np.argsort(-P[0], kind="stable")
        genres = self.model.model_.genres
        return [
            SimilarFilm(
                row,
                self.ids_[row],
                float(likeness[row]),
                tuple(genres[j] for j in ranked if on[j] and self._D[row, j]),
            )
            for row in nearest
        ]


def _read(path: Path) -> tuple[Mapping[str, str], Floats]:
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}, file.get_tensor("logits")


def _digest_of_films(ids: Sequence[str], plots: Sequence[str]) -> str:
    told = json.dumps([list(ids), list(plots)])
    return hashlib.sha256(told.encode()).hexdigest()


def _digest_of_content(names: str, logits: Floats) -> str:
    digest = hashlib.sha256(names.encode())
    digest.update(np.ascontiguousarray(logits).data)
    return digest.hexdigest()
