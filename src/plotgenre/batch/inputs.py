"""What a batch reads: the files of paths, folders, globs and addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path
from typing import IO, Any

from plotgenre.batch.storage import below, is_address, listed, open_file, opened
from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import FileFormat, Source, format_by_ending
from plotgenre.errors import CorpusError, InputError

FORMATS = ("auto", "csv", "tsv", "jsonl", "parquet")

# In a folder these are rather notes or settings than films.
_NOTES = (".txt", ".json")


@dataclass(frozen=True, slots=True)
class Input:
    """One file, as a batch knows it.

    Parameters
    ----------
    location
        Its whole path or its address.
    name
        What messages and ids call it.
    bytes, modified
        Its size, and when it was last written, in nanoseconds: another file has others.
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
        return iter_rows(_Located(Path(self.location), self.name, self.location), self.format)


@dataclass(frozen=True, slots=True)
class _Located(Source):
    location: str

    def _file(self) -> IO[bytes]:
        return open_file(self.location)


def find_inputs(locations: Sequence[str], format: str, output: str) -> list[Input]:
    """The files that the locations stand for, in order.

    Parameters
    ----------
    locations
        Files; folders, of which files of known endings are taken; globs; addresses of files and
        folders, with ``*`` in the last part alone.
    format
        How all are read; ``auto`` goes by the ending of each.
    output
        Where the batch goes: a file that it must not read.

    Raises
    ------
    CorpusError
        If there is nothing where a location points, or a file stands twice.
    InputError
        If the format is none that is read row by row.
    """
    if format not in FORMATS:
        raise InputError(
            f"the format {format!r} is not read row by row; expected {', '.join(FORMATS)}"
        )
    if not locations or "-" in locations:
        raise InputError("standard input cannot be read again; expected files to tag into files")
    own = str(Path(output).expanduser().absolute())
    found = [
        _with_format(one, format)
        for location in locations
        for one in (_at_address(location) if is_address(location) else _at_path(location))
        if one.location != own
    ]
    if not found:
        raise CorpusError(f"{output} is all that there is to read, and is the output")
    (first, times), *_ = Counter(one.location for one in found).most_common(1)
    if times > 1:
        raise CorpusError(f"{first} stands twice among the inputs; expected it once")
    named = Counter(one.name for one in found)
    return [replace(one, name=one.location) if named[one.name] > 1 else one for one in found]


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
    return Input(str(file.absolute()), file.name, facts.st_size, facts.st_mtime_ns)


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
