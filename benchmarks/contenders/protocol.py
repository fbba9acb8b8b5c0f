"""What a contender is: fit, probabilities, save. Everything else is the runner's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.bool_]
Probabilities = npt.NDArray[np.float32]
Validation = tuple[Sequence[str], Targets]


class UnavailableError(Exception):
    """A contender that cannot run here; the message is the reason as it is published."""


class Contender(Protocol):
    """One library, used as its documentation says.

    Parameters
    ----------
    library
        Name and version, for the table.
    notes
        Settings, budget, and what is scaled or left out; one sentence or two, for the table.
    scaled_seconds
        Seconds of fitting that were not spent here but follow from a measured sample.
    """

    library: str
    notes: str
    scaled_seconds: float = 0.0

    def prepare(self, plots: Sequence[str]) -> None:
        """Put vectors of train and validation plots into the store, before the clock starts."""

    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        """Learn from train films: ``n`` plots and targets (n, g); tune on validation if need be."""
        ...

    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        """A number in [0, 1] per film and genre, shape (n, g); a store may be read."""
        ...

    def cold(self) -> Contender:
        """The same, but reading no store: what tagging new plots takes."""
        return self

    def save(self, folder: Path) -> None:
        """Write all that tagging needs beside installed packages, as the library does it."""
        ...


def sigmoid(logits: npt.NDArray[np.floating]) -> Probabilities:
    """Numbers in (0, 1) in the order of the logits."""
    return (0.5 * (np.tanh(0.5 * logits) + 1)).astype(np.float32)
