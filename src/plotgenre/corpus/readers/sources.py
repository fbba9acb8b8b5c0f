"""What a path stands for: files, folders, globs or standard input, and the format of each."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from glob import glob, has_magic
from io import BufferedReader
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal, cast, get_args

from plotgenre.corpus.readers.delimited import looks_onehot
from plotgenre.corpus.readers.tables import TooLongLine
from plotgenre.errors import CorpusError, InputError
from plotgenre.texts import LONGEST_ROW

FileFormat = Literal["onehot", "cmu", "csv", "tsv", "jsonl", "parquet"]
Format = Literal["auto", "onehot", "cmu", "csv", "tsv", "jsonl", "parquet"]
Location = str | Path

_BLOCK = 1 << 20
# Of a file that must be unpacked onto the disk to be read.
_LARGEST_COPY = 1 << 32
CMU_PLOTS, CMU_METADATA = "plot_summaries.txt", "movie.metadata.tsv"
_FORMAT_OF_SUFFIX: dict[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One file (or CMU folder, or standard input) and the name that error messages call it by."""

    path: Path | None
    name: str

    def lines(self) -> Generator[str]:
        r"""The lines of a text file, UTF-8 without its mark, each with its end, which is ``\n``.

        A line of more than `LONGEST_ROW` bytes is read over, and a `TooLongLine` stands for it.

        Raises
        ------
        CorpusError
            If it cannot be read, holds nothing, or is not UTF-8; says the line and the offset of
            the first wrong byte.
        """
        offset, filled = 0, False
        with self._opened() as file:
            for number, line in enumerate(_lines(file), start=1):
                if isinstance(line, int):
                    offset, filled = offset + line, True
                    yield TooLongLine("…")
                    continue
                if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise CorpusError(
                        f"{self.name} is UTF-16 text; expected UTF-8, so save it as that"
                    )
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise CorpusError(
                        f"{self.name}, line {number}: byte 0x{line[error.start]:02x} at offset "
                        f"{offset + error.start} is not UTF-8; expected UTF-8 text (is it "
                        "ISO-8859-1 or Windows-1252?)"
                    ) from error
                offset += len(line)
                filled = filled or not text.isspace()
                yield text.removeprefix("\ufeff") if number == 1 else text
        if not filled:
            raise CorpusError(f"{self.name} is empty; expected at least one film")

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The file for libraries that read it from anywhere, gunzipped.

        Raises
        ------
        CorpusError
            If it cannot be read, or unpacks to more than 4 GiB.
        """
        with self._opened() as file:
            if not isinstance(file, gzip.GzipFile) and file.seekable():
                yield file
                return
            with TemporaryFile() as copy:
                for block in iter(partial(file.read, _BLOCK), b""):
                    copy.write(block)
                    if copy.tell() > _LARGEST_COPY:
                        raise CorpusError(
                            f"{self.name} unpacks to more than {_LARGEST_COPY:,} bytes; expected "
                            "it without gzip"
                        )
                copy.seek(0)
                yield copy

    def _file(self) -> IO[bytes]:
        """The bytes as they stand; a source of files elsewhere opens them in its own way."""
        assert self.path is not None
        return self.path.open("rb")

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The bytes, gunzipped where the file is gzip, which its first two bytes say."""
        try:
            with ExitStack() as stack:
                # Standard input is not ours to close, and part of it may wait in its buffer.
                file = stack.enter_context(self._file()) if self.path else sys.stdin.buffer
                if not isinstance(file, BufferedReader):
                    file = BufferedReader(file)
                    stack.callback(file.detach)
                if file.peek(2)[:2] == b"\x1f\x8b":
                    yield cast("IO[bytes]", gzip.GzipFile(fileobj=file))
                else:
                    yield file
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise CorpusError(f"{self.name} cannot be read: {reason}") from error


def _lines(file: IO[bytes]) -> Iterator[bytes | int]:
    """Each line with its end; of one that is too long the number of its bytes."""
    first = file.readline(_BLOCK)
    if b"\r" not in first or first.endswith(b"\n"):
        whole_line = first if first.endswith(b"\n") else first + file.readline(LONGEST_ROW)
        lines = iter(partial(file.readline, LONGEST_ROW + 1), b"")
        for line in chain([whole_line] if whole_line else [], lines):
            yield line if len(line) <= LONGEST_ROW else _read_over(file, line)
        return
    # Line ends of the old Macintosh.
    rest = b""
    for block in chain([first], iter(partial(file.read, _BLOCK), b"")):
        *whole, rest = (rest + block).split(b"\r")
        yield from (len(line) if len(line) > LONGEST_ROW else line + b"\n" for line in whole)
        rest = rest[: LONGEST_ROW + 1]
    if rest:
        yield len(rest) if len(rest) > LONGEST_ROW else rest


