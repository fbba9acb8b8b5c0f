"""How fast plots are tagged, beside sentence-transformers and beside what the machine can do.

    python benchmarks/speed.py MODEL DATA [--plots N] [--readme]

MODEL reads both ways and has its encoder in its folder, its weights rounded (`plotgenre bundle
--weights int8`); `quick` reads less of a plot, in 8 bits; `fast` is its words alone. The origin's
encoder, a DistilRoBERTa, has numbers by chance, which cost what learned ones do. Every contender
runs in a process of its own with 2 threads and reads test plots of DATA at even distances: as far
as it reads, or, where its name says so, the slices that `best` reads. Writes
``results/speed.json`` and prints tables: contenders, the roofline, and how cost grows with length,
films and genres. --readme puts them between the marks in benchmarks/README.md, and the first one
into the project's README.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from operations import exported, operations, transformer
from pages import between_marks
from plotgenre import GenreClassifier, read_corpus
from plotgenre.embedding.encoders.minilm import token_counts
from speed_table import contenders as contenders_alone
from speed_table import tables

HERE = Path(__file__).parent
MARKS = ("<!-- speed: begin -->", "<!-- speed: end -->")
THREADS, TIMES, FAST_FACTOR = 2, 3, 8
LENGTHS = {"up to 128": 128, "to 256": 256, "to 512": 512, "to 1,024": 1024, "longer": 10**9}
FILMS = (1, 8, 64, 256)
GENRES = {"semantic": (10, 100, 1000, 10000), "lexical": (10, 100, 1000)}
ORIGIN, BATCHED, SAME_TEXT = (
    "origin's way: its encoder, one plot a call",
    "sentence-transformers, MiniLM, batched",
    "sentence-transformers, MiniLM, batched, the slices of best",
)
THEIRS: dict[str, dict[str, Any]] = {
    ORIGIN: {"encoder": "origin"},
    "origin's encoder, batched": {"encoder": "origin", "batched": True},
    "sentence-transformers, MiniLM, one plot a call": {"encoder": "minilm"},
    BATCHED: {"encoder": "minilm", "batched": True},
    SAME_TEXT: {"encoder": "minilm", "batched": True, "whole": True},
}
YARDSTICKS = {"to the origin": ORIGIN, "to batched": BATCHED, "to the same text": SAME_TEXT}
OURS: dict[str, dict[str, Any]] = {
    "best, onnxruntime": {"runtime": "onnxruntime"},
    "best, OpenVINO": {"runtime": "openvino"},
    "best in 8 bits, OpenVINO": {"runtime": "openvino", "precision": "int8"},
    "quick, onnxruntime": {"runtime": "onnxruntime", "quick": True},
    "quick, OpenVINO": {"runtime": "openvino", "quick": True},
    "fast": {"runtime": None},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--plots", type=int, default=256, help="of fast, 8 times as many")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "speed.json")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.model / "encoder" / "model.onnx").is_file():
        raise SystemExit(f"{arguments.model} has no encoder; make one with plotgenre bundle")
    plots = read_corpus(arguments.data / "test.parquet").plots
    results = measured(arguments, plots)
    write(arguments.out, results)
    text = tables(results)
    print(text)
    if arguments.readme:
        between_marks(HERE / "README.md", MARKS, text + "\n")
        between_marks(HERE.parent / "README.md", MARKS, contenders_alone(results) + "\n")


def measured(arguments: argparse.Namespace, plots: list[str]) -> dict[str, Any]:
    """All figures; each process is over before the next begins."""
    chosen = evenly(plots, arguments.plots)
    many = evenly(plots, FAST_FACTOR * arguments.plots)
    slices = GenreClassifier.load(arguments.model).branches_["semantic"].embedder.slices(chosen)
    n_genres = len(json.loads((arguments.model / "config.json").read_text())["genres"])
    contenders = {}
    for name, how in THEIRS.items():
        texts = slices if how.get("whole") else [[plot] for plot in chosen]
        contenders[name] = contender("theirs", texts) | how | {"n_genres": n_genres}
    for name, how in OURS.items():
        if how["runtime"] is None or find_spec(how["runtime"]):
            job = contender("ours", chosen if how["runtime"] else many)
            contenders[name] = job | {"model": str(arguments.model)} | how
    results: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, {THREADS} threads",
        "peak": run({"way": "peak", "threads": THREADS}),
        "yardsticks": YARDSTICKS,
        "contenders": {},
        "scaling": {"length": {}, "films": {}, "genres": {}},
    }
    # DistilRoBERTa's; MiniLM as it came costs what best's encoder does.
    shapes = {"origin": transformer(layers=6, width=768, inner=3072)}
    own = exported(arguments.model / "encoder")
    for name, job in contenders.items():
        print(f"== {name}", file=sys.stderr, flush=True)
        result = run(job)
        lengths = np.array(result.pop("tokens"))
        result["tokens"] = int(lengths.sum())
        # Words are counted, not multiplied.
        if name != "fast":
            result["operations"] = operations(shapes.get(job.get("encoder"), own), lengths)
        results["contenders"][name] = result
    for name, job in contenders.items():
        if job["contender"] == "ours":
            print(f"== {name}: scaling", file=sys.stderr, flush=True)
            for kind, groups in (("length", by_length(plots)), ("films", by_films(plots))):
                scaled = run(job | {"way": "scaling", "groups": groups, "times": 1})
                results["scaling"][kind][name] = scaled
    job = {"way": "genres", "model": str(arguments.model), "plots": chosen[:64], "times": TIMES}
    results["scaling"]["genres"]["head"] = run(job | {"genres": GENRES})
    return results


def contender(kind: str, plots: list[Any]) -> dict[str, Any]:
    return {
        "way": "tagging", "contender": kind, "plots": plots, "threads": THREADS, "times": TIMES,
    }  # fmt: skip


def evenly(plots: list[str], count: int) -> list[str]:
    """Plots at even distances, all if there are not as many."""
    rows = np.unique(np.linspace(0, len(plots) - 1, min(count, len(plots))).astype(int))
    return [plots[row] for row in rows]


def by_length(plots: list[str], most: int = 32) -> dict[str, list[str]]:
    """Plots by their tokens, at most ``most`` of each group; a group without any is left out."""
    tokens = token_counts(plots)
    groups, least = {}, 0
    for name, highest in LENGTHS.items():
        rows = np.flatnonzero((tokens > least) & (tokens <= highest))
        if rows.size:
            groups[name] = evenly([plots[row] for row in rows], most)
        least = highest
    return groups


def by_films(plots: list[str]) -> dict[str, list[str]]:
    return {str(count): evenly(plots, count) for count in FILMS if count <= len(plots)}


def run(job: dict[str, Any]) -> Any:
    """The result of a job in a process of its own, which has ``THREADS`` threads."""
    threads = {
        name: str(THREADS)
        for name in (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OV_NUM_THREADS",
            "RAYON_NUM_THREADS",
        )
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, str(HERE / "speed_child.py"), file.name],
            env=os.environ | threads | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{job['way']} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    unfinished.rename(path)


if __name__ == "__main__":
    main()
