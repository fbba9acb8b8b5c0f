"""How quality grows with train films, and with passes over them while the encoder adapts.

    python benchmarks/learning_curve.py DATA [--log FILE] [--store FOLDER] [--readme]

By films: the recipe `best` as it was, without adapting (encoder as it came) is fitted on random
shares of the train films, each share within the next, and scored on validation as ``ablations.py``
scores, over the genres of all train films. By passes: what an adaptation by that recipe wrote into
its log, on the validation films that it drew; FILE is the ``adapting.json`` of an adapted encoder,
or what ``shipping/ship.py`` wrote of the package's own. Results go to
``results/learning_curve.json``; --readme writes the tables between the marks in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from ablation_table import COLUMNS, cell  # noqa: E402
from ablations import Films, answers, over_seeds, paired, recipe_of, scored_genres  # noqa: E402
from choices import BASE  # noqa: E402
from pages import between_marks, write_results  # noqa: E402
from plotgenre import read_corpus  # noqa: E402
from plotgenre.branches.adapting import token_films  # noqa: E402
from plotgenre.corpus.genres import choose_genres  # noqa: E402
from plotgenre.embedding.embedder import Embedder  # noqa: E402
from plotgenre.embedding.encoders.encoder import BUNDLED, EncoderSettings  # noqa: E402
from plotgenre.embedding.encoders.trainable import TrainableEncoder  # noqa: E402

RESULTS, README = HERE / "results" / "learning_curve.json", HERE / "README.md"
SHIPPED = HERE.parent / "shipping" / "results.json"
MARKS = ("<!-- learning curve: begin -->", "<!-- learning curve: end -->")
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--log", type=Path, default=SHIPPED)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"films": []}
    told = json.loads(arguments.log.read_text())
    if "tokens" in told:
        results["passes"] = passes(told["log"], told["tokens"]["train"])
    else:
        # Counting takes a minute, and all of train has always as many.
        results["tokens"] = results.get("tokens") or train_tokens(arguments.data)
        results["passes"] = passes(told["adapting"], results["tokens"])
    for share in SHARES:
        if share not in [point["share"] for point in results["films"]]:
            print(f"== {share:.1%} of the films", file=sys.stderr, flush=True)
            films = Films(arguments.data, arguments.store, arguments.runs, share)
            results["films"].append(measured(films))
            write_results(RESULTS, results)
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def measured(films: Films) -> dict[str, Any]:
    """Metrics of the films' share with intervals."""
    Y, supported, groups = scored_genres(films)
    P, D = answers(films, recipe_of("encoder as it came, not adapted", 0, BUNDLED))
    system = (P[:, supported], D[:, supported])
    scores = paired(Y[:, supported], [system, system], groups)
    metrics = over_seeds([scores.metrics])
    return {"share": films.share, "films": len(films.train), "metrics": metrics}


def train_tokens(data: Path) -> int:
    """Tokens of all slices of the train films, as the recipe cuts them."""
    # The recipe as it was when the encoder of the log was adapted.
    recipe, films = recipe_of(BASE, 0, BUNDLED), read_corpus(data / "train.parquet")
    films = choose_genres(films, recipe.genres).corpus
    encoder = TrainableEncoder(EncoderSettings(kind="sentence_transformers", name=BUNDLED))
    slices = Embedder(recipe.slicing, encoder.source).slices(films.plots)
    return len(token_films("train", encoder, slices, films.Y).ids)


def passes(log: dict[str, Any], tokens: int) -> list[dict[str, float]]:
    """Each evaluation of an adaptation, by how often it had read train's tokens by then."""
    seconds, read = 0.0, 0.0
    found = []
    for one in log["evaluations"]:
        # A film may have fewer slices than are drawn, so tokens and not steps say what was read;
        # the evaluations' own seconds make it a little too much.
        read += one["tokens_per_second"] * (one["seconds"] - seconds)
        seconds = one["seconds"]
        found.append(
            {
                "step": one["step"],
                "minutes": one["seconds"] / 60,
                "passes": read / tokens,
                **one["validation"],
            }
        )
    return found


def render(results: dict[str, Any]) -> str:
    """Two tables."""
    rows = [["train films", *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    for point in results["films"]:
        cells = [cell(point["metrics"].get(metric), base=True) for metric in COLUMNS.values()]
        rows.append([f"{point['films']:,}", *cells])
    rows += [[], ["step", "minutes", "passes", "loss", "micro-F1", "macro AP"], ["---"] * 6]
    for point in results["passes"]:
        rows.append(
            [
                f"{point['step']:,}",
                f"{point['minutes']:.0f}",
                f"{point['passes']:.2f}",
                f"{point['loss']:.4f}",
                f"{point['micro_f1']:.3f}",
                f"{point['macro_average_precision']:.3f}",
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" if row else "\n" for row in rows)


if __name__ == "__main__":
    main()
