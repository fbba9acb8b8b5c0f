"""JSON files that hold a digest of their own content, so that no change of them goes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plotgenre.whole_files import write_whole

DIGEST = "content_sha256"
"""The field of the digest: SHA-256 of everything else in the file, as compact JSON."""

# A folder from a stranger may hold anything; ours come nowhere near.
_MOST_BYTES = 256 * 2**20
_MOST_LEVELS = 100


def json_bytes(value: object, indent: int = 2) -> bytes:
    """A value as a JSON file has it; NaN, which JSON lacks, is a ``ValueError``."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def write_digested(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all, with the digest of its content in it."""
    write_whole(path, json_bytes({**content, DIGEST: _digest(content)}))


def read_json(path: Path) -> Any:
    """The value in a JSON file; files without a digest are those of earlier versions.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not JSON, too large or nested too deep, or not what its digest says.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    if (size := path.stat().st_size) > _MOST_BYTES:
        raise ValueError(f"it has {size} bytes; expected at most {_MOST_BYTES}")
    too_deep = ValueError(f"it is nested too deep; expected at most {_MOST_LEVELS} levels")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise too_deep from None
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [part for one in level for part in _parts(one)]
    if level:
        raise too_deep
    if isinstance(value, dict) and DIGEST in value and value[DIGEST] != _digest(value):
        raise ValueError(
            f"it was changed since it was written; expected it unchanged, or without {DIGEST!r}"
        )
    return value


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _digest(content: Mapping[str, Any]) -> str:
    told = {key: value for key, value in content.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()
