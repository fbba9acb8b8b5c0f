"""Files and folders by path or by address: this machine's own, and others' through pyarrow."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from urllib.request import url2pathname

from plotgenre.errors import InputError, MissingExtraError

# Where an object appears when all of it has arrived, and moving one would copy it.
_WHOLE_PUTS = ("s3", "gcs", "abfs")
# Nobody else's file has such a name, so that what killed writers left can be told and removed.
_UNFINISHED = re.compile(r"\.plotgenre-[0-9a-f]{32}\.tmp")


def is_address(location: str) -> bool:
    """Whether it is an address such as ``s3://bucket/films?region=eu-west-1`` and no path."""
    return "://" in location


def below(address: str, name: str) -> str:
    """The address of a file in a folder; options that follow a ``?`` stay behind it."""
    folder, mark, options = address.partition("?")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


def local_path(location: str) -> Path | None:
    """The path of a place on this machine, links and ``..`` resolved; None if it is elsewhere.

    The place need not exist. An address such as ``file:///films`` is a path too.
    """
    if not is_address(location):
        # Unlike Path.resolve, this leaves circles of links to whoever opens the path.
        return Path(os.path.realpath(Path(location).expanduser()))
    parts = urlsplit(location)
    return Path(os.path.realpath(url2pathname(parts.path))) if parts.scheme == "file" else None


def lineage(location: str) -> list[Hashable]:
    """What identifies a place and each folder around it, however they are spelled.

    On this machine that is what the filesystem says, so links, hard links and, where capitals do
    not matter, other capitals lead to the same identities.
    """
    if (path := local_path(location)) is not None:
        return [_identity(one) for one in (path, *path.parents)]
    parts = urlsplit(location)
    place = PurePosixPath(f"/{parts.netloc}{parts.path}")
    host = parse_qs(parts.query).get("endpoint_override", [""])[0]
    return [(parts.scheme, host, str(one)) for one in (place, *place.parents)]


def unfinished_name() -> str:
    """The name of a file that is being written; `Folder.tidy` removes it after a kill."""
    return f".plotgenre-{uuid.uuid4().hex}.tmp"


def write_file(path: Path, data: bytes) -> None:
    """Put a file in its place at once, in the place of an older one; makes the folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(unfinished_name())
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class Folder(Protocol):
    """A flat folder of files that appear whole or not at all; names with a dot are hidden."""

    @property
    def name(self) -> str:
        """What messages call it; its path or address."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of its files by name; empty where there is no such folder."""
        ...

    def read(self, name: str) -> bytes | None:
        """All of a file; None where there is none.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        ...

    def write(self, name: str, data: bytes) -> None:
        """Put a file there at once, in the place of an older one; makes the folder.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def tidy(self) -> None:
        """Remove what processes that were killed while they wrote have left."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A `Folder` of this machine, or of a disk that several machines share."""

    path: Path

    @property
    def name(self) -> str:  # noqa: D102
        return str(self.path)

    def sizes(self) -> dict[str, int]:  # noqa: D102
        try:
            files = [*self.path.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {file.name: _size(file) for file in files if not file.name.startswith(".")}

    def read(self, name: str) -> bytes | None:  # noqa: D102
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:  # noqa: D102
        write_file(self.path / name, data)

    def remove(self, name: str) -> None:  # noqa: D102
        (self.path / name).unlink(missing_ok=True)

    def tidy(self) -> None:  # noqa: D102
        for file in self.path.glob(".plotgenre-*"):
            if _UNFINISHED.fullmatch(file.name) and file.is_file():
                file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A `Folder` of any filesystem that pyarrow opens by an address."""

    address: str

    @property
    def name(self) -> str:  # noqa: D102
        return self.address

    def sizes(self) -> dict[str, int]:  # noqa: D102
        return {Path(info.path).name: info.size for info in listed(self.address)}

    def read(self, name: str) -> bytes | None:  # noqa: D102
        filesystem, base = opened(self.address)
        try:
            with filesystem.open_input_file(f"{base}/{name}") as file:
                data: bytes = file.read()
        except FileNotFoundError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:  # noqa: D102
        filesystem, base = opened(self.address)
        whole = filesystem.type_name in _WHOLE_PUTS
        if not whole:
            filesystem.create_dir(base, recursive=True)
        unfinished = f"{base}/{name}" if whole else f"{base}/{unfinished_name()}"
        with filesystem.open_output_stream(unfinished) as file:
            file.write(data)
        if not whole:
            filesystem.move(unfinished, f"{base}/{name}")

    def remove(self, name: str) -> None:  # noqa: D102
        if name in self.sizes():
            filesystem, base = opened(self.address)
            filesystem.delete_file(f"{base}/{name}")

    def tidy(self) -> None:  # noqa: D102
        filesystem, _ = opened(self.address)
        for info in listed(self.address, hidden=True):
            if _UNFINISHED.fullmatch(info.base_name):
                filesystem.delete_file(info.path)


def folder_at(location: str) -> Folder:
    """The folder of a path or an address, which need not exist yet."""
    path = None if is_address(location) else local_path(location)
    return RemoteFolder(location) if path is None else LocalFolder(path)


def open_file(location: str) -> BufferedReader:
    """A file to read, by path or address; the caller closes it.

    Raises
    ------
    OSError
        If it is not there or cannot be read.
    """
    if not is_address(location):
        return Path(location).open("rb")
    filesystem, path = opened(location)
    return BufferedReader(filesystem.open_input_file(path))


def listed(address: str, *, hidden: bool = False) -> list[Any]:
    """What pyarrow says of the files of a remote folder, or of its hidden ones."""
    filesystem, base = opened(address)
    from pyarrow import fs

    selector = fs.FileSelector(base, allow_not_found=True)
    return [
        info
        for info in filesystem.get_file_info(selector)
        if info.type == fs.FileType.File and Path(info.path).name.startswith(".") == hidden
    ]


@lru_cache(maxsize=64)
def opened(address: str) -> tuple[Any, str]:
    """Pyarrow's filesystem and the path in it.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    InputError
        If it knows no such address.
    """
    try:
        from pyarrow import fs
    except ImportError:
        raise MissingExtraError(f"The address {address}", "parquet") from None
    try:
        filesystem, path = fs.FileSystem.from_uri(address)
    # Its errors of addresses are ArrowInvalid, which is a ValueError, and of networks OSError.
    except (ValueError, OSError) as refused:
        raise InputError(f"the address {address} cannot be opened: {refused}") from refused
    return filesystem, path.rstrip("/")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        # A link to nowhere is there too.
        return -1


def _identity(path: Path) -> Hashable:
    try:
        facts = path.stat()
    except OSError:
        return str(path)
    return facts.st_dev, facts.st_ino
