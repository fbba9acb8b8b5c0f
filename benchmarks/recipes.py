"""Every recipe on the fixed split: quality with intervals, training time, tagging speed.

    python benchmarks/recipes.py DATA [--store FOLDER] [--only NAME] [--readme]

DATA holds train.parquet, validation.parquet and test.parquet. Each recipe is fitted on train, tuned
on validation and scored on test over every genre of train that has a test film. Results go to
``results/recipes.json``; a recipe that stands there is not run again unless it is named with
--only. --readme writes the table between the marks in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pages import between_marks, with_interval, write_results
from plotgenre import GenreClassifier, Recipe, read_corpus, run_experiment
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.encoders.minilm import bundled_folder
from plotgenre.evaluation.evaluation import nan_to_none

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recipes.json"
README = HERE / "README.md"
MARKS = ("<!-- recipes: begin -->", "<!-- recipes: end -->")
RECIPES = (
    "origin-as-written",
    "origin-start",
    "origin-start-end",
    "origin-slices",
    "origin-mixed",
    "attention",
    "mixed",
)
COLUMNS = {
    "micro-F1": "micro_f1",
    "samples-F1": "samples_f1",
    "macro-F1": "macro_f1_supported",
    "macro AP, ≥ 50 films": "macro_average_precision_50",
    "top-20 micro-F1": "top20_micro_f1",
    "top-20 macro-F1": "top20_macro_f1",
}
SPEED_PLOTS = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--only", choices=[*RECIPES, "speed"])
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"recipes": {}}
    corpora = {
        side: read_corpus(arguments.data / f"{side}.parquet")
        for side in ("train", "validation", "test")
    }
    for name in RECIPES:
        if arguments.only not in (None, name) or (
            arguments.only is None and name in results["recipes"]
        ):
            continue
        print(f"== {name}", flush=True)
        results["recipes"][name] = measure(name, corpora, arguments)
        save(results)
    if arguments.only == "speed" or (arguments.only is None and "speed" not in results):
        results["speed"] = speed(corpora["test"].plots[:SPEED_PLOTS], arguments.runs)
        save(results)
    text = table(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text + "\n")


def measure(name: str, corpora: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit and score one recipe; the time of fitting leaves out encoding, which the store keeps."""
    begun = time.monotonic()
    experiment = run_experiment(
        Recipe.load(name),
        corpora["train"],
        arguments.runs / name,
        validation=corpora["validation"],
        test=corpora["test"],
        store=arguments.store,
    )
    evaluation, history = experiment.evaluation, experiment.classifier.history_
    assert evaluation is not None
    assert history is not None
    return {
        "metrics": {
            key: vars_of(evaluation.metrics[key]) for key in (*COLUMNS.values(), "hit_rate")
        },
        "genres_with_support": evaluation.genres_with_support,
        "genres_learned": len(experiment.classifier.classes_),
        "left_out": experiment.chosen.left_out,
        "epochs": history.best_epoch,
        "training_seconds": sum(epoch.seconds for epoch in history.epochs),
        "experiment_seconds": time.monotonic() - begun,
    }


def vars_of(interval: Any) -> dict[str, float | None]:
    return dict(nan_to_none(asdict(interval)))


def speed(plots: list[str], runs: Path) -> dict[str, Any]:
    """Plots per second, encoding included: one plot at a time as the origin did, and ours."""
    from sentence_transformers import SentenceTransformer

    origin = SentenceTransformer(str(bundled_folder()), device="cpu")
    head = GenreClassifier.load(runs / "origin-start" / "model").branches_["semantic"].head

    def one_at_a_time() -> None:
        from plotgenre.embedding.bags import Bags

        for plot in plots:
            vector = origin.encode([plot], show_progress_bar=False)
            head.logits(Bags.of_pooled(np.asarray(vector, dtype=np.float32)))

    ways = {"the origin's way, one plot at a time": one_at_a_time}
    for recipe in ("origin-start", "mixed"):
        for precision in ("float32", "bfloat16"):
            model = GenreClassifier.load(
                runs / recipe / "model", encoder=EncoderSettings(precision=precision)
            )
            ways[f"{recipe}, batched, {precision}"] = lambda model=model: model.tag_many(plots)
    return {
        "plots": len(plots),
        "machine": f"{platform.processor() or platform.machine()}, 2 threads",
        "plots_per_second": {name: len(plots) / best_of(way) for name, way in ways.items()},
    }


def best_of(way: Any, times: int = 3) -> float:
    way()
    seconds = []
    for _ in range(times):
        begun = time.monotonic()
        way()
        seconds.append(time.monotonic() - begun)
    return float(np.median(seconds))


def save(results: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    write_results(RESULTS, results)


def table(results: dict[str, Any]) -> str:
    lines = [
        f"| recipe | {' | '.join(COLUMNS)} | training |",
        "|---|" + "---|" * (len(COLUMNS) + 1),
    ]
    for name, result in results["recipes"].items():
        cells = [shown(result["metrics"][key]) for key in COLUMNS.values()]
        seconds = f"{result['training_seconds']:.0f} s"
        lines.append(f"| `{name}` | {' | '.join(cells)} | {seconds} |")
    if "speed" in results:
        lines += ["", "| tagging, encoding included | plots/s |", "|---|---|"]
        lines += [f"| {n} | {v:.1f} |" for n, v in results["speed"]["plots_per_second"].items()]
    return "\n".join(lines)


def shown(metric: dict[str, float | None]) -> str:
    return with_interval(metric, ".3f")


if __name__ == "__main__":
    main()
