"""How many nodes and hours so many plots take, from what scaling.py has measured.

    python benchmarks/plan.py [--plots 1e8] [--tokens 400] [--cores 32] [--hours 1 8 24]
        [--price 0.04] [--docs]

Reads ``results/scaling.json``. --tokens is of a plot, by default as of those measured; --cores is
of a node, of which one is left to Ray and to readers; --price is of one core for one hour, in
whatever money. Prints a table; --docs puts it, and the measured one, between the marks in
docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scaling
from pages import between_marks

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "scale.md"
MARKS = ("<!-- plan: begin -->", "<!-- plan: end -->")
MEASURED = ("<!-- scaling: begin -->", "<!-- scaling: end -->")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number of plots takes on nodes of a size.

    Parameters
    ----------
    plots
        How many there are.
    rate
        Plots a second that one worker of one core tags, among others on its machine.
    workers
        Of a node.
    """

    plots: float
    rate: float
    workers: int

    @property
    def core_hours(self) -> float:
        """Hours of one core, tagging all the time."""
        return self.plots / self.rate / 3600

    def nodes(self, hours: float) -> int:
        """Whole nodes that are done within the hours."""
        return math.ceil(self.core_hours / (self.workers * hours))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--plots", type=float, default=1e8)
    parser.add_argument("--tokens", type=float, help="of a plot; by default as measured")
    parser.add_argument("--cores", type=int, default=32)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 8, 24])
    parser.add_argument("--price", type=float, help="of one core for one hour")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "scaling.json")
    parser.add_argument("--docs", action="store_true")
    arguments = parser.parse_args()
    if arguments.cores < 2:
        raise SystemExit("one core of a node is left to Ray and readers; expected 2 or more")
    results = json.loads(arguments.results.read_text())
    if arguments.tokens is not None:
        results = of_length(results, arguments.tokens)
    text = table(results, arguments.plots, arguments.cores, arguments.hours, arguments.price)
    print(text)
    if arguments.docs:
        between_marks(PAGE, MARKS, text + "\n")
        between_marks(PAGE, MEASURED, f"{results['machine']}:\n\n{scaling.table(results)}\n")


def of_length(results: dict[str, Any], tokens: float) -> dict[str, Any]:
    """The results as if plots had so many tokens: time and bytes go with them."""
    longer = tokens / results["tokens_per_plot"]
    tiers = {
        name: tier
        | {"bytes": tier["bytes"] * longer, "output_bytes": tier["output_bytes"] * longer}
        | {
            "runs": [
                one | {"rows_per_second": one["rows_per_second"] / longer} for one in tier["runs"]
            ]
        }
        for name, tier in results["tiers"].items()
    }
    return results | {"tokens_per_plot": tokens, "tiers": tiers}


def rate_of(tier: dict[str, Any]) -> float:
    """Rows a second of one of Ray's workers, where most of them ran side by side."""
    runs = [one for one in tier["runs"] if one["engine"] == "ray"]
    most = max(runs, key=lambda one: one["workers"])
    return float(most["rows_per_second"] / most["workers"])


def table(
    results: dict[str, Any],
    plots: float,
    cores: int,
    hours: Sequence[float],
    price: float | None,
) -> str:
    """As Markdown."""
    nodes = [f"nodes for {one:g} h" for one in hours]
    head = ["tier", "plots/s a worker", "tokens/s a worker", "core-hours", *nodes, "GB read"]
    head += ["GB written"] + ([] if price is None else ["cost"])
    lines = [
        f"{plots:,.0f} plots of {results['tokens_per_plot']:,.0f} tokens, nodes of {cores} cores "
        f"with {cores - 1} workers each:",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for name, tier in results["tiers"].items():
        plan = Plan(plots, rate_of(tier), cores - 1)
        row = [
            name,
            f"{plan.rate:,.0f}",
            f"{plan.rate * results['tokens_per_plot']:,.0f}",
            f"{plan.core_hours:,.0f}",
            *(f"{plan.nodes(one):,}" for one in hours),
            f"{plots * tier['bytes'] / tier['rows'] / 1e9:,.0f}",
            f"{plots * tier['output_bytes'] / tier['rows'] / 1e9:,.0f}",
        ]
        if price is not None:
            # The core that is left to Ray is paid for as well.
            row.append(f"{plan.core_hours * cores / plan.workers * price:,.0f}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
