"""What half precision costs: probabilities of one model under other ways to run or keep vectors.

    python benchmarks/precision.py MODEL DATA

Prints, for the first 256 test films, how far probabilities move from float32 vectors that were
never rounded: the store's half precision, bfloat16 in the encoder, and the encoder's ONNX export.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from plotgenre import GenreClassifier, read_corpus
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.encoders.export import export_encoder

FILMS = 256


def main() -> None:
    model, data = Path(sys.argv[1]), Path(sys.argv[2])
    plots = read_corpus(data / "test.parquet").plots[:FILMS]
    with tempfile.TemporaryDirectory() as room:
        exported = Path(room) / "encoder"
        export_encoder(EncoderSettings(), exported)
        onnx = EncoderSettings(kind="onnx", name=str(exported), precision="float32")
        full = EncoderSettings(precision="float32")
        ways = {
            "float32, kept in half precision": (full, f"{room}/store"),
            "bfloat16": (EncoderSettings(precision="bfloat16"), None),
            "ONNX, float32": (onnx, None),
        }
        reference = GenreClassifier.load(model, encoder=full)
        P = reference.predict_proba(plots)
        decided = np.greater_equal(P, reference.thresholds_)
        print(f"{'way':36} {'largest':>9} {'mean':>9} {'decisions changed':>18}")
        for name, (encoder, store) in ways.items():
            other = GenreClassifier.load(model, encoder=encoder, store=store).predict_proba(plots)
            moved = np.abs(other - P)
            changed = (other >= reference.thresholds_) != decided
            on = int(decided.sum())
            print(f"{name:36} {moved.max():9.5f} {moved.mean():9.6f} {changed.sum():10} of {on}")


if __name__ == "__main__":
    main()
