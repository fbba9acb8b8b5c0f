"""A yardstick beside plotgenre's own metrics: the second cataloguer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.evaluation.intervals import Interval

Bools = npt.NDArray[np.bool_]


def weights(films: int, resamples: int = 1000, seed: int = 0) -> npt.NDArray[np.float64]:
    """How often each resample draws each film, shape (1 + b, n); the first row is all ones."""
    generator = np.random.default_rng(seed)
    drawn = [
        np.bincount(generator.integers(films, size=films), minlength=films)
        for _ in range(resamples)
    ]
    return np.stack([np.ones(films), *drawn])


def micro_f1(Y: Bools, D: Bools, films: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Micro-F1 of all films and of each resample; films without any genre on either side count."""
    found, marked = (Y & D).sum(axis=1), Y.sum(axis=1) + D.sum(axis=1)
    return np.asarray(2 * (films @ found) / np.maximum(films @ marked, 1))


def interval(values: npt.NDArray[np.float64], lowest: float = 0) -> Interval:
    """95 % percentile interval, shifted so that the resamples' mean falls on the value.

    Parameters
    ----------
    values
        Of all films, then of each resample, shape (1 + b,).
    lowest
        What the value can be at least, -1 for a difference; at most it can be 1.
    """
    value, drawn = float(values[0]), values[1:]
    if not len(drawn):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.clip(np.quantile(drawn, [0.025, 0.975]) + value - drawn.mean(), lowest, 1)
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class SecondCataloguer:
    """TMDB's genres as another human opinion on the same films.

    Parameters
    ----------
    rows
        The test films that have TMDB genres.
    tmdb, freebase
        Their genres by either cataloguer, in TMDB's words, shape (m, c).
    reach
        ``reach[j, k]``: Freebase genre ``j`` means TMDB genre ``k``; shape (g, c).
    """

    rows: npt.NDArray[np.int64]
    tmdb: Bools
    freebase: Bools
    reach: Bools

    @classmethod
    def read(
        cls,
        folder: Path,
        genres: Sequence[str],
        freebase: Sequence[Sequence[str]],
        tmdb: Sequence[Sequence[str] | None],
    ) -> SecondCataloguer | None:
        """From test films' genre lists and the folder's map; None where either is absent."""
        path = folder / "tmdb_to_freebase_genres.json"
        if not path.exists() or not any(tmdb):
            return None
        mapping = json.loads(path.read_text())["tmdb_to_freebase"]
        rows = np.array([i for i, names in enumerate(tmdb) if names], dtype=np.int64)
        return cls(
            rows=rows,
            tmdb=np.array([[name in (tmdb[i] or ()) for name in mapping] for i in rows], bool),
            freebase=np.array([coarse(freebase[i], mapping) for i in rows], bool),
            reach=np.array([coarse([genre], mapping) for genre in genres], bool),
        )

    def agreement(self) -> Interval:
        """TMDB against Freebase."""
        return interval(micro_f1(self.freebase, self.tmdb, weights(len(self.rows))))

    def score(self, D: Bools) -> Interval:
        """Decisions (n, g) for all test films, in TMDB's words, against Freebase."""
        return interval(self.scores(D))

    def scores(self, D: Bools) -> npt.NDArray[np.float64]:
        """The same of all films and of each resample, shape (1 + b,)."""
        mapped = (D[self.rows].astype(np.float32) @ self.reach.astype(np.float32)) > 0
        return micro_f1(self.freebase, mapped, weights(len(self.rows)))


def coarse(names: Sequence[str], mapping: Mapping[str, Sequence[str]]) -> list[bool]:
    """Which TMDB genres a film has by its Freebase genres."""
    return [not set(names).isdisjoint(mapping[name]) for name in mapping]
