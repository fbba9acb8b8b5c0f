"""What speed.py found, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def tables(results: Mapping[str, Any]) -> str:
    """The contenders, the roofline, and how cost grows, as Markdown."""
    parts = [contenders(results), _roofline(results)]
    for kind, title in (("length", "tokens of a plot"), ("films", "films at once")):
        parts.append(_scaling(title, results["scaling"][kind], "ms a film, all of it"))
    heads = {
        f"{name}, {branch}": found
        for name, branches in results["scaling"]["genres"].items()
        for branch, found in branches.items()
    }
    parts.append(_scaling("genres", heads, "ms a film, its head alone"))
    return "\n\n".join(parts)


def plots_per_second(result: Mapping[str, Any]) -> float:
    return float(result["plots"] / result["seconds"])


def contenders(results: Mapping[str, Any]) -> str:
    """The contenders alone, each beside the yardsticks among them."""
    found = results["contenders"]
    yardsticks = {
        title: plots_per_second(found[name]) for title, name in results["yardsticks"].items()
    }
    rows = []
    for name, result in found.items():
        speed = plots_per_second(result)
        rows.append(
            [
                name,
                result["precision"],
                f"{speed:,.1f}",
                f"{result['tokens'] / result['seconds']:,.0f}",
                f"{result['tokens'] / result['plots']:,.0f}",
                *(f"{speed / theirs:,.1f}x" for theirs in yardsticks.values()),
                f"{result['cold_seconds']:.2f}",
                f"{result['peak_mb']:,.0f}",
            ]
        )
    head = ["contender", "in", "plots/s", "tokens/s", "tokens a plot"]
    return _table([*head, *yardsticks, "first answer s", "peak MB"], rows)


def _roofline(results: Mapping[str, Any]) -> str:
    rows = []
    for name, result in results["contenders"].items():
        if "operations" not in result:
            continue
        reached = result["operations"] / result["seconds"]
        peak = results["peak"].get(result["precision"])
        rows.append(
            [
                name,
                f"{result['operations'] / result['plots'] / 1e9:,.2f}",
                f"{reached / 1e9:,.0f}",
                "–" if peak is None else f"{peak / 1e9:,.0f}",
                "–" if peak is None else f"{reached / peak:.0%}",
            ]
        )
    head = ["contender", "GFLOP a plot", "GFLOP/s", "peak of its precision", "share"]
    return _table(head, rows)


def _scaling(title: str, found: Mapping[str, Mapping[str, float]], unit: str) -> str:
    groups = list(dict.fromkeys(group for one in found.values() for group in one))
    rows = [
        [f"{name}, {unit}", *(f"{one[g] * 1e3:,.3g}" if g in one else "" for g in groups)]
        for name, one in found.items()
    ]
    return _table([title, *groups], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
