"""Files and folders by path or by address: this machine's own, and others' through pyarrow."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from shutil import rmtree
from typing import Any, BinaryIO, Protocol

from plotgenre.errors import InputError, MissingExtraError
from plotgenre.whole_files import write_whole

# Where an object appears when all of it has arrived, and moving one would copy it.
_WHOLE_PUTS = ("s3", "gcs", "abfs")


def is_address(location: str) -> bool:
    """Whether it is an address such as ``s3://bucket/films?region=eu-west-1`` and no path."""
    return "://" in location


def below(address: str, name: str) -> str:
    """The address of a file in a folder; options that follow a ``?`` stay behind it."""
    folder, mark, options = address.partition("?")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"


class Folder(Protocol):
    """A flat folder of files that appear whole or not at all; names with a dot are hidden."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def names(self) -> set[str]:
        """Names of its files; none where there is no such folder."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file to read; the caller closes it.

        Raises
        ------
        OSError
            If it is not there or cannot be read.
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

    def names(self) -> set[str]:  # noqa: D102
        if not self.path.is_dir():
            return set()
        return {file.name for file in self.path.iterdir() if not file.name.startswith(".")}

    def open(self, name: str) -> BinaryIO:  # noqa: D102
        return (self.path / name).open("rb")

    def write(self, name: str, data: bytes) -> None:  # noqa: D102
        write_whole(self.path / name, data)

    def remove(self, name: str) -> None:  # noqa: D102
        (self.path / name).unlink(missing_ok=True)

    def tidy(self) -> None:  # noqa: D102
        for room in self.path.glob(".*"):
            if room.is_dir():
                rmtree(room, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A `Folder` of any filesystem that pyarrow opens by an address."""

    address: str

    @property
    def name(self) -> str:  # noqa: D102
        return self.address

    def names(self) -> set[str]:  # noqa: D102
        return {Path(info.path).name for info in listed(self.address)}

    def open(self, name: str) -> BinaryIO:  # noqa: D102
        filesystem, base = opened(self.address)
        file: BinaryIO = filesystem.open_input_file(f"{base}/{name}")
        return file

    def write(self, name: str, data: bytes) -> None:  # noqa: D102
        filesystem, base = opened(self.address)
        whole = filesystem.type_name in _WHOLE_PUTS
        if not whole:
            filesystem.create_dir(base, recursive=True)
        unfinished = f"{base}/{name}" if whole else f"{base}/.{name}-{uuid.uuid4().hex}"
        with filesystem.open_output_stream(unfinished) as file:
            file.write(data)
        if not whole:
            filesystem.move(unfinished, f"{base}/{name}")

    def remove(self, name: str) -> None:  # noqa: D102
        if name in self.names():
            filesystem, base = opened(self.address)
            filesystem.delete_file(f"{base}/{name}")

    def tidy(self) -> None:  # noqa: D102
        filesystem, _ = opened(self.address)
        for info in listed(self.address, hidden=True):
            filesystem.delete_file(info.path)


def folder_at(location: str) -> Folder:
    """The folder of a path or an address, which need not exist yet."""
    if is_address(location):
        return RemoteFolder(location)
    return LocalFolder(Path(location).expanduser().absolute())


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
