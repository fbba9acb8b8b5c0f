"""How tagging files scales: this process, then Ray's workers on this machine, on the same rows.

    python benchmarks/scaling.py [--rows 2000] [--fast-rows 100000] [--data FILMS] [--workers 1 2]

For the fast tier and for the whole model: the local engine with one thread, then Ray with so many
workers of one thread each, then the local engine with all threads. Each runs in a process of its
own. Rows a second are counted from the first part's end to the last one's, so that starting Ray and
loading models is not in them; it is told as seconds before the first part. All outputs must be the
same, byte by byte. Writes ``results/scaling.json``, which benchmarks/plan.py reads, and prints a
table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from batch_films import plots_of, write_table
from pages import write_results
from speed import evenly

HERE = Path(__file__).parent
PARTS = 40
MODEL = "films"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2_000, help="for the whole model")
    parser.add_argument("--fast-rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="a table of films; by default the examples")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, default=HERE / "results" / "scaling.json")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        print(json.dumps(measured(**json.loads(arguments.child))))
        return
    # The same for both tiers, and of the whole table, which may be sorted by length.
    plots = evenly(plots_of(arguments.data), arguments.rows)
    results: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "model": MODEL,
        "tokens_per_plot": tokens_per_plot(plots),
        "tiers": {},
    }
    with tempfile.TemporaryDirectory() as room:
        for tier, rows in (("fast", arguments.fast_rows), ("whole", arguments.rows)):
            source = Path(room) / f"{tier}.jsonl"
            size = write_table(source, plots, rows)
            found = compared(source, tier, rows, arguments.workers)
            results["tiers"][tier] = {"rows": rows, "bytes": size, **found}
    write_results(arguments.out, results)
    print(table(results))


def compared(source: Path, tier: str, rows: int, workers: list[int]) -> dict[str, Any]:
    """Every way of running a tier; ends where two give different rows."""
    ways: list[tuple[str, int, int]] = [("local", 1, 1)]
    ways += [("ray", count, 1) for count in workers]
    ways.append(("local", 1, os.cpu_count() or 1))
    runs, expected = [], None
    for engine, count, threads in ways:
        output = source.with_name(f"{tier}-{engine}-{count}-{threads}.jsonl")
        job = {"source": str(source), "output": str(output), "fast": tier == "fast"}
        job |= {"engine": engine, "workers": count, "rows_per_part": -(-rows // PARTS)}
        print(f"== {tier}: {engine}, {count} x {threads}", file=sys.stderr, flush=True)
        runs.append({"engine": engine, "workers": count, "threads": threads, **run(job, threads)})
        written = output.read_bytes()
        expected = expected or written
        if written != expected:
            raise SystemExit(f"{output.name} has other rows than the first")
        output.unlink()
    return {"output_bytes": len(expected or b""), "runs": runs}


def run(job: dict[str, Any], threads: int) -> dict[str, float]:
    """A job in a process of its own, which has so many threads."""
    done = subprocess.run(
        [sys.executable, str(HERE / "scaling.py"), "--child", json.dumps(job)],
        env=os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{job['engine']} failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(
    source: str, output: str, fast: bool, engine: str, workers: int, rows_per_part: int
) -> dict[str, float]:
    """Rows a second, seconds before the first part, and seconds of everything."""
    from plotgenre.batch.run import BatchProgress, BatchSettings, run_batch
    from plotgenre.batch.worker import GenreWorker

    if engine == "ray":
        from plotgenre.batch.ray import RaySettings, on_ray

        chosen = on_ray(RaySettings(workers=workers, address="local"))
    else:
        from plotgenre.batch.local import run_here as chosen
    seen: list[tuple[float, int]] = []

    def listen(progress: BatchProgress) -> None:
        seen.append((time.perf_counter(), progress.rows))

    settings = BatchSettings(output=output, rows_per_part=rows_per_part)
    began = time.perf_counter()
    run_batch([source], settings, GenreWorker(model=MODEL, fast=fast), chosen, listen)
    ended = time.perf_counter()
    # Until every worker has made a part, some are still loading the model.
    first = seen[min(workers, len(seen)) - 1]
    last = next(one for one in seen if one[1] == seen[-1][1])
    return {
        "rows_per_second": (last[1] - first[1]) / max(last[0] - first[0], 1e-9),
        "seconds_to_first_part": seen[0][0] - began,
        "seconds": ended - began,
    }


def tokens_per_plot(plots: list[str]) -> float:
    """Tokens that MiniLM would count in a plot, on the average: how much text that is."""
    from plotgenre.embedding.encoders.minilm import token_counts

    # Less the two special ones.
    return float(token_counts(plots).mean()) - 2


def table(results: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "| tier | engine | workers x threads | rows/s | tokens/s | to one local thread | "
        "s to the first part |",
        "|---|---|---|---|---|---|---|",
    ]
    for tier, found in results["tiers"].items():
        base = found["runs"][0]["rows_per_second"]
        for one in found["runs"]:
            rate = one["rows_per_second"]
            lines.append(
                f"| {tier} | {one['engine']} | {one['workers']} x {one['threads']} | {rate:,.0f} | "
                f"{rate * results['tokens_per_plot']:,.0f} | {rate / base:.2f} | "
                f"{one['seconds_to_first_part']:.1f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
