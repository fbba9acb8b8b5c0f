"""One contender in a process of its own: fit, tune, tag, save, measure, score.

    python -m contenders.child NAME DATA FOLDER [STORE]

Writes ``result.json``, ``test.npy`` (probabilities) and ``decisions.npy`` into FOLDER, or
``unavailable.json`` where the contender cannot run.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from contenders import CONTENDERS
from contenders.protocol import Contender, Probabilities, UnavailableError
from installed import installed_mb
from plotgenre.errors import MissingExtraError
from plotgenre.learning.thresholds import ThresholdSettings, decide, tune_thresholds
from scoring import Split, score

THRESHOLDS = ThresholdSettings(scope="global", metric="micro_f1")
TAGGED, WARMED = 512, 16


def main() -> None:
    name, data, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    store = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    try:
        result = measure(name, Split.read(data), store, folder)
    except (ImportError, MissingExtraError, UnavailableError) as error:
        reason = str(error) or type(error).__name__
        (folder / "unavailable.json").write_text(json.dumps({"name": name, "reason": reason}))
        return
    (folder / "result.json").write_text(json.dumps(result, indent=1))


def measure(name: str, split: Split, store: Path | None, folder: Path) -> dict[str, Any]:
    """Everything the quality file holds of one contender."""
    entry = CONTENDERS[name]
    contender = entry.make(store)
    fit_seconds, cpu_seconds = fitted(contender, split)
    validation = checked(contender.probabilities(split.validation.plots), split.validation.Y)
    thresholds = tune_thresholds(validation, split.validation.Y, THRESHOLDS)
    P = checked(contender.probabilities(split.test.plots), split.test.Y)
    D = decide(P, thresholds)
    speed = plots_per_second(contender.cold(), split.test.plots[:TAGGED])
    peak = peak_mb()
    np.save(folder / "test.npy", P)
    np.save(folder / "decisions.npy", D)
    return {
        "name": name,
        "library": contender.library,
        "metrics": score(split, P, D, thresholds),
        "fit_seconds": fit_seconds,
        "fit_cpu_seconds": cpu_seconds,
        "plots_per_second": speed,
        "peak_mb": peak,
        "artefact_mb": artefact_mb(contender),
        "installed_mb": installed_mb(entry.requires),
        "threshold": float(thresholds[0]),
        "notes": contender.notes,
        "finished": time.time(),
    }


def fitted(contender: Contender, split: Split) -> tuple[float, float]:
    """Seconds of fitting and of processor time; encoding that a store keeps is in neither."""
    contender.prepare([*split.train.plots, *split.validation.plots])
    begun, busy = time.monotonic(), time.process_time()
    held_out = (split.validation.plots, split.validation.Y)
    contender.fit(split.train.plots, split.train.Y, split.train.genres, held_out)
    seconds = time.monotonic() - begun + contender.scaled_seconds
    return seconds, time.process_time() - busy + contender.scaled_seconds


def checked(P: Probabilities, Y: np.ndarray) -> Probabilities:
    """Refuse what is no probability, so that a mistake shows here and not as a score."""
    if P.shape != Y.shape or not ((P >= 0) & (P <= 1)).all():
        raise ValueError(f"expected numbers in [0, 1] of shape {Y.shape}, got {P.shape}")
    return P.astype(np.float32)


def plots_per_second(contender: Contender, plots: list[str]) -> float:
    contender.probabilities(plots[:WARMED])
    begun = time.monotonic()
    contender.probabilities(plots)
    return len(plots) / (time.monotonic() - begun)


def peak_mb() -> float:
    """Largest resident set of this process and of its largest worker; kB on Linux."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(which).ru_maxrss for which in who) / 1024


def artefact_mb(contender: Contender) -> float:
    with tempfile.TemporaryDirectory() as room:
        contender.save(Path(room))
        return sum(file.stat().st_size for file in Path(room).rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    # A result is whole or absent; some libraries' threads would keep the process alive.
    main()
    sys.stdout.flush()
    os._exit(0)
