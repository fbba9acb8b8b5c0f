"""The manifest: what a batch is made of, and which parts of it are written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from plotgenre.batch.inputs import Input
from plotgenre.batch.parts import End, Part, Reading, part_name
from plotgenre.batch.storage import Folder
from plotgenre.errors import BatchError

MANIFEST = "_manifest.json"
"""Its name: whoever reads a folder as one table passes over what begins so."""

_FORMAT = 2


@dataclass(slots=True)
class InputRecord:
    """An input as it was when the batch began, and how far it was read.

    Parameters
    ----------
    location, name, format, bytes, modified, digest
        As `Input` has them; the location identifies it, whatever the command called it.
    rows
        How many rows it has; None until it was read to its end.
    error
        Why it could not be read, or no further.
    """

    location: str
    name: str
    format: str
    bytes: int
    modified: int
    digest: str
    rows: int | None = None
    error: str | None = None


@dataclass(slots=True)
class Manifest:
    """What was asked for, of which inputs, and what is written.

    Parameters
    ----------
    settings
        All that the rows of the output depend on beside the inputs, by name, as JSON values.
    inputs
        In order.
    parts
        Those written: by input, then by chunk.
    joined
        SHA-256 of the one file that the parts were joined to; of two if a kill may have come
        before the second replaced the first.
    lost
        Parts that are no longer there as they were written, and are to be written again. They
        stay in the file until they are: it tells what somebody has changed from what was cut.
    """

    settings: dict[str, Any]
    inputs: list[InputRecord]
    parts: dict[int, dict[int, Part]] = field(default_factory=lambda: defaultdict(dict))
    joined: list[str] = field(default_factory=list)
    lost: set[Part] = field(default_factory=set)

    @classmethod
    def begun(cls, settings: dict[str, Any], inputs: Sequence[Input]) -> Manifest:
        """The manifest of a batch that has no part yet."""
        return cls(settings, [_record(one) for one in inputs])

    @classmethod
    def load(cls, folder: Folder, name: str = MANIFEST) -> Manifest | None:
        """The manifest in a folder; None where there is none.

        Raises
        ------
        BatchError
            If it is damaged, or of an unknown format.
        """
        data = folder.read(name)
        if data is None:
            return None
        place = f"{folder.name}/{name}"
        try:
            told = json.loads(data)
            if told["format"] != _FORMAT:
                raise BatchError(
                    f"{place} has format {told['format']}; expected {_FORMAT}, or another name for "
                    "the output"
                )
            manifest = cls(dict(told["settings"]), [InputRecord(**one) for one in told["inputs"]])
            for told_part in told["parts"].values():
                manifest.add(Part(**{one.name: told_part[one.name] for one in fields(Part)}))
            manifest.joined = [*map(str, told["joined"])]
            return manifest
        except (ValueError, TypeError, KeyError, AttributeError) as broken:
            if isinstance(broken, BatchError):
                raise
            raise BatchError(f"{place} is no manifest of a batch: {broken}") from broken

    def save(self, folder: Folder, name: str = MANIFEST) -> None:
        """Write it at once or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        told = {
            "format": _FORMAT,
            "complete": self.complete,
            "settings": self.settings,
            "inputs": [asdict(one) for one in self.inputs],
            "joined": self.joined,
            "parts": {
                self.name_of(part): asdict(part) | {"first": part.number * self.rows_per_part}
                for part in (*self, *self.lost)
            },
        }
        text = json.dumps(told, indent=1, ensure_ascii=False)
        folder.write(name, f"{text}\n".encode(errors="backslashreplace"))

    # ------------------------------------------------------------ how far it is

    @property
    def rows_per_part(self) -> int:
        """How many rows make a part, but the last one of an input."""
        return int(self.settings["rows_per_part"])

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, but for inputs that cannot be read."""
        return all(self.finished(number) for number in range(len(self.inputs)))

    def finished(self, number: int) -> bool:
        """Whether an input was read as far as it can be, and all of that is written."""
        rows = self.inputs[number].rows
        return rows is not None and len(self.done(number)) >= -(-rows // self.rows_per_part)

    def done(self, number: int) -> frozenset[int]:
        """The chunks of an input whose parts are written."""
        parts = self.parts.get(number, {})
        return frozenset(one for one, part in parts.items() if part not in self.lost)

    def unreadable(self) -> dict[str, str]:
        """Why inputs could not be read, by their locations."""
        return {one.location: one.error for one in self.inputs if one.error is not None}

    def rows(self) -> int:
        """Rows written."""
        return sum(part.rows for part in self)

    def errors(self) -> int:
        """Rows written that have an error."""
        return sum(part.errors for part in self)

    def __iter__(self) -> Iterator[Part]:
        """The parts that are written, in the order of inputs and of their rows."""
        for _, parts in sorted(self.parts.items()):
            for _, part in sorted(parts.items()):
                if part not in self.lost:
                    yield part

    def name_of(self, part: Part) -> str:
        """The name of a part's file."""
        return part_name(part.input, part.number, str(self.settings["form"]))

    def readings(self, inputs: Sequence[Input]) -> list[Reading]:
        """What is still to be read."""
        return [
            Reading(one, number, self.rows_per_part, self.done(number))
            for number, one in enumerate(inputs)
            if not self.finished(number)
        ]

    # ------------------------------------------------------------- what changes

    def add(self, made: Part | End) -> None:
        """Note that a part is written, or that an input was read as far as it can be."""
        if isinstance(made, End):
            record = self.inputs[made.input]
            record.rows, record.error = made.rows, made.error
        else:
            self.lost.discard(self.parts[made.input].get(made.number, made))
            self.parts[made.input][made.number] = made

    def begin_unreadable(self, inputs: Sequence[Input]) -> list[Part]:
        """Begin the inputs again that could not be read, and tell which parts they had.

        Somebody may have put them right.
        """
        had: list[Part] = []
        for number, one in enumerate(inputs):
            if self.inputs[number].error is not None:
                self.inputs[number] = _record(one)
                had += self.parts.pop(number, {}).values()
        return had

    def named(self, inputs: Sequence[Input]) -> tuple[Input, ...]:
        """The inputs, called as they were when the batch began: rows' ids may hold that."""
        known = {one.location: one.name for one in self.inputs}
        return tuple(replace(one, name=known[one.location]) for one in inputs)

    def differences(self, settings: dict[str, Any], inputs: Sequence[Input]) -> list[str]:
        """What is no longer as it was when the batch began, in words."""
        changed = [
            _changed(name, self.settings.get(name), value)
            for name, value in settings.items()
            # What the model is called is for people; the fingerprint says what it is.
            if self.settings.get(name) != value and name != "model"
        ]
        before = {one.location: one for one in self.inputs}
        now = {one.location: one for one in inputs}
        changed += [f"{name} is gone" for name in before if name not in now]
        changed += [f"{name} is new" for name in now if name not in before]
        changed += [
            f"{name} {what}"
            for name, one in now.items()
            # What could not be read may have been put right.
            if (old := before.get(name)) is not None
            and old.error is None
            and (what := _difference(old, one)) is not None
        ]
        if not changed and list(before) != list(now):
            changed.append("the inputs stand in another order")
        return changed


def _record(one: Input) -> InputRecord:
    return InputRecord(
        one.location,
        one.name,
        one.format,
        one.bytes,
        one.modified,
        one.digest,
        None if one.error is None else 0,
        one.error,
    )


def _difference(old: InputRecord, now: Input) -> str | None:
    if (old.bytes, old.modified) != (now.bytes, now.modified):
        return "has changed since"
    if now.error is not None:
        return f"cannot be read any more: {now.error}"
    if old.digest != now.digest:
        return "has changed since"
    if old.format != now.format:
        return f"was read as {old.format}, is {now.format}"
    return None


def _changed(name: str, before: Any, now: Any) -> str:
    if name == "fingerprint":
        return "the model is another one"
    what = name.replace("_", " ")
    if isinstance(now, list):
        return f"the {what} are other ones"
    return f"the {what} was {before}, is {now}"
