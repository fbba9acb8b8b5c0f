"""Scores: the test side of a run in one file, so that runs are compared without their models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from plotgenre.errors import ArtefactError, InputError
from plotgenre.evaluation.evaluation import decided
from plotgenre.evaluation.metrics import check_same_shape
from plotgenre.whole_files import write_whole

Bools: TypeAlias = npt.NDArray[np.bool_]

SCORES_FILE = "scores.safetensors"

_FORMAT = "plotgenre-scores-1"
_TYPES: Mapping[str, Any] = {
    "P": np.float16,
    "D": np.bool_,
    "Y": np.bool_,
    "thresholds": np.float32,
    "train_counts": np.int64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a run said of its test films, and what is true of them.

    Parameters
    ----------
    ids
        The ``n`` films' ids.
    genres
        The ``g`` genres' names.
    P
        Probabilities of shape (n, g), float16: enough to rank by, at a quarter of a double.
    D
        Decisions of shape (n, g), taken before P was rounded.
    Y
        Targets of shape (n, g).
    thresholds
        One per genre, shape (g,), float32.
    train_counts
        Train films of each genre, shape (g,), int64; -1 for a name that the model does not know.

    Raises
    ------
    InputError
        If shapes do not fit, a probability is not from 0 to 1, or a genre stands twice.
    """

    ids: tuple[str, ...]
    genres: tuple[str, ...]
    P: npt.NDArray[np.float16]
    D: Bools
    Y: Bools
    thresholds: npt.NDArray[np.float32]
    train_counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        check_same_shape(probabilities=self.P, decisions=self.D, targets=self.Y)
        n, g = len(self.ids), len(self.genres)
        shapes = {"P": (n, g), "thresholds": (g,), "train_counts": (g,)}
        for name, shape in shapes.items():
            if (got := getattr(self, name).shape) != shape:
                raise InputError(f"{n} films and {g} genres need {name} of {shape}, got {got}")
        if self.P.min() < 0 or self.P.max() > 1:
            raise InputError("a probability is not a number from 0 to 1")
        if len(set(self.genres)) < g:
            raise InputError("a genre stands twice")

    @classmethod
    def of(
        cls,
        ids: tuple[str, ...],
        genres: tuple[str, ...],
        P: npt.NDArray[np.float32],
        Y: Bools,
        thresholds: npt.NDArray[np.float32],
        train_counts: npt.NDArray[np.int64],
        decisions: Bools | None = None,
    ) -> Scores:
        """Scores of probabilities in float32, decided as `evaluation.evaluate` has it."""
        D = decided(P, thresholds, decisions)
        return cls(
            ids, genres, P.astype(np.float16), D, Y, thresholds, train_counts.astype(np.int64)
        )

    def save(self, folder: str | Path) -> None:
        """Write ``scores.safetensors`` into the folder: complete beside its place, then renamed.

        Raises
        ------
        ArtefactError
            If the place cannot be written to.
        """
        path = Path(folder) / SCORES_FILE
        try:
            write_whole(path, self._as_bytes())
        except OSError as refused:
            raise ArtefactError(f"cannot write {path}: {refused}") from refused

    @classmethod
    def load(cls, folder: str | Path) -> Scores:
        """Read what `save` wrote into a run's folder.

        Raises
        ------
        ArtefactError
            If there are no scores, or the file is damaged or of another format.
        """
        path = Path(folder) / SCORES_FILE
        if not path.is_file():
            raise ArtefactError(
                f"{folder} is not a scored run: it lacks {SCORES_FILE}, which plotgenre train "
                "writes where there are test films"
            )
        try:
            with safe_open(path, framework="numpy") as file:
                stored = file.metadata() or {}
                if (found := stored.get("format")) != _FORMAT:
                    raise ArtefactError(f"{path}: format {found!r} is unknown, expected {_FORMAT}")
                tensors = {name: file.get_tensor(name) for name in _TYPES}
            return cls._checked(stored, tensors)
        # A type of number that numpy lacks is a TypeError; JSON that is none is a ValueError.
        except (SafetensorError, OSError, KeyError, TypeError, InputError, ValueError) as broken:
            if isinstance(broken, ArtefactError):
                raise
            raise ArtefactError(f"{path} is damaged: {broken}") from None

    @classmethod
    def _checked(cls, stored: Mapping[str, str], tensors: Mapping[str, Any]) -> Scores:
        if stored["sha256"] != _digest(stored["names"], tensors):
            raise InputError("its SHA-256 is not the one written into it")
        for name, kind in _TYPES.items():
            if tensors[name].dtype != kind:
                raise InputError(f"{name} is of {tensors[name].dtype}")
        names = json.loads(stored["names"])
        return cls(ids=tuple(names["ids"]), genres=tuple(names["genres"]), **tensors)

    def _as_bytes(self) -> bytes:
        tensors = {
            name: np.ascontiguousarray(getattr(self, name), dtype=kind)
            for name, kind in _TYPES.items()
        }
        names = json.dumps({"ids": self.ids, "genres": self.genres})
        told = {"format": _FORMAT, "names": names, "sha256": _digest(names, tensors)}
        return save_tensors(tensors, metadata=told)


def _digest(names: str, tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(names.encode())
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
