"""What an interrupted fit of the sparse head resumes from: genre by genre, then the head."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plotgenre.errors import ArtefactError
from plotgenre.learning.checkpoints import refuse_another_run
from plotgenre.learning.sparse_heads import GenreWeights, SparseHead
from plotgenre.whole_files import remove_unfinished, whole_file

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class GenreFolder:
    """The fitted genres of one run, a safetensors file each, or the head that they came to.

    Parameters
    ----------
    path
        Folder of the files; made on the first save.
    identity
        What the run depends on, by name, JSON values; a file of another identity is refused.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(self, genre: int, weights: GenreWeights) -> None:
        """Write a genre, whole or not at all."""
        tensors: Tensors = {
            "ngrams": weights.ngrams,
            "values": weights.values,
            "scale_bias": np.array([weights.scale, weights.bias]),
        }
        self._write(self._file(genre), tensors)

    def read(self, genre: int) -> GenreWeights | None:
        """A genre; None if it is not there, or damaged, which is warned of.

        Raises
        ------
        InputError
            If it is from a run of other settings or data; says what differs.
        """
        tensors = self._read(self._file(genre), ("ngrams", "values", "scale_bias"))
        if tensors is None:
            return None
        scale, bias = tensors["scale_bias"].tolist()
        return GenreWeights(tensors["ngrams"], tensors["values"], scale, bias)

    def finish(self, head: SparseHead) -> None:
        """Write the head, then remove the genres, which are several times larger."""
        self._write(self._head_file, head.tensors)
        for file in self.path.glob("genre-*.safetensors"):
            file.unlink()

    def finished(self, n_ngrams: int, n_genres: int) -> SparseHead | None:
        """The head; None if it is not there, or damaged, which is warned of.

        Raises
        ------
        InputError
            If it is from a run of other settings or data; says what differs.
        """
        tensors = self._read(self._head_file)
        if tensors is None:
            return None
        head = SparseHead(n_ngrams, n_genres, tensors)
        try:
            head.check()
        except ArtefactError as error:
            _warn(self._head_file, error)
            return None
        return head

    def _write(self, file: Path, tensors: Tensors) -> None:
        remove_unfinished(self.path)
        with whole_file(file) as new:
            save_file(dict(tensors), new, {"run": json.dumps(dict(self.identity))})

    def _read(self, file: Path, names: tuple[str, ...] | None = None) -> Tensors | None:
        if not file.exists():
            return None
        try:
            with safe_open(file, framework="numpy") as content:
                identity = json.loads((content.metadata() or {})["run"])
                tensors = {name: content.get_tensor(name) for name in names or content.keys()}
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            _warn(file, error)
            return None
        refuse_another_run(file, identity, self.identity)
        return tensors

    @property
    def _head_file(self) -> Path:
        return self.path / "head.safetensors"

    def _file(self, genre: int) -> Path:
        return self.path / f"genre-{genre:05d}.safetensors"


def _warn(file: Path, error: Exception) -> None:
    warnings.warn(f"fitting anew, {file} is damaged: {error}", stacklevel=4)
