"""What scores of disturbed plots are worth, beside those of the whole plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre import Corpus
from plotgenre.evaluation.evaluation import headline, headline_groups, nan_to_none
from plotgenre.evaluation.intervals import Interval, paired_bootstrap
from plotgenre.evaluation.report.groups import by_decade, by_length
from plotgenre.evaluation.scores import Scores

METRICS = (
    "micro_f1",
    "macro_average_precision_50",
    "top20_micro_f1",
    "expected_calibration_error",
)
RESAMPLES = 1000


def weigh(scores: Mapping[str, Scores]) -> dict[str, dict[str, Any]]:
    """Of each variant its metrics, these less the first's on the same resamples, and decisions.

    Parameters
    ----------
    scores
        Of the same films and genres; the first are those of the whole plots.
    """
    whole = next(iter(scores.values()))
    groups = headline_groups(whole.train_counts)
    paired = paired_bootstrap(
        whole.Y,
        [(one.P.astype(np.float32), one.D) for one in scores.values()],
        groups,
        resamples=RESAMPLES,
    )
    return {
        variant: {
            "metrics": picked(headline(pair.metrics, groups)),
            "less_whole": picked(headline(pair.less_first, groups)),
            "decisions": changes(whole.D, scores[variant].D),
        }
        for variant, pair in zip(scores, paired, strict=True)
    }


def picked(found: Mapping[str, Interval]) -> dict[str, Any]:
    """The metrics that are reported, as what JSON can hold."""
    return {name: nan_to_none(asdict(found[name])) for name in METRICS}


def changes(whole: npt.NDArray[np.bool_], D: npt.NDArray[np.bool_]) -> dict[str, float]:
    """How far decisions (n, g) differ from those of the whole plots.

    ``changed_of_tags``: genres that a film has won or lost, of those that it has before or after
    (0: all the same; 1: none in common). ``changed_of_cells``: of all pairs of film and genre, most
    of which nobody would ever tag. ``films_changed``: films with any change.
    """
    differs = whole != D
    return {
        "changed_of_tags": float(differs.sum() / max((whole | D).sum(), 1)),
        "changed_of_cells": float(differs.mean()),
        "films_changed": float(differs.any(axis=1).mean()),
        "tags_a_film": float(D.sum(axis=1).mean()),
    }


def by_kind(films: Corpus, whole: Scores) -> dict[str, Any]:
    """Results of the whole plots by decade and length, with the report page's buckets."""
    decades = by_decade(films.years, whole.Y, whole.D, resamples=RESAMPLES)
    lengths = by_length(films.plots, whole.Y, whole.D, resamples=RESAMPLES)
    return {
        "by_decade": [asdict(one) for one in decades],
        "by_length": [asdict(one) for one in lengths],
    }
