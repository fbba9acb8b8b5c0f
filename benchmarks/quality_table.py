"""The quality file as markdown."""

from __future__ import annotations

from typing import Any, TypeAlias

from pages import with_interval
from plotgenre.evaluation.evaluation import LOWER_IS_BETTER
from scoring import METRICS

Ends: TypeAlias = dict[str, float | None]

HEADINGS = {
    "micro_f1": "micro-F1",
    "samples_f1": "samples-F1",
    "macro_f1_supported": "macro-F1",
    "macro_average_precision_50": "macro AP, ≥ 50 films",
    "micro_average_precision": "micro AP",
    "top20_micro_f1": "top-20 micro-F1",
    "top20_macro_f1": "top-20 macro-F1",
    "second_cataloguer_micro_f1": "second cataloguer",
    "expected_calibration_error": "calibration error",
}
SHORT = (
    "micro_f1",
    "macro_average_precision_50",
    "top20_micro_f1",
    "second_cataloguer_micro_f1",
)
# Of our recipes, what a newcomer would take; the others are in the whole table.
FIRST_RECIPES = ("plotgenre best", "plotgenre fused", "plotgenre lexical")
COSTS = {
    "fit_seconds": "fit s",
    "plots_per_second": "plots/s",
    "peak_mb": "peak MB",
    "artefact_mb": "artefact MB",
    "installed_mb": "installed MB",
}


def is_ours(contender: dict[str, Any]) -> bool:
    """Whether it is a recipe of plotgenre."""
    return str(contender["name"]).startswith("plotgenre")


def standing(contenders: list[dict[str, Any]]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Per metric our best and the best peer; no metric where either side is missing."""
    found = {}
    for metric in METRICS:
        sign = -1 if metric in LOWER_IS_BETTER else 1
        scored = [one for one in contenders if metric in one["metrics"]]
        scored.sort(key=lambda one: sign * one["metrics"][metric]["value"], reverse=True)
        ours = [one for one in scored if is_ours(one)]
        peers = [one for one in scored if not is_ours(one)]
        if ours and peers:
            found[metric] = (ours[0], peers[0])
    return found


def render(quality: dict[str, Any]) -> str:
    """Quality, costs, differences, notes and what is unavailable."""
    parts = [
        scores(quality["contenders"]),
        costs(quality["contenders"]),
        second(quality),
        where_we_stand(quality.get("ours_less_best_peer", {}), quality["contenders"]),
        listed(
            "What each contender is",
            [with_machine(c, quality) for c in quality["contenders"]],
            "notes",
        ),
        listed("Unavailable", quality["unavailable"], "reason"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def scores(contenders: list[dict[str, Any]]) -> str:
    rows = [
        [c["name"], *(_interval(c["metrics"].get(metric)) for metric in METRICS)]
        for c in sorted(contenders, key=lambda c: -c["metrics"]["micro_f1"]["value"])
    ]
    return table(["contender", *(HEADINGS[metric] for metric in METRICS)], rows)


def short(quality: dict[str, Any]) -> str:
    """The table for a newcomer: four metrics, and what a plot costs; of ours the three to take."""
    shown = [c for c in quality["contenders"] if not is_ours(c) or c["name"] in FIRST_RECIPES]
    contenders = sorted(shown, key=lambda c: -c["metrics"]["micro_f1"]["value"])
    rows = [
        [
            c["name"],
            *(_interval(c["metrics"].get(metric)) for metric in SHORT),
            _rounded(c.get("plots_per_second")),
            _rounded(c.get("artefact_mb")),
        ]
        for c in contenders
    ]
    header = ["contender", *(HEADINGS[metric] for metric in SHORT), "plots/s", "artefact MB"]
    return "\n\n".join(part for part in (table(header, rows), second(quality)) if part)


def costs(contenders: list[dict[str, Any]]) -> str:
    rows = [
        [c["name"], c["library"], *(_rounded(c.get(key)) for key in COSTS)]
        for c in sorted(contenders, key=lambda c: -c["metrics"]["micro_f1"]["value"])
    ]
    return table(["contender", "library", *COSTS.values()], rows)


def second(quality: dict[str, Any]) -> str:
    """How well the other human catalogue does at the contenders' task."""
    found = quality.get("second_cataloguer")
    if not found:
        return ""
    return (
        f"Second cataloguer: on the {found['films']:,} test films with TMDB genres, TMDB itself "
        f"scores {_interval(found['tmdb_against_freebase_micro_f1'])} against Freebase, in the 19 "
        "genres that both have."
    )


def where_we_stand(found: dict[str, Any], contenders: list[dict[str, Any]]) -> str:
    value = {c["name"]: c["metrics"] for c in contenders}
    rows = []
    for metric, pair in found.items():
        gap = value[pair["ours"]][metric]["value"] - value[pair["peer"]][metric]["value"]
        shown = _signed(pair["difference"]) if pair["difference"] else f"{gap:+.4f} (not paired)"
        word = verdict(metric, gap, pair["difference"])
        rows.append([HEADINGS[metric], pair["ours"], pair["peer"], shown, word])
    rows += cheapest(contenders)
    if not rows:
        return ""
    return table(["column", "our best", "best peer", "ours less peer", "so plotgenre is"], rows)


def verdict(metric: str, gap: float, difference: Ends | None) -> str:
    """Ahead, behind, or level: level where the paired interval holds 0; a dash without one."""
    if not gap:
        return "level"
    if difference:
        low, high = difference["low"], difference["high"]
        if low is None or high is None:
            return "–"
        if low <= 0 <= high:
            return "level"
    return "ahead" if (gap < 0) == (metric in LOWER_IS_BETTER) else "behind"


def cheapest(contenders: list[dict[str, Any]]) -> list[list[str]]:
    """The same of what is spent, against the best peer in micro-F1 and not the idlest one."""
    best = standing(contenders).get("micro_f1")
    if best is None:
        return []
    ours, peer = best
    rows = []
    for key, heading in COSTS.items():
        mine, theirs = ours.get(key), peer.get(key)
        if mine and theirs:
            better = (mine > theirs) == (key == "plots_per_second")
            shown = f"{_rounded(mine)} to {_rounded(theirs)}"
            word = "ahead" if better else "behind"
            rows.append([heading, ours["name"], peer["name"], shown, word])
    return rows


def listed(title: str, entries: list[dict[str, Any]], key: str) -> str:
    lines = [f"- **{entry['name']}**: {entry.get(key, '')}" for entry in entries]
    return f"{title}:\n\n" + "\n".join(lines) if lines else ""


def with_machine(contender: dict[str, Any], quality: dict[str, Any]) -> dict[str, Any]:
    """The contender, whose notes name its processor where it is not the others'."""
    most = quality["machine"]["cpu"]
    if (own := contender.get("cpu", most)) == most:
        return contender
    return contender | {"notes": f"{contender['notes']}; timed on another machine, {own}"}


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(metric: Ends | None) -> str:
    if metric is None:
        return "–"
    digits = 4 if abs(metric["value"] or 0) < 0.02 else 3
    return with_interval(metric, f".{digits}f")


def _signed(metric: Ends) -> str:
    return with_interval(metric, "+.3f", " to ")


def _rounded(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
