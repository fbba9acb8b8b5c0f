"""How much disk a library takes with everything that it pulls in."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def installed_mb(requirements: Iterable[str]) -> float:
    """Megabytes of the installed files of the requirements and of all that these require."""
    waiting = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    sizes: dict[str, int] = {}
    while waiting:
        wanted = waiting.pop()
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) not in seen:
                seen.add((wanted.name, extra))
                waiting += _requires(found, extra)
        sizes[found.name] = _bytes(found)
    return sum(sizes.values()) / 1e6


def _requires(found: Distribution, extra: str) -> list[Requirement]:
    parsed = [Requirement(text) for text in found.requires or ()]
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": extra})]


def _bytes(found: Distribution) -> int:
    files = [Path(str(file.locate())) for file in found.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file())
