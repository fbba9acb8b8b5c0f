"""One run at a time for an output: a file lock that ends with its process, and whose it is."""

from __future__ import annotations

import errno
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plotgenre.batch.storage import write_file
from plotgenre.errors import BatchError, PlotgenreWarning

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK = ".plotgenre.lock"
# Beside the lock, since Windows lets nobody else read a locked file.
_OWNER = ".plotgenre.owner.json"
_ATTEMPTS = 100


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs; makes it, and removes it in the end if it is empty then.

    The operating system gives the lock up when its process ends, however it ends, so that a stale
    one is taken over. A folder that was there before, and empty, stays if the run fails.

    Raises
    ------
    BatchError
        If another run holds it; says which process, on which machine, and since when.
    OSError
        If the folder cannot be made or locked.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    stays = False
    # Another run may be removing it.
    with suppress(FileNotFoundError, NotADirectoryError):
        stays = not any(folder.iterdir())
    lock = None
    try:
        lock = _acquired(folder)
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        }
        write_file(folder / _OWNER, json.dumps(owner).encode())
        yield
        # After a run that came to its end nobody misses it.
        stays = False
    finally:
        if lock is not None:
            (folder / _OWNER).unlink(missing_ok=True)
            # While it is still held, so that nobody holds a file that is no longer there. Windows
            # does not allow that, and removes it itself.
            with suppress(OSError):
                (folder / _LOCK).unlink()
            lock.release()
        # A folder that holds something stays.
        with suppress(OSError):
            for one in made or ([] if stays else [folder]):
                one.rmdir()


def _acquired(folder: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            raise BatchError(
                f"another run writes to {folder}{_owner(folder)}; expected it to end first, or "
                "another name for the output"
            ) from None
        except (FileNotFoundError, FileExistsError):
            # A run that has just ended may have removed the folder in between.
            if attempt == _ATTEMPTS:
                raise
            continue
        except OSError as refused:
            if refused.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
            warnings.warn(
                f"{folder} is on a disk without file locks, so no other run may write there",
                PlotgenreWarning,
                stacklevel=2,
            )
        break
    return lock


def _owner(folder: Path) -> str:
    try:
        told = json.loads((folder / _OWNER).read_bytes())
        return f" (process {told['pid']} on {told['host']}, since {told['since']})"
    except (OSError, ValueError, TypeError, KeyError):
        # It has the lock, and is about to say who it is.
        return ""
