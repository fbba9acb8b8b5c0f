"""What a batch reads: the files of paths, folders, globs and addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from glob import glob, has_magic
from pathlib import Path
from typing import IO, Any, Protocol

from plotgenre.batch.storage import (
    below,
    is_address,
    lineage,
    listed,
    local_path,
    open_file,
    opened,
)
from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import FileFormat, Source, format_by_ending
from plotgenre.errors import BatchError, CorpusError, InputError

FORMATS = ("auto", "csv", "tsv", "jsonl", "parquet")

_BLOCK = 1 << 16
# White space, and the mark of UTF-8.
_BLANK = b" \t\r\n\v\f\xef\xbb\xbf"
# In a folder these are rather notes or settings than films.
_NOTES = (".txt", ".json")


@dataclass(frozen=True, slots=True)
class Input:
    """One file, as a batch knows it.

    Parameters
    ----------
    location
        Its whole path, links resolved, or its address.
    name
        What messages and ids call it.
    bytes, modified, digest
        Its size, when it was last written, in nanoseconds, and the SHA-256 of its beginning and
        its end: another file has others.
    format
        How it is read.
    plot
        The column of the plot.
    columns
        Names of the columns of its first rows, in order.
    types
        The arrow types of the columns that have one, by name; empty without pyarrow.
    estimate
        About how many rows it has; None where that is not cheap to say.
    error
        Why it cannot be read at all, as a sentence.
    """

    location: str
    name: str
    bytes: int
    modified: int
    digest: str = ""
    format: FileFormat = "jsonl"
    plot: str = "plot"
    columns: tuple[str, ...] = ()
    types: Mapping[str, Any] = field(default_factory=dict, hash=False)
    estimate: int | None = None
    error: str | None = None

    def rows(self) -> Iterator[Row]:
        """Its rows, read as they are asked for.

        Raises
        ------
        CorpusError, OSError
            If it cannot be read, or no further.
        """
        source = _Located(Path(self.location), self.name, self.location)
        if self.format != "parquet" and source.is_blank():
            return iter(())
        return iter_rows(source, self.format)


@dataclass(frozen=True, slots=True)
class _Located(Source):
    location: str

    def _file(self) -> IO[bytes]:
        return open_file(self.location)

    def is_blank(self) -> bool:
        """Whether it holds nothing but white space, which readers of a corpus refuse."""
        with self._opened() as file:
            return not any(block.strip(_BLANK) for block in iter(partial(file.read, _BLOCK), b""))


class Output(Protocol):
    """Where a batch goes, as far as inputs are concerned."""

    @property
    def name(self) -> str:
        """What the command calls it."""
        ...

    @property
    def places(self) -> tuple[str, ...]:
        """Paths or addresses of all files and folders that the batch writes."""
        ...

    def wrote(self, location: str) -> bool:
        """Whether a file is, unchanged, what a run of the batch has written there."""
        ...


def find_inputs(locations: Sequence[str], format: str, output: Output) -> list[Input]:
    """The files that the locations stand for, in order.

    Parameters
    ----------
    locations
        Files; folders, of which files of known endings are taken; globs; addresses of files and
        folders, with ``*`` in the last part alone.
    format
        How all are read; ``auto`` goes by the ending of each.
    output
        Where the batch goes: inputs must lie elsewhere. Of a glob's files, those are left out
        that an earlier run of the batch has written.

    Raises
    ------
    CorpusError
        If there is nothing where a location points, or a file stands twice, by whatever names.
    BatchError
        If an input is the output, or lies in it, or the output lies in an input folder.
    InputError
        If the format is none that is read row by row.
    """
    if format not in FORMATS:
        raise InputError(
            f"the format {format!r} is not read row by row; expected {', '.join(FORMATS)}"
        )
    if not locations or "-" in locations:
        raise InputError("standard input cannot be read again; expected files to tag into files")
    found = [
        _with_format(one, format)
        for location in locations
        for one in _apart(location, _found(location), output)
    ]
    if not found:
        raise CorpusError(f"{output.name} is all that there is to read, and is the output")
    first: dict[Hashable, Input] = {}
    for one in found:
        if (same := first.setdefault(lineage(one.location)[0], one)) is not one:
            also = "" if same.name == one.name else f", also as {one.name}"
            raise CorpusError(f"{same.name} stands twice among the inputs{also}; expected it once")
    named = Counter(one.name for one in found)
    return [replace(one, name=one.location) if named[one.name] > 1 else one for one in found]


def _found(location: str) -> list[Input]:
    return _at_address(location) if is_address(location) else _at_path(location)


def _apart(location: str, found: list[Input], output: Output) -> Iterator[Input]:
    """The files of a location; raises BatchError where output and inputs are in each other."""
    places = [lineage(place) for place in output.places]
    globbed = _is_glob(location)
    if not globbed and any(lineage(location)[0] in place for place in places):
        raise BatchError(
            f"the output {output.name} is the input {location} or lies in it; expected it elsewhere"
        )
    for one in found:
        around = lineage(one.location)
        if not any(place[0] in around for place in places):
            yield one
        # A glob finds what an earlier run of the batch has written: that is no input.
        elif not (globbed and output.wrote(one.location)):
            raise BatchError(
                f"the input {one.location} is the output {output.name} or lies where it is "
                "written; expected the output elsewhere"
            )


def _is_glob(location: str) -> bool:
    if is_address(location):
        return has_magic(location.partition("?")[0].rpartition("/")[2])
    return has_magic(location) and not Path(location).expanduser().exists()


def _with_format(one: Input, format: str) -> Input:
    chosen: Any = format if format != "auto" else format_by_ending(one.name)
    if chosen is not None:
        return replace(one, format=chosen)
    return replace(
        one,
        error=f"the ending of {one.name} says nothing of its format; expected .csv, .tsv, .jsonl "
        "or .parquet, or the format by name",
    )


def _at_path(location: str) -> list[Input]:
    path = Path(location).expanduser()
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if _is_table(file.name)]
    elif path.exists():
        files = [path]
    elif has_magic(location):
        files = [Path(file) for file in sorted(glob(str(path), recursive=True))]  # noqa: PTH207
    else:
        raise CorpusError(f"there is no file or folder {location}")
    inputs = [_local(file) for file in files if file.is_file()]
    if not inputs:
        raise CorpusError(f"no table in {location}; expected csv, tsv, jsonl or parquet files")
    return inputs


def _local(file: Path) -> Input:
    facts = file.stat()
    return Input(str(local_path(str(file))), file.name, facts.st_size, facts.st_mtime_ns)


def _at_address(location: str) -> list[Input]:
    place, mark, options = location.partition("?")
    parent, _, last = place.rstrip("/").rpartition("/")
    folder = f"{parent}{mark}{options}"
    if has_magic(last):
        found = [info for info in listed(folder) if fnmatch(info.base_name, last)]
    else:
        filesystem, path = opened(location)
        found = [info for info in [filesystem.get_file_info(path)] if info.is_file]
        if not found:
            folder = location
            found = [info for info in listed(folder) if _is_table(info.base_name)]
    if not found:
        raise CorpusError(f"no table at {location}; expected csv, tsv, jsonl or parquet files")
    return [
        Input(below(folder, info.base_name), info.base_name, info.size, info.mtime_ns or 0)
        for info in sorted(found, key=lambda info: str(info.base_name))
    ]


def _is_table(name: str) -> bool:
    ending = Path(name.lower().removesuffix(".gz")).suffix
    return not name.startswith(".") and ending not in _NOTES and format_by_ending(name) is not None
