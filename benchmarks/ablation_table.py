"""The ablations as a markdown table: the base in full, the others as differences from it."""

from __future__ import annotations

from typing import Any

from pages import with_interval

COLUMNS = {
    "micro-F1": "micro_f1",
    "macro-F1": "macro_f1_supported",
    "macro AP, ≥ 50 films": "ranked_macro_average_precision",
    "top-20 micro-F1": "top20_micro_f1",
    "calibration error": "expected_calibration_error",
}


def render(results: dict[str, Any]) -> str:
    """One row a choice; bold where the interval of all seeds lies on one side of 0."""
    choices = results["choices"]
    shown = {
        name: metric
        for name, metric in COLUMNS.items()
        if any(metric in choice["metrics"] for choice in choices.values())
    }
    rows = [["choice", "seeds", *shown], ["---"] * (2 + len(shown))]
    for name, choice in choices.items():
        base = not choice["settings"]
        cells = choice["metrics"] if base else choice["less_base"]
        told = (cell(cells.get(metric), base=base) for metric in shown.values())
        rows.append([name, str(choice["seeds"]), *told])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def cell(found: dict[str, float | None] | None, *, base: bool) -> str:
    if found is None:
        return ""
    text = with_interval(found, ".4f" if base else "+.4f", " to ")
    low, high = found["low"], found["high"]
    clear = low is not None and high is not None and (low > 0 or high < 0)
    return f"**{text}**" if clear and not base else text
