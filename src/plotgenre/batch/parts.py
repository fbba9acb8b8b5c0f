"""Rows of an input in chunks, and a chunk tagged and written as one part of the output."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from plotgenre.batch.forms import ID, Form
from plotgenre.batch.inputs import Input
from plotgenre.batch.storage import Folder
from plotgenre.batch.worker import ADDED, ERROR, GENRES, PROBABILITIES, GenreWorker
from plotgenre.corpus.readers.rows import Row
from plotgenre.errors import BatchError

_BATCH_ROWS = 1024
# Bytes of rows that are tagged and written at once; ten thousand of the longest plots have half.
_LARGEST_CHUNK = 1 << 29


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of an input that become one part.

    Parameters
    ----------
    input
        The input's number.
    number
        Which chunk of the input it is, from 0.
    rows
        Its rows; as many as in all others of an input but the last, unless they are huge.
    """

    input: int
    number: int
    # Ray logs what it has no column type for.
    rows: list[Row] = field(repr=False)


@dataclass(frozen=True, slots=True)
class End:
    """An input was read to its end, or as far as it can be: then ``error`` says why no further."""

    input: int
    rows: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part was written: its rows, how many of them have an error, its size and SHA-256."""

    input: int
    number: int
    rows: int
    errors: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What is still to be read of an input.

    Parameters
    ----------
    input
        The file.
    number
        Its number among the inputs.
    rows_per_part
        How many rows make a chunk.
    done
        Numbers of chunks whose parts are written: they are read over.
    """

    input: Input
    number: int
    rows_per_part: int
    done: frozenset[int] = frozenset()

    def chunks(self) -> Iterator[Chunk | End]:
        """The chunks that are not done, in order, and at last the end; one chunk is in memory.

        A chunk has fewer rows where those would take more than 512 MiB.
        """
        rows: list[Row] = []
        count, error = 0, None
        number = own = size = 0
        reader = self.input.rows()
        while True:
            try:
                row = next(reader, None)
            # Whatever is wrong with one file must not end the others' run.
            except Exception as broken:
                error = next(iter(str(broken).splitlines()), "") or type(broken).__name__
                break
            if row is None:
                break
            count, own, size = count + 1, own + 1, size + row.size
            if number not in self.done:
                rows.append(row)
            if own == self.rows_per_part or size > _LARGEST_CHUNK:
                if rows:
                    yield Chunk(self.number, number, rows)
                rows, number = [], number + 1
                own = size = 0
        if rows:
            yield Chunk(self.number, number, rows)
        yield End(self.number, count, error)


@dataclass(frozen=True, slots=True)
class PartMaker:
    """Tags a chunk and writes its part; can be sent to any process.

    Writing a part again puts the same rows in the same place, so that a chunk may be given to
    another process when the first was lost, however far that had come.

    Parameters
    ----------
    worker
        Tags the rows.
    inputs
        All inputs, in order.
    names
        What the inputs' columns are called in the output, see `worker.carried_names`.
    form
        How rows are written.
    folder
        Where parts are written.
    changed
        Names of parts that are there otherwise than they were written. One that was cut is
        written again; in any other somebody may have worked, and it is refused.
    """

    worker: GenreWorker
    inputs: tuple[Input, ...]
    names: Mapping[str, str] = field(hash=False)
    form: Form
    folder: Folder
    changed: frozenset[str] = frozenset()

    def __call__(self, chunk: Chunk) -> Part:
        """Write the part.

        Raises
        ------
        BatchError
            If somebody has changed the part that is there.
        OSError
            If it cannot be written.
        ArtefactError, EncoderError, MissingExtraError
            If the model cannot be loaded.
        """
        rows = [
            row
            for at in range(0, len(chunk.rows), _BATCH_ROWS)
            for row in self._tagged(chunk.rows[at : at + _BATCH_ROWS], self.inputs[chunk.input])
        ]
        data = self.form.encode(rows)
        self._write(part_name(chunk.input, chunk.number, self.form.kind), data)
        errors = sum(row[ERROR] is not None for row in rows)
        return Part(chunk.input, chunk.number, len(rows), errors, len(data), sha256_of(data))

    def _write(self, name: str, data: bytes) -> None:
        if name in self.changed and not data.startswith(self.folder.read(name) or b""):
            raise BatchError(
                f"{self.folder.name}/{name} was changed after it was written; expected it as it "
                "was, or --force to make it again"
            )
        self.folder.write(name, data)

    def _tagged(self, rows: list[Row], source: Input) -> Iterator[dict[str, Any]]:
        plots = [row.values.get(source.plot) for row in rows]
        tagged = self.worker({self.worker.plot_column: plots})
        for i, row in enumerate(rows):
            own: dict[str, Any] = {}
            if ID not in source.columns:
                own[ID] = f"{source.name}:{row.number}"
            for name, value in row.values.items():
                # A key that turns up late, in JSON lines, must not hide an added column either.
                own[self.names.get(name, f"input_{name}" if name in ADDED else name)] = value
            own |= {name: tagged[name][i] for name in (GENRES, PROBABILITIES, ERROR)}
            if row.error is not None:
                unit = "line" if source.format == "jsonl" else "row"
                own[ERROR] = f"{source.name}, {unit} {row.number}: {row.error}"
            yield own


def sha256_of(data: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def part_name(input: int, number: int, kind: str) -> str:
    """The name of a chunk's part; in the order of names rows are in the order of inputs."""
    return f"part-{input:05d}-{number:06d}.{kind}"
