"""Where plotgenre keeps for a user what it could make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Plotgenre's part of the user's cache folder.

    Raises
    ------
    RuntimeError
        If the user has no home folder, and no cache folder is named.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plotgenre"
