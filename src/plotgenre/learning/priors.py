"""How common each genre is, as log-odds: where training starts, and what losses correct for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def films_per_genre(Y: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Films of each genre in targets ``Y`` (n, g), shape (g,), never 0 and never all.

    A genre that no film or every film has counts as half a film short of that, so that its share
    has a finite logarithm.
    """
    counts: npt.NDArray[np.float64] = Y.sum(axis=0).clip(0.5, len(Y) - 0.5)
    return counts


def log_odds(Y: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)) of each genre's share of films ``p`` in targets ``Y`` (n, g), shape (g,)."""
    shares = films_per_genre(Y) / len(Y)
    odds: npt.NDArray[np.float64] = np.log(shares) - np.log1p(-shares)
    return odds
