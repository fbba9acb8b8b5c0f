"""What service.py found, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS, NAIVE, KILLED = "plotgenre serve", "one request, one encode", "kill -9 of one of two"
_HEAD = (
    "service, load", "answered a second", "refused", "failed", "p50 ms", "p95 ms", "p99 ms",
    "wrong answers",
)  # fmt: skip


def render(figures: Mapping[str, Any]) -> str:
    """A sentence on what was run, a row for each load, and what a kill and an overload did."""
    lines = [
        f"{figures['plots']} plots of {figures['characters a plot']:,} characters on average, "
        f"model `{figures['model']}`, {_settings(figures)}on {figures['machine']['cores']} cores "
        f"({figures['machine']['processor']}), clients on the same cores. In-process batches: "
        f"{figures['in-process plots per second']:.1f} plots a second; at saturation the service "
        f"reads {figures[OURS]['share of in-process']:.0%} of their text a second, and "
        f"{figures[OURS]['share of what the client left']:.0%} of it in the processor's time that "
        "the client left.",
        "",
        _row(_HEAD),
        _row(["---"] * len(_HEAD)),
    ]
    for name in (OURS, NAIVE):
        lines += [
            _row([f"{name}, {load}", *_cells(found)])
            for load, found in figures[name].items()
            if isinstance(found, Mapping)
        ]
    killed = figures[KILLED]
    lines += [
        _row([f"{KILLED}, {when}", *_cells(killed[when])]) for when in ("meanwhile", "afterwards")
    ]
    overload = figures[OURS]["300 %"]
    memory = overload["memory MB"]
    lines += [
        "",
        f"Over {overload['seconds'] / 60:.0f} minutes of overload the service's memory peaked at "
        f"{memory['first third']:,.0f} MB in the first third and at {memory['last third']:,.0f} MB "
        f"in the last. After a kill a new process had begun within "
        f"{killed['seconds to a new process']:.1f} s.",
    ]
    return "\n".join(lines) + "\n"


def _settings(figures: Mapping[str, Any]) -> str:
    settings = figures["settings"]
    return f"`{' '.join(settings)}`, " if settings else ""


def _cells(load: Mapping[str, Any]) -> list[str]:
    answers = load["answers"]
    failed = sum(count for status, count in answers.items() if status not in ("200", "429"))
    times = (load[f"p{percent} ms"] for percent in (50, 95, 99))
    return [
        f"{load['accepted per second']:.1f}",
        f"{answers.get('429', 0):,}",
        f"{failed:,}",
        *("–" if one is None else f"{one:,.0f}" for one in times),
        f"{load['wrong']:,}",
    ]


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
