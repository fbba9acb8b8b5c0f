"""What rounding costs: one model under other ways to run its encoder, keep vectors or weights.

    python benchmarks/precision.py MODEL DATA [--films N] [--part validation] [--runtime NAME]

Prints, for films at even distances, how far probabilities move from those of float32 vectors that
were never rounded, and macro average precision over the genres with a film among them: the store's
half precision, bfloat16, the ONNX export, weights in float16 and int8, and products in int8. MODEL
is bundled with each rounded encoder in a folder that is removed again, and the model's own encoder
is what it is compared with; of one whose weights are rounded already, what they are computed in is
all that is left to compare.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre import GenreClassifier, read_corpus
from plotgenre.embedding.encoders import EncoderSettings, Weights
from plotgenre.evaluation.metrics import ranking_metrics
from plotgenre.model.bundling import bundle_model

ALLOWED_LOSS = 0.003
KEPT = "float32, kept in half precision"
# A name, what the weights are kept in, and what is computed in.
WAYS: tuple[tuple[str, Weights, str], ...] = (
    ("float32", "float32", "float32"),
    (KEPT, "float32", "float32"),
    ("bfloat16", "float32", "bfloat16"),
    ("float16 weights", "float16", "float32"),
    ("int8 weights", "int8", "float32"),
    ("int8 weights, bfloat16", "int8", "bfloat16"),
    ("int8 weights, products in int8", "int8", "int8"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=1024)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--runtime", choices=["onnxruntime", "openvino"], default="openvino")
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data / f"{arguments.part}.parquet")
    step = max(len(corpus) // arguments.films, 1)
    corpus = corpus.take(np.arange(0, len(corpus), step)[: arguments.films])
    with tempfile.TemporaryDirectory() as room:
        card = bundle_model(arguments.model, Path(room) / "own")
        own = (Path(room) / "own").rename(Path(room) / card.weights)
        ways = [way for way in WAYS if own.name in ("float32", way[1])]
        for weights in {way[1] for way in ways} - {own.name}:
            bundle_model(arguments.model, Path(room) / weights, weights)
        print(f"{len(corpus)} films, encoder run by {arguments.runtime}")
        print(
            f"{'way':32} {'MB':>6} {'largest':>9} {'mean':>9} {'decisions changed':>18} "
            f"{'macro AP':>9} {'less the first':>14}"
        )
        reference = None
        for name, weights, precision in ways:
            folder, store = Path(room) / weights, f"{room}/store" if name == KEPT else None
            model = loaded(folder, precision, store, arguments.runtime)
            P = model.predict_proba(corpus.plots)
            reference = P if reference is None else reference
            print(row(name, folder, model, P, reference, corpus))


def loaded(folder: Path, precision: Any, store: str | None, runtime: Any) -> GenreClassifier:
    encoder = EncoderSettings(
        kind="onnx", name=str(folder / "encoder"), precision=precision, runtime=runtime
    )
    return GenreClassifier.load(folder, encoder=encoder, store=store)


def row(
    name: str,
    folder: Path,
    model: GenreClassifier,
    P: np.ndarray,
    reference: np.ndarray,
    corpus: Any,
) -> str:
    size = sum(file.stat().st_size for file in (folder / "encoder").iterdir()) / 1e6
    decided = reference >= model.thresholds_
    changed, moved = ((model.thresholds_ <= P) != decided).sum(), np.abs(P - reference)
    ap, full = (macro_average_precision(one, corpus, model) for one in (P, reference))
    flag = "" if full - ap <= ALLOWED_LOSS else "  more than allowed"
    return (
        f"{name:32} {size:6.1f} {moved.max():9.5f} {moved.mean():9.6f} {changed:10} of "
        f"{decided.sum():4} {ap:9.4f} {ap - full:+14.4f}{flag}"
    )


def macro_average_precision(P: np.ndarray, corpus: Any, model: GenreClassifier) -> float:
    """Over the model's genres that one of the films has."""
    Y = corpus.with_genres(model.classes_).Y
    return ranking_metrics(Y, P)["macro_average_precision"]


if __name__ == "__main__":
    main()
