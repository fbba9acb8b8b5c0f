"""Checkpoints: where a training stood after an epoch, one safetensors file each, without pickle.

A file holds the tensors (network, best weights, optimizer) and, in its header, a JSON with the
history and the *identity* of the run: every setting, and digests of the data.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plotgenre.errors import ArtefactError, InputError
from plotgenre.whole_files import remove_unfinished, whole_file

KEPT = 2
"""Files kept in a folder: the newest, and one to fall back on should the newest be damaged."""


class Log(Protocol):
    """What a training said of itself so far."""

    @property
    def position(self) -> int:
        """How far it has come: numbers the file."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """The log as JSON has it."""
        ...

    @classmethod
    def from_dict(cls, log: Mapping[str, Any], /) -> Self:
        """The log that ``as_dict`` wrote; an ``ArtefactError`` if it is none."""
        ...


LogT = TypeVar("LogT", bound=Log)


@dataclass(frozen=True, slots=True)
class Checkpoint(Generic[LogT]):
    """Where a training stood at the end of ``history``."""

    tensors: Mapping[str, npt.NDArray[np.generic]]
    history: LogT


@dataclass(frozen=True, slots=True)
class CheckpointFolder(Generic[LogT]):
    """The checkpoints of one run.

    Parameters
    ----------
    path
        Folder of the files; made on the first save.
    identity
        What the run depends on, by name, JSON values; a checkpoint of another identity is refused.
    log
        The kind of log that its checkpoints hold.
    unit
        What the log's position counts; begins the files' names.
    """

    path: Path
    identity: Mapping[str, Any]
    log: type[LogT]
    unit: str = "epoch"

    def save(self, checkpoint: Checkpoint[LogT]) -> Path:
        """Write a checkpoint, whole or not at all, then remove those that are too old."""
        remove_unfinished(self.path)
        header = {"identity": dict(self.identity), "history": checkpoint.history.as_dict()}
        target = self.path / f"{self.unit}-{checkpoint.history.position:06d}.safetensors"
        with whole_file(target) as new:
            save_file(dict(checkpoint.tensors), new, {"run": json.dumps(header)})
        for old in self._files()[KEPT:]:
            old.unlink()
        return target

    def latest(self) -> Checkpoint[LogT] | None:
        """The newest checkpoint that can be read, None if there is none.

        A damaged file is warned of and passed over for the one before it.

        Raises
        ------
        InputError
            If the checkpoint is from a run of other settings or data; says what differs.
        """
        for file in self._files():
            try:
                identity, checkpoint = _read(file, self.log)
            except (ArtefactError, SafetensorError, OSError, ValueError, KeyError) as error:
                warnings.warn(f"passing over damaged checkpoint {file}: {error}", stacklevel=2)
                continue
            refuse_another_run(file, identity, self.identity)
            return checkpoint
        return None

    def _files(self) -> list[Path]:
        return sorted(self.path.glob(f"{self.unit}-*.safetensors"), reverse=True)


def refuse_another_run(file: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a file whose identity is not the expected one, and say what differs.

    Raises
    ------
    InputError
        If the identities are not equal.
    """
    names = [*expected, *(found.keys() - expected.keys())]
    differing = [
        f"{name} was {found.get(name)!r} there and is {expected.get(name)!r} here"
        for name in names
        if found.get(name) != expected.get(name)
    ]
    if differing:
        raise InputError(
            f"{file} is from another training ({'; '.join(differing)}): "
            "give another checkpoints folder or remove this one"
        )


def _read(file: Path, log: type[LogT]) -> tuple[dict[str, Any], Checkpoint[LogT]]:
    with safe_open(file, framework="numpy") as content:
        metadata = content.metadata() or {}
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    header = json.loads(metadata["run"])
    return header["identity"], Checkpoint(tensors, log.from_dict(header["history"]))
