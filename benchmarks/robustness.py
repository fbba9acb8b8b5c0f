"""How a model's quality holds when plots come shortened, without names, mistyped or flattened.

    python benchmarks/robustness.py MODEL… DATA [--part test|validation] [--limit N]
        [--store FOLDER] [--runs FOLDER] [--out FILE] [--readme]

MODEL is a folder that plotgenre saved, DATA holds test.parquet and validation.parquet. Every model
reads the films in every variant of ``disturbances.py``; scores are in --runs before they are
weighed, and figures in --out (``results/robustness.json``) after each model, so that neither is
done again for the same model and texts. --limit takes N films, evenly from the file. --readme
writes the tables between the marks of the benchmarks' README.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre import Corpus, GenreClassifier, PlotgenreError, read_corpus
from plotgenre.doors.screen import progress
from plotgenre.evaluation.scores import SCORES_FILE, Scores
from plotgenre.experiment import score_classifier

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from disturbances import VARIANTS, WHOLE, disturb  # noqa: E402
from pages import between_marks, write_results  # noqa: E402
from robustness_scores import by_kind, weigh  # noqa: E402
from robustness_table import render  # noqa: E402

README = HERE / "README.md"
MARKS = ("<!-- robustness: begin -->", "<!-- robustness: end -->")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--limit", type=int, help="this many films, evenly from the file")
    parser.add_argument("--store", type=Path, help="keeps encoded slices between runs")
    parser.add_argument("--runs", type=Path, default=Path("runs/robustness"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "robustness.json")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        results = measure_all(arguments)
    except PlotgenreError as refused:
        raise SystemExit(str(refused)) from None
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def measure_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every model in every variant, written to the results file after each model."""
    films = read_films(arguments.data, arguments.part, arguments.limit)
    texts = {
        variant: replace(films, plots=[disturb(plot, variant) for plot in films.plots])
        for variant in VARIANTS
    }
    facts = {"data": arguments.data.resolve().name, "part": arguments.part, "films": len(films)}
    results = standing(arguments.out, facts)
    for name, folder in named(arguments.models).items():
        stands = results["models"].get(name, {})
        runs = arguments.runs / name
        results["models"][name] = measure(folder, texts, stands, runs, arguments.store)
        save(results, arguments.out)
    return results


def read_films(data: Path, part: str, limit: int | None) -> Corpus:
    """The films of a part, or ``limit`` of them at even distances, since files may be sorted."""
    films = read_corpus(data / f"{part}.parquet")
    if limit is None or limit >= len(films):
        return films
    if limit < 1:
        raise SystemExit(f"--limit must be 1 or more, got {limit}")
    return films.take(np.arange(limit) * len(films) // limit)


def named(folders: list[Path]) -> dict[str, Path]:
    """Models by the folder's name, or that of the run it lies in where it is just ``model``."""
    paths = [folder.resolve() for folder in folders]
    names = [path.parent.name if path.name == "model" else path.name for path in paths]
    if len(set(names)) < len(names):
        raise SystemExit(f"models need different names, got {', '.join(names)}; rename a folder")
    return dict(zip(names, paths, strict=True))


def standing(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What the results file holds; it is refused where it speaks of other films."""
    if not out.exists():
        return facts | {"models": {}}
    results = json.loads(out.read_text())
    found = {name: results.get(name) for name in facts}
    if found != facts:
        raise SystemExit(f"{out} is about {found}, this run about {facts}; name another --out")
    return dict(results)


def measure(
    folder: Path, texts: dict[str, Corpus], stands: dict[str, Any], runs: Path, store: Path | None
) -> dict[str, Any]:
    """One model in every variant; what stands for the same model and texts is kept."""
    name, model = runs.name, digest_of_model(folder)
    keys = {variant: digest(model, films) for variant, films in texts.items()}
    kept = {
        variant: record
        for variant, record in stands.get("variants", {}).items()
        if record["key"] == keys.get(variant)
    }
    missing = [variant for variant in texts if variant not in kept]
    if not missing:
        tell(f"{name}: all {len(kept)} variants stand")
        return stands
    classifier, scores = None, {}
    for variant in dict.fromkeys([WHOLE, *missing]):
        run = runs / keys[variant]
        if not (run / SCORES_FILE).exists():
            classifier = classifier or GenreClassifier.load(folder, store=store)
            tell(f"{name}, {variant}: reading {len(texts[variant]):,} plots")
            with progress() as listeners:
                score_classifier(classifier, texts[variant], listeners).scores().save(run)
        scores[variant] = Scores.load(run)
    tell(f"{name}: weighing {len(scores)} variants")
    for variant, record in weigh(scores).items():
        changed = np.mean(
            [a != b for a, b in zip(texts[variant].plots, texts[WHOLE].plots, strict=True)]
        )
        kept[variant] = {"key": keys[variant], "plots_changed": float(changed), **record}
    return {
        "variants": {variant: kept[variant] for variant in texts},
        **by_kind(texts[WHOLE], scores[WHOLE]),
    }


def digest_of_model(folder: Path) -> str:
    """Of the model's settings, in which the SHA-256 of its head stands."""
    config = folder / "config.json"
    if not config.is_file():
        raise SystemExit(f"{folder} is no saved model: it lacks config.json")
    return hashlib.sha256(config.read_bytes()).hexdigest()


def digest(model: str, films: Corpus) -> str:
    """Of everything that a result depends on: model, texts, genres and years."""
    told = json.dumps([model, films.ids, films.plots, films.genre_lists(), films.years])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def save(results: dict[str, Any], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    write_results(out, results)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
