"""A batch from files to one file or a folder: planned, run by an engine, joined, summed up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.batch.forms import form_of
from plotgenre.batch.inputs import Input, find_inputs
from plotgenre.batch.looking import carried, look_at
from plotgenre.batch.manifest import Manifest
from plotgenre.batch.outputs import Output
from plotgenre.batch.parts import End, Part, PartMaker, Reading
from plotgenre.batch.storage import Folder
from plotgenre.batch.worker import GenreWorker
from plotgenre.errors import BatchError

Engine = Callable[[Sequence[Reading], PartMaker], Iterator[Part | End]]

# The manifest is written less often where writing it takes long: it may cost this share of time.
_SHARE_OF_WRITING = 0.05


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class BatchSettings:
    """What is tagged, and where the answers go.

    Parameters
    ----------
    output
        A file that ends in .jsonl, .csv or .parquet; or a folder, of a path or an address such as
        ``s3://bucket/tagged``, where parts and manifest stay.
    form
        ``jsonl``, ``csv`` or ``parquet``; ``auto`` goes by the ending, and takes JSON lines in a
        folder.
    format
        How inputs are read, as `read_corpus` has it; ``auto`` goes by each one's ending.
    rows_per_part
        Rows that are tagged and written at once: what is lost at most when a process is killed.
    resume
        An output that is complete already is no mistake, if it is of these inputs and this model.
    force
        Begin anew where the output is complete, or is of other inputs, settings or another model;
        replace somebody else's file of the output's name. A run that was interrupted goes on.
    """

    output: str
    form: str = "auto"
    format: str = "auto"
    rows_per_part: int = Field(default=10_000, ge=1)
    resume: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch has come.

    Parameters
    ----------
    rows
        Rows written, those of earlier runs included.
    total
        About how many there are in all; None where nobody knows.
    errors
        Rows written that have an error.
    rate
        Rows a second since the first part was written: before it, models and Ray are started.
    """

    rows: int
    total: int | None
    errors: int
    rate: float

    @property
    def left(self) -> float | None:
        """About how many seconds are left; None where nobody knows."""
        if self.total is None or not self.rate:
            return None
        return max(self.total - self.rows, 0) / self.rate


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What a batch came to.

    Parameters
    ----------
    output
        Where the rows are.
    rows
        Rows in it.
    errors
        Of these, rows that have an error.
    tagged
        Of these, rows that this run has written.
    unreadable
        Why inputs could not be read, or no further, by their locations.
    without_rows
        Names of inputs that hold no row.
    seconds
        That this run took to tag.
    done_before
        Whether there was nothing to do.
    """

    output: str
    rows: int
    errors: int
    tagged: int
    unreadable: dict[str, str]
    without_rows: list[str]
    seconds: float
    done_before: bool


def run_batch(
    locations: Sequence[str],
    settings: BatchSettings,
    worker: GenreWorker,
    engine: Engine,
    listener: Callable[[BatchProgress], None] | None = None,
) -> BatchSummary:
    """Tag every row of the inputs, once, however often the run is killed and begun again.

    Parameters
    ----------
    locations
        Files, folders, globs and addresses.
    settings
        Where the answers go, and how.
    worker
        Tags the rows; its fingerprint is set here.
    engine
        `local.run_here`, or what `ray.on_ray` gives.
    listener
        Told after every part.

    Returns
    -------
    BatchSummary
        Rows that have an error are in the output; inputs that could not be read are named.

    Raises
    ------
    BatchError
        If the output is complete already, holds something else, or was begun with other inputs,
        another model or other settings, says which; if another run writes there; if output and
        inputs lie in each other.
    CorpusError
        If there is no such input.
    ArtefactError, EncoderError, MissingExtraError
        If the model cannot be loaded, or a part is missing.
    OSError
        If the output cannot be written to.
    """
    output = Output.at(settings.output, settings.form)
    inputs = find_inputs(locations, settings.format, output)
    # Asked before anything is written there, and again when nobody else can write.
    output.begun(settings.force)
    with output.locked():
        return _run(inputs, output, settings, worker, engine, listener)


def _run(
    found: list[Input],
    output: Output,
    settings: BatchSettings,
    worker: GenreWorker,
    engine: Engine,
    listener: Callable[[BatchProgress], None] | None,
) -> BatchSummary:
    manifest, whole = output.begun(settings.force)
    inputs = look_at(found, worker.plot_column)
    columns = carried(inputs)
    form = form_of(output.kind, list(columns.names.values()), columns.types)
    worker = worker.fingerprinted()
    told = {
        "model": worker.model,
        "fingerprint": worker.fingerprint,
        "plot_column": worker.plot_column,
        "rows_per_part": settings.rows_per_part,
        "form": output.kind,
        # Parts of JSON lines need not have the same.
        "columns": [] if output.kind == "jsonl" else list(columns.names),
    }
    if manifest is not None:
        manifest = _resumed(manifest, whole, told, inputs, output, settings)
    if manifest is None:
        manifest = Manifest.begun(told, inputs)
    elif _is_done(manifest, whole, output):
        return _Watch(manifest, inputs).summary(settings, done_before=True)
    manifest.save(output.folder)
    changed = frozenset(() if settings.force else map(manifest.name_of, manifest.lost))
    maker = PartMaker(worker, manifest.named(inputs), columns.names, form, output.folder, changed)
    watch = _Watch(manifest, inputs)
    readings = manifest.readings(inputs)
    try:
        # Nothing may be left but to join the parts, for which no engine need be started.
        for one in engine(readings, maker) if readings else ():
            watch.add(one, output.folder)
            if listener is not None:
                listener(watch.progress())
    finally:
        # After an interrupt too: what is written and not recorded would be written again.
        manifest.save(output.folder)
    if output.file is None:
        output.check(manifest)
    else:
        output.join(manifest, form, settings.force)
    return watch.summary(settings)


def _resumed(
    manifest: Manifest,
    whole: bool,
    told: dict[str, Any],
    inputs: Sequence[Input],
    output: Output,
    settings: BatchSettings,
) -> Manifest | None:
    """The manifest, which knows what is to be written again; None where all begins anew."""
    if changed := manifest.differences(told, inputs):
        if not settings.force:
            raise BatchError(
                f"{output.name} holds a batch that was begun differently: {'; '.join(changed[:3])};"
                " expected the same command, another name for the output, or --force to begin anew"
            )
        output.remove(manifest, [*manifest])
        return None
    if whole:
        # A kill while they were being removed may have left parts.
        output.remove(manifest, [*manifest])
    else:
        output.remove(manifest, manifest.begin_unreadable(inputs))
        manifest.lost = {*output.lost(manifest)}
    if settings.resume or not _is_done(manifest, whole, output):
        return manifest
    if not settings.force:
        raise BatchError(
            f"{output.name} is complete already; expected another name, or --resume to be "
            "content with it"
        )
    output.remove(manifest, [*manifest])
    return None


def _is_done(manifest: Manifest, whole: bool, output: Output) -> bool:
    return whole or (output.file is None and manifest.complete and not manifest.unreadable())


class _Watch:
    """Records what an engine has made, and counts."""

    def __init__(self, manifest: Manifest, inputs: Sequence[Input]) -> None:
        self.manifest = manifest
        self.rows = self.begun = manifest.rows()
        self.errors = manifest.errors()
        self.expected = [
            one.estimate if record.rows is None else record.rows
            for one, record in zip(inputs, manifest.inputs, strict=False)
        ]
        self.unknown = self.expected.count(None)
        self.total = sum(rows or 0 for rows in self.expected)
        self.started = self.write_at = time.monotonic()
        # When the first part was written, and how many rows there were then.
        self.first: tuple[float, int] | None = None

    def add(self, made: Part | End, folder: Folder) -> None:
        self.manifest.add(made)
        if isinstance(made, End):
            before, self.expected[made.input] = self.expected[made.input], made.rows
            self.unknown -= before is None
            self.total += made.rows - (before or 0)
        else:
            self.rows += made.rows
            self.errors += made.errors
            self.first = self.first or (time.monotonic(), self.rows)
        began = time.monotonic()
        if began >= self.write_at:
            self.manifest.save(folder)
            now = time.monotonic()
            self.write_at = now + (now - began) / _SHARE_OF_WRITING

    def progress(self) -> BatchProgress:
        since, rows = self.first or (self.started, self.begun)
        if rows == self.rows:
            since, rows = self.started, self.begun
        rate = (self.rows - rows) / max(time.monotonic() - since, 1e-9)
        return BatchProgress(self.rows, None if self.unknown else self.total, self.errors, rate)

    def summary(self, settings: BatchSettings, *, done_before: bool = False) -> BatchSummary:
        return BatchSummary(
            settings.output,
            self.rows,
            self.errors,
            self.rows - self.begun,
            self.manifest.unreadable(),
            [one.name for one in self.manifest.inputs if one.rows == 0 and one.error is None],
            time.monotonic() - self.started,
            done_before,
        )
