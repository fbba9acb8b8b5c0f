"""How often the library's 95 % intervals hold the value that they are about.

    python benchmarks/coverage.py MODEL… DATA [--part validation test] [--films 200 800 3200]
        [--draws N] [--resamples N] [--store FOLDER] [--runs FOLDER] [--out FILE] [--readme]

MODEL is a folder that plotgenre saved with both branches, such as src/plotgenre/shipped/films;
DATA holds the parquet files of the parts, none of which the model was trained on. All their films
are the population, whose metrics are known. From it many test sets are drawn, each film at most
once, and `intervals.paired_bootstrap` scores in each the model, the model with --fast, the baseline
of the report, and the differences of the latter two from the first. It counts how often an interval
holds the population's value (``covered``), and the mean of all test sets of its size
(``covered_mean``). A test set without replacement varies less than a new one would, by the factor
sqrt(1 - n / N) (finite population correction; Cochran 1977, "Sampling Techniques"), and so the
ends of its intervals are drawn in by that factor before they are judged. Scores are kept in --runs,
figures in --out after each size; a size that stands there is not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre import GenreClassifier, read_corpus
from plotgenre.doors.screen import progress
from plotgenre.evaluation.evaluation import SUMMARY, headline_groups
from plotgenre.evaluation.intervals import FEWEST_OF_A_KIND, Interval, paired_bootstrap
from plotgenre.evaluation.metrics import frequency_buckets, top_genres
from plotgenre.evaluation.report.baseline import score_baseline
from plotgenre.evaluation.report.groups import by_length
from plotgenre.evaluation.scores import SCORES_FILE, Scores
from plotgenre.experiment import score_classifier

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from pages import between_marks, write_results  # noqa: E402

README = HERE / "README.md"
MARKS = ("<!-- coverage: begin -->", "<!-- coverage: end -->")
# What a report prints of a group, and nothing else of it is counted.
OF_GROUPS = {
    "top20": ("micro_f1", "macro_f1"),
    "ranked": ("macro_average_precision",),
    **dict.fromkeys(
        ("head", "mid", "tail"),
        ("macro_f1", "macro_average_precision", "expected_calibration_error", "brier"),
    ),
}
KIND = "micro_f1_of_a_kind_of_films"
Bools = npt.NDArray[np.bool_]
Found = dict[str, dict[str, Interval]]


@dataclass(frozen=True, slots=True)
class Population:
    """Targets Y (n, g), and probabilities and decisions of each system by name."""

    Y: Bools
    systems: dict[str, tuple[npt.NDArray[np.float32], Bools]]
    groups: dict[str, Bools]
    known: Bools

    @classmethod
    def of(cls, scores: dict[str, Scores]) -> Population:
        """Of the scores of all films, by system; a baseline is added."""
        first = next(iter(scores.values()))
        Y, counts = first.Y, first.train_counts
        systems = {name: (one.P.astype(np.float32), one.D) for name, one in scores.items()}
        P, D = next(iter(systems.values()))
        k = score_baseline(P, Y, D, first.genres, counts, resamples=0).k
        share = np.minimum(counts * (Y.sum() / len(Y) / counts.sum()), 1).astype(np.float32)
        systems["baseline"] = (
            np.broadcast_to(share, Y.shape),
            np.broadcast_to(top_genres(counts, k), Y.shape),
        )
        groups = frequency_buckets(counts) | headline_groups(counts)
        return cls(Y, systems, groups, counts >= 0)

    def scored(self, rows: Any, resamples: int, seed: int = 0) -> Found:
        """Metrics of each system and of each difference."""
        paired = paired_bootstrap(
            self.Y[rows],
            [(P[rows], D[rows]) for P, D in self.systems.values()],
            self.groups,
            averaged=self.known,
            resamples=resamples,
            seed=seed,
        )
        first, *others = self.systems
        found = {name: one.metrics for name, one in zip(self.systems, paired, strict=True)}
        for name, one in zip(others, paired[1:], strict=True):
            found[f"{name} less {first}"] = one.less_first
        return {system: dict(printed(metrics)) for system, metrics in found.items()}

    def kind(self, rows: Any, resamples: int) -> Found:
        """Micro-F1 of films as of one kind, as the report has it by length and decade."""
        return {
            name: {
                KIND: by_length([""] * len(rows), self.Y[rows], D[rows], resamples=resamples)[
                    0
                ].micro_f1
            }
            for name, (_, D) in self.systems.items()
        }


def printed(metrics: dict[str, Interval]) -> Iterator[tuple[str, Interval]]:
    """What the reports print, and the averages of precision and recall in their JSON."""
    for name, interval in metrics.items():
        group, _, metric = name.partition("_")
        if group not in OF_GROUPS or metric in OF_GROUPS[group]:
            yield name, interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--part", nargs="+", default=["validation", "test"])
    parser.add_argument("--films", type=int, nargs="+", default=[200, 800, 3200])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--store", type=Path, help="keeps encoded slices between runs")
    parser.add_argument("--runs", type=Path, default=Path("runs/coverage"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "coverage.json")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"parts": arguments.part, "models": {}}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())
        if results["parts"] != arguments.part:
            raise SystemExit(f"{arguments.out} is about {results['parts']}; name another --out")
    for folder in arguments.models:
        population = Population.of(
            {
                name: scores(folder, fast, arguments)
                for name, fast in ((folder.name, False), (f"{folder.name} --fast", True))
            }
        )
        found = results["models"].setdefault(folder.name, {"films": len(population.Y), "sizes": {}})
        for films in (FEWEST_OF_A_KIND, *arguments.films):
            if str(films) not in found["sizes"]:
                found["sizes"][str(films)] = measure(population, films, arguments)
                write_results(arguments.out, results)
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def scores(folder: Path, fast: bool, arguments: argparse.Namespace) -> Scores:
    """Of the films of all parts, read from --runs or made there."""
    run = arguments.runs / f"{folder.name}{'-fast' if fast else ''}-{'-'.join(arguments.part)}"
    if not (run / SCORES_FILE).exists():
        run.mkdir(parents=True, exist_ok=True)
        model = GenreClassifier.load(folder, fast=fast, store=arguments.store)
        films = read_corpus([arguments.data / f"{part}.parquet" for part in arguments.part])
        with progress() as listeners:
            score_classifier(model, films, listeners).scores().save(run)
    return Scores.load(run)


def measure(population: Population, films: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Coverage in test sets of so many films: every metric, or a kind's where there are few."""
    N, generator = len(population.Y), np.random.default_rng(films)
    if films >= N:
        raise SystemExit(f"test sets of {films:,} films cannot be drawn from {N:,} films")
    few = films <= FEWEST_OF_A_KIND
    everyone = np.arange(N)
    truth = population.kind(everyone, 0) if few else population.scored(everyone, 0)
    draws = []
    for seed in range(arguments.draws):
        rows = generator.choice(N, size=films, replace=False)
        if few:
            draws.append(population.kind(rows, arguments.resamples))
        else:
            draws.append(population.scored(rows, arguments.resamples, seed))
    correction = float(np.sqrt(1 - films / N))
    return {
        "draws": arguments.draws,
        "resamples": arguments.resamples,
        "systems": {
            system: {
                name: counted((draw[system][name] for draw in draws), value.value, correction)
                for name, value in metrics.items()
                if not np.isnan(value.value)
            }
            for system, metrics in truth.items()
        },
    }


