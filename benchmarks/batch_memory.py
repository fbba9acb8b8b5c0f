"""Memory over time while a million rows are tagged into a file.

    python benchmarks/batch_memory.py [--rows 1000000] [--from jsonl] [--to parquet] [--docs]

Makes the table in a temporary folder, runs `plotgenre tag --fast -o` on it, and asks the kernel
every half second how much memory the process holds (Linux). Writes ``results/batch-memory.json``
and prints the resident memory at even distances and the most there was; --docs puts that between
the marks in docs/scale.md.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from batch_films import command, plots_of, write_table
from pages import between_marks, write_results

HERE = Path(__file__).parent
MARKS = ("<!-- memory: begin -->", "<!-- memory: end -->")
SHOWN = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--from", dest="source", choices=["csv", "jsonl"], default="jsonl")
    parser.add_argument("--to", choices=["csv", "jsonl", "parquet"], default="parquet")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "batch-memory.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        source = Path(room) / f"films.{arguments.source}"
        size = write_table(source, plots_of(), arguments.rows)
        output = Path(room) / f"out.{arguments.to}"
        result = watched(command(source, output, "--fast"), every=0.5)
        result |= {"rows": arguments.rows, "bytes": size, "output_bytes": output.stat().st_size}
        result |= {"from": arguments.source, "to": arguments.to}
    write_results(arguments.out, result)
    text = table(result)
    print(text)
    if arguments.docs:
        between_marks(HERE.parent / "docs" / "scale.md", MARKS, text + "\n")


def watched(what: list[str], every: float) -> dict[str, Any]:
    """Run a command to its end; its resident memory in MB at each time in seconds."""
    began, samples = time.monotonic(), []
    process = subprocess.Popen(what, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        # A process that has just ended has no memory any more.
        held = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
        if held:
            seconds = round(time.monotonic() - began, 2)
            samples.append([seconds, round(int(held[0].split()[1]) / 1024, 1)])
        time.sleep(every)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    seconds = round(time.monotonic() - began, 1)
    # The kernel's own account, since samples may miss the most; in KB, of the largest child.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": round(peak, 1), "samples": samples}


def table(result: dict[str, Any]) -> str:
    """As Markdown: memory at even distances of time."""
    samples = result["samples"]
    step = max(len(samples) // SHOWN, 1)
    lines = [
        f"{result['rows']:,} rows, {result['bytes'] / 1e6:,.0f} MB of {result['from']} to "
        f"{result['output_bytes'] / 1e6:,.0f} MB of {result['to']}: {result['seconds']:,.0f} s, "
        f"{result['rows'] / result['seconds']:,.0f} rows/s, at most {result['peak_mb']:,.0f} MB",
        "",
        "| seconds | resident MB |",
        "|---|---|",
    ]
    return "\n".join(lines + [f"| {at:,.0f} | {mb:,.0f} |" for at, mb in samples[::step]])


if __name__ == "__main__":
    main()
