"""Files and folders that appear whole or not at all, whatever ends the process that writes them.

What is unfinished lies in a folder beside its place, ``.NAME.unfinished``, which its writer locks.
The next writer of that place removes what a killed one has left there.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UNFINISHED = ".unfinished"
# What is kept of a name, so that ours is not too long where theirs is not.
_LONGEST = 40
# From linux/fcntl.h and linux/fs.h.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, sync it, then rename it; an older one stays until then.

    What is no regular file, such as a pipe or ``/dev/stdout``, is written to where it is.

    Raises
    ------
    OSError
        If the place cannot be written to.
    """
    if _is_stream(path):
        with path.open("ab") as stream:
            stream.write(data)
        return
    with whole_file(path) as unfinished:
        unfinished.write_bytes(data)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, which takes its place at the end of the block unless that raises.

    Folders above it are made, a link is followed, and an older file's permissions stay. What else
    is put beside the yielded path is removed.

    Raises
    ------
    OSError
        If the place cannot be written to.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with _room(path) as room:
        new = room / "new"
        yield new
        if path.exists():
            new.chmod(stat.S_IMODE(path.stat().st_mode))
        _sync(new)
        new.replace(path)
        _sync(path.parent)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Where to make a folder, which takes its place at the end of the block unless that raises.

    On Linux it is exchanged for an older one at once. Elsewhere the older one is renamed first,
    and `put_back` undoes that should the process end before the new one is there. Folders above
    it are made and a link is followed. What else is put beside the yielded path is removed.

    Raises
    ------
    OSError
        If the place cannot be written to.
    """
    folder = Path(os.path.realpath(folder))
    put_back(folder)
    older = _older(folder)
    shutil.rmtree(older, ignore_errors=True)
    with _room(folder) as room:
        new = room / "new"
        yield new
        for place in (*new.rglob("*"), new):
            _sync(place)
        if not folder.exists():
            new.rename(folder)
        elif not _exchange(new, folder):
            folder.rename(older)
            try:
                new.rename(folder)
            finally:
                put_back(folder)
        _sync(folder.parent)
        shutil.rmtree(older, ignore_errors=True)


def put_back(folder: Path) -> None:
    """Give a folder its place again if a killed writer renamed it and put no newer one there."""
    folder = Path(os.path.realpath(folder))
    with suppress(OSError):
        if not folder.exists():
            _older(folder).rename(folder)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left in a folder; what living ones write there stays."""
    for room in folder.glob(f".*{_UNFINISHED}"):
        _remove(room)


@contextmanager
def _room(place: Path) -> Iterator[Path]:
    """A new folder beside the place, removed at the end."""
    place.parent.mkdir(parents=True, exist_ok=True)
    name = f".{place.name[:_LONGEST]}"
    room, lock = place.with_name(name + _UNFINISHED), None
    _remove(room)
    try:
        room.mkdir(mode=0o700)
        lock = _lock(room)
    except OSError:
        # Another process writes the same place, or nothing can be locked here.
        room = Path(tempfile.mkdtemp(_UNFINISHED, f"{name}.", place.parent))
        with suppress(OSError):
            lock = _lock(room)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove(room: Path) -> None:
    with suppress(OSError):
        lock = _lock(room)
        shutil.rmtree(room, ignore_errors=True)
        os.close(lock)


def _lock(room: Path) -> int:
    """Lock a folder of this user for as long as what is returned is open."""
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "folders cannot be locked here")
    import fcntl

    place = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(place)
        # It may have been removed, and made again, before the lock was there.
        if found.st_uid != os.geteuid() or not os.path.samestat(found, room.stat()):
            raise BlockingIOError(errno.EAGAIN, "another's", str(room))
    except BaseException:
        os.close(place)
        raise
    return place


def _exchange(new: Path, folder: Path) -> bool:
    """Exchange two folders at once; False where that cannot be done."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    places = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(folder))
    if renameat2(*places, _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(folder))


def _is_stream(path: Path) -> bool:
    with suppress(OSError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return True
        # Standard output that goes to a file, under another name.
        return any(os.path.samestat(found, os.fstat(one)) for one in (1, 2))
    return False


def _older(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.older")


def _sync(place: Path) -> None:
    """Make a file, or the names in a folder, outlast a loss of power."""
    is_folder = place.is_dir()
    if os.name != "posix" and is_folder:
        return
    opened = os.open(place, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(opened)
    except OSError:
        # Not every file system can for a folder.
        if not is_folder:
            raise
    finally:
        os.close(opened)