def _read_over(file: IO[bytes], line: bytes) -> int:
    """How many bytes a line has of which so many are read."""
    size = len(line)
    while line and not line.endswith(b"\n"):
        line = file.readline(_BLOCK)
        size += len(line)
    return size


def find_sources(
    path: Location | Sequence[Location], format: Format
) -> tuple[list[Source], FileFormat]:
    """The files that ``path`` stands for, in order, and the one format that they have.

    Raises
    ------
    CorpusError
        If there is no such file, one stands twice, or the files are of several formats.
    InputError
        If there is no such format.
    """
    if format not in get_args(Format):
        raise InputError(f"unknown format {format!r}; expected {', '.join(get_args(Format))}")
    locations = [path] if isinstance(path, str | Path) else list(path)
    if not locations:
        raise CorpusError("the list of corpus files is empty; expected at least one")
    found = [source for location in locations for source in _expand(location, format)]
    if len(set(found)) < len(found):
        twice = Counter(found).most_common(1)[0][0]
        raise CorpusError(f"{twice.name} stands twice among the corpus files; expected it once")
    times = Counter(source.name for source in found)
    sources = [
        Source(source.path, str(source.path)) if times[source.name] > 1 else source
        for source in found
    ]
    if format != "auto":
        return sources, format
    formats = {source.name: _detect(source) for source in sources}
    if len(set(formats.values())) > 1:
        each = ", ".join(f"{name} is {kind}" for name, kind in list(formats.items())[:4])
        raise CorpusError(f"the files of one corpus must have one format, but {each}")
    return sources, next(iter(formats.values()))


def _expand(location: Location, format: Format) -> list[Source]:
    if location == "-":
        if format not in ("auto", "jsonl"):
            raise CorpusError(f"standard input is read as jsonl, not as {format}")
        return [Source(None, "standard input")]
    path = Path(location).expanduser()
    if path.is_dir():
        return _in_folder(path, format)
    if path.exists():
        return [Source(path, path.name)]
    if has_magic(str(path)):
        matches = sorted(Path(match) for match in glob(str(path), recursive=True))  # noqa: PTH207
        if files := [Source(match, match.name) for match in matches if match.is_file()]:
            return files
        raise CorpusError(f"no file matches {path}")
    raise CorpusError(f"there is no file or folder {path}")


def _in_folder(folder: Path, format: Format) -> list[Source]:
    if format == "cmu" or (format == "auto" and (folder / CMU_PLOTS).exists()):
        return [Source(folder, folder.name)]
    files = sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and not file.name.startswith(".") and _fits(file, format)
    )
    if not files:
        wanted = "csv, tsv, jsonl or parquet" if format == "auto" else format
        raise CorpusError(
            f"the folder {folder} holds neither {CMU_PLOTS} (the CMU layout) nor {wanted} files"
        )
    return [Source(file, file.name) for file in files]


def _fits(file: Path, format: Format) -> bool:
    kind = format_by_ending(file.name)
    # In a folder these are rather notes, lists of genres or settings than films.
    if kind is None or file.suffix.lower() in (".txt", ".json"):
        return False
    return format == "auto" or kind == ("csv" if format == "onehot" else format)


def format_by_ending(name: str) -> FileFormat | None:
    """The format that a file's name tells, gzipped or not; None where it tells none."""
    return _FORMAT_OF_SUFFIX.get(Path(name.lower().removesuffix(".gz")).suffix)


def _detect(source: Source) -> FileFormat:
    if source.path is None:
        return "jsonl"
    if source.path.is_dir():
        return "cmu"
    kind = format_by_ending(source.path.name)
    if kind is None:
        raise CorpusError(
            f"{source.name}: its ending says nothing of its format; "
            "expected .csv, .tsv, .jsonl or .parquet, or the format by name"
        )
    if kind != "csv":
        return kind
    with closing(source.lines()) as lines:
        return "onehot" if looks_onehot(lines) else "csv"
