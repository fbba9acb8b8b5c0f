"""The recipe `best` with other encoders, or the same one otherwise read, on validation films.

    python benchmarks/encoders.py DATA ENCODER… [--store FOLDER] [--seeds N]

An ENCODER is a folder and, after commas, settings that go with it, as `folder,slicing.tokens=63`.
Each is compared with the first, in pairs, as the ablations are: heads fitted on train, calibration
and thresholds on one half of the validation films, scores on the other, both ways round; test is
never read. Results go to ``results/encoders.json``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from ablations import (  # noqa: E402
    METRICS,
    Films,
    answers,
    over_seeds,
    paired,
    scored_genres,
)
from choices import RECIPE  # noqa: E402
from pages import with_interval, write_results  # noqa: E402
from plotgenre import Recipe  # noqa: E402
from plotgenre.embedding.encoders import named_encoder  # noqa: E402

RESULTS = HERE / "results" / "encoders.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("encoders", nargs="+", metavar="ENCODER")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    films = Films(arguments.data, arguments.store, arguments.runs)
    results: dict[str, Any] = {"seeds": arguments.seeds, "encoders": {}}
    for one in arguments.encoders:
        found = measured(films, arguments.encoders[0], one, arguments.seeds)
        results["encoders"][one] = found
        write_results(RESULTS, results)
        print(one)
        for metric in METRICS:
            value = with_interval(found["metrics"][metric], ".4f")
            less = with_interval(found["less_first"][metric], "+.4f", " to ")
            print(f"  {metric:32} {value}  less first {less}", flush=True)


def measured(films: Films, first: str, other: str, seeds: int) -> dict[str, Any]:
    """An encoder's metrics and their paired differences from the first one's."""
    Y, supported, groups = scored_genres(films)
    scored = []
    for seed in range(seeds):
        systems = [
            tuple(cells[:, supported] for cells in answers(films, read_as(one, seed)))
            for one in (first, other)
        ]
        scored.append(paired(Y[:, supported], systems, groups))
    return {
        "metrics": over_seeds([one.metrics for one in scored]),
        "less_first": over_seeds([one.less_first for one in scored]),
    }


def read_as(encoder: str, seed: int) -> Recipe:
    """The recipe that fits heads to the encoder, read with its own settings."""
    folder, *settings = encoder.split(",")
    name = str(Path(folder).resolve())
    adapted = {
        "branches.adapted": False,
        "encoder.name": name,
        "encoder.kind": named_encoder(name).kind,
        "training.seed": seed,
    }
    own = dict(one.split("=", 1) for one in settings)
    return Recipe.load(RECIPE).with_settings(adapted | own)


if __name__ == "__main__":
    main()
