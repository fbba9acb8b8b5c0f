"""The robustness file as markdown."""

from __future__ import annotations

from typing import Any

from pages import with_interval
from quality_table import HEADINGS, table
from robustness_scores import METRICS

# Calibration errors lie far below the other metrics.
DIGITS = {name: 4 if name == "expected_calibration_error" else 3 for name in METRICS}
KINDS = {"by_length": "words in the plot", "by_decade": "decade"}


def render(results: dict[str, Any]) -> str:
    """Each model's variants, then all models by length and decade."""
    models = results["models"]
    parts = [f"{results['films']:,} {results['part']} films of `{results['data']}`."]
    for name, model in models.items():
        parts += [f"**{name}**", quality(model), "Less the whole plot:", differences(model)]
    parts += [kinds(models, key, heading) for key, heading in KINDS.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def quality(model: dict[str, Any]) -> str:
    rows = [
        [variant, *(shown(one["metrics"][metric], DIGITS[metric]) for metric in METRICS)]
        for variant, one in model["variants"].items()
    ]
    return table(["variant", *(HEADINGS[metric] for metric in METRICS)], rows)


def differences(model: dict[str, Any]) -> str:
    """Of every variant but the whole plot."""
    rows = [
        [
            variant,
            f"{one['plots_changed']:.0%}",
            *(signed(one["less_whole"][metric], DIGITS[metric]) for metric in METRICS),
            f"{one['decisions']['changed_of_tags']:.1%}",
            f"{one['decisions']['films_changed']:.1%}",
        ]
        for variant, one in list(model["variants"].items())[1:]
    ]
    headings = [HEADINGS[metric] for metric in METRICS]
    header = ["variant", "plots changed", *headings, "tags changed", "films with a change"]
    return table(header, rows)


def kinds(models: dict[str, Any], key: str, heading: str) -> str:
    """Micro-F1 of the whole plots by kind of film, a column a model."""
    found = {name: {row["name"]: row for row in model[key]} for name, model in models.items()}
    rows = [
        [kind, f"{row['films']:,}", *(shown(one[kind]["micro_f1"], 3) for one in found.values())]
        for kind, row in next(iter(found.values()), {}).items()
    ]
    return table([heading, "films", *found], rows) if rows else ""


def shown(metric: dict[str, float | None], digits: int) -> str:
    return with_interval(metric, f".{digits}f")


def signed(metric: dict[str, float | None], digits: int) -> str:
    return with_interval(metric, f"+.{digits}f", " to ")