def counted(drawn: Iterable[Interval], truth: float, correction: float) -> dict[str, Any]:
    """One metric over all draws; ``given`` is the share of them in which it has an interval."""
    intervals = [one for one in drawn if not np.isnan(one.value)]
    values = np.array([one.value for one in intervals])
    known = [one for one in intervals if one.known]
    mean = float(values.mean()) if len(values) else np.nan

    def share_with(value: float) -> float | None:
        if not known:
            return None
        # More than rounding, so that an interval without width can hold.
        slack = 1e-9
        held = [
            one.value + (one.low - one.value) * correction - slack
            <= value
            <= one.value + (one.high - one.value) * correction + slack
            for one in known
        ]
        return round(float(np.mean(held)), 3)

    return {
        "population": round(truth, 6),
        "mean": round(mean, 6),
        "deviation": round(float(values.std()), 6) if len(values) else None,
        "given": round(len(known) / max(len(intervals), 1), 3),
        "covered": share_with(truth),
        "covered_mean": share_with(mean),
    }


def render(results: dict[str, Any]) -> str:
    """For each model a table: how values move with the number of films, and coverage.

    Rows are the main metrics; the sentence below them is about all that have an interval.
    """
    text = ""
    names = {key: name for name, key in SUMMARY.items()}
    names["ranked_macro_average_precision"] = names.pop("macro_average_precision_50")
    for model, found in results["models"].items():
        systems = {size: one["systems"] for size, one in found["sizes"].items()}
        sizes = [size for size in systems if KIND not in systems[size][model]]
        less = f"{model} --fast less {model}"
        head = [f"`{model}`, {found['films']:,} films", "all"]
        head += [f"mean of {int(size):,}" for size in sizes]
        head += [f"held, {int(size):,}" for size in sizes]
        head += [f"difference held, {int(size):,}" for size in sizes]
        lines = [head, ["---"] * len(head)]
        for metric, name in names.items():
            rows = [systems[size] for size in sizes]
            own = [row[model][metric] for row in rows]
            digits = 5 if "calibration" in metric or "brier" in metric else 3
            cells = [f"{own[0]['population']:.{digits}f}"]
            cells += [f"{one['mean']:.{digits}f}" for one in own]
            cells += [shown(one) for one in own]
            cells += [shown(row[less][metric]) for row in rows]
            lines.append([name, *cells])
        text += "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{spread(systems)}\n\n"
    return text.rstrip("\n") + "\n"


def spread(systems: dict[str, Any]) -> str:
    """How coverage is spread over all metrics, systems and sizes."""
    shares = sorted(
        one["covered"]
        for size in systems.values()
        for metrics in size.values()
        for one in metrics.values()
        # An interval without width around what is the same in every test set says nothing.
        if one["covered"] is not None and one["deviation"]
    )
    inside = np.mean([0.9 <= share <= 0.98 for share in shares])
    return (
        f"Over all {len(shares)} metrics of systems, differences and sizes that have an interval, "
        f"groups and kinds of films among them: from {shares[0]:.1%} to {shares[-1]:.1%}, on "
        f"average {np.mean(shares):.1%}; {inside:.0%} of them lie between 90 and 98 %."
    )


def shown(one: dict[str, Any]) -> str:
    """Coverage in percent; in brackets in how many draws there is an interval, if not in all."""
    if one["covered"] is None:
        return "–"
    some = "" if one["given"] == 1 else f" (in {one['given']:.0%})"
    return f"{one['covered']:.0%}{some}"


if __name__ == "__main__":
    main()
