"""The fixed split, and what probabilities and decisions are worth on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from plotgenre import Corpus, read_corpus
from plotgenre.evaluation.evaluation import evaluate, nan_to_none
from plotgenre.evaluation.intervals import Interval, paired_difference
from plotgenre.evaluation.metrics import top_genres
from yardsticks import SecondCataloguer, interval

Bools = npt.NDArray[np.bool_]
SIDES = ("train", "validation", "test")
METRICS = (
    "micro_f1",
    "samples_f1",
    "macro_f1_supported",
    "macro_average_precision_50",
    "micro_average_precision",
    "top20_micro_f1",
    "top20_macro_f1",
    "second_cataloguer_micro_f1",
    "expected_calibration_error",
)


@dataclass(frozen=True, slots=True)
class Split:
    """Train, validation and test over the genres of train."""

    train: Corpus
    validation: Corpus
    test: Corpus
    second: SecondCataloguer | None

    @classmethod
    def read(cls, folder: Path) -> Split:
        """From the three parquet files of a folder."""
        train, validation, test = (read_corpus(folder / f"{side}.parquet") for side in SIDES)
        films = pq.read_table(folder / "test.parquet").to_pylist()
        tmdb = {str(film["id"]): film.get("tmdb_genres") for film in films}
        second = SecondCataloguer.read(
            folder, train.genres, test.genre_lists(), [tmdb[film] for film in test.ids]
        )
        genres = train.genres
        return cls(train, validation.with_genres(genres), test.with_genres(genres), second)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Train films of each genre, shape (g,)."""
        return self.train.Y.sum(axis=0)

    def as_dict(self, data: Path) -> dict[str, Any]:
        """What the quality file says about the split."""
        return {
            "data": data.name,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "genres_of_train": len(self.train.genres),
            "genres_with_test_film": int(self.test.Y.any(axis=0).sum()),
        }


def score(
    split: Split, P: npt.NDArray[np.float32], D: Bools, thresholds: npt.NDArray[np.float32]
) -> dict[str, dict[str, float | None]]:
    """Every metric of the quality file, over the genres of train."""
    evaluation = evaluate(
        P, split.test.Y, thresholds, split.train.genres, split.counts, decisions=D
    )
    found = {name: evaluation.metrics[name] for name in METRICS if name in evaluation.metrics}
    if split.second is not None:
        found["second_cataloguer_micro_f1"] = split.second.score(D)
    return {name: as_dict(found[name]) for name in METRICS if name in found}


def differences(
    split: Split, peer: tuple[npt.NDArray[np.float32], Bools], ours: tuple[Any, Bools]
) -> dict[str, dict[str, float | None]]:
    """Ours less the peer on the same resamples, for every metric of the quality file."""
    groups = {"top20": top_genres(split.counts), "ranked": split.counts >= 50}
    found = paired_difference(split.test.Y, peer, ours, groups)
    found["macro_average_precision_50"] = found["ranked_macro_average_precision"]
    if split.second is not None:
        scores = [split.second.scores(D) for _, D in (peer, ours)]
        found["second_cataloguer_micro_f1"] = interval(scores[1] - scores[0], lowest=-1)
    return {name: as_dict(found[name]) for name in METRICS if name in found}


def as_dict(interval: Interval) -> dict[str, float | None]:
    return dict(nan_to_none(asdict(interval)))
