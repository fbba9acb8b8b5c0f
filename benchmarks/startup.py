"""First answer from a fresh process: wall clock, processor time and peak memory.

    python benchmarks/startup.py MODEL… [--times N]

Each MODEL tags one plot by `plotgenre tag` in a process of its own, N times; a model with a bundled
encoder also under each runtime that is installed. Best of N: what disturbs a process only adds.
Prints a table. Peak memory is the largest resident set of the process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

PLOT = "A soldier walks home through the ruins of the war to find his daughter again."
CHOSEN = """
import sys
from plotgenre import GenreClassifier
from plotgenre.embedding.encoders import EncoderSettings
model, runtime, plot = sys.argv[1:]
encoder = EncoderSettings(kind="onnx", name=f"{model}/encoder", runtime=runtime)
print(GenreClassifier.load(model, encoder=encoder).tag(plot))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    print("| model | way | wall s | CPU s | peak MB |\n| --- | --- | --- | --- | --- |")
    for model in arguments.models:
        for way, command in commands(model).items():
            wall, cpu, peak = (
                min(figures)
                for figures in zip(
                    *(measured(command) for _ in range(arguments.times)), strict=True
                )
            )
            print(f"| {model} | {way} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |", flush=True)


def commands(model: Path) -> dict[str, list[str]]:
    """Command lines by what is measured."""
    found = {
        "plotgenre tag": [sys.executable, "-m", "plotgenre", "tag", PLOT, "--model", str(model)]
    }
    if (model / "encoder").is_dir():
        for runtime in ("onnxruntime", "openvino"):
            if find_spec(runtime):
                found[runtime] = [sys.executable, "-c", CHOSEN, str(model), runtime, PLOT]
    return found


def measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds on the wall, seconds of processor time, and peak megabytes of a command.

    The kernel counts this process's own memory as the child's until it begins, so that the peak is
    no less than that: this file imports nothing large.

    Raises
    ------
    SystemExit
        If the command fails.
    """
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    # Waited for here, since only so this child's own usage is known, not the largest of all.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {said.strip()}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
