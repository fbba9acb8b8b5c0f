"""The page: an evaluation and everything beside it through one template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError
from plotgenre.evaluation.evaluation import SUMMARY, Evaluation, decided, decimals
from plotgenre.evaluation.intervals import Interval
from plotgenre.evaluation.metrics import Array, Bools, check_same_shape
from plotgenre.evaluation.report import charts
from plotgenre.evaluation.report.baseline import Baseline, score_baseline
from plotgenre.evaluation.report.curves import (
    THRESHOLDS,
    precision_recall,
    reliability,
    threshold_counts,
)
from plotgenre.evaluation.report.films import ReportFilms, best_and_worst, film_card
from plotgenre.evaluation.report.groups import by_decade, by_length, confusions
from plotgenre.evaluation.report.template import shortened, write_page

# What keeps the page of the largest vocabulary, with the longest names, under 3 MB.
_MOST_GENRES = 1000
_LONGEST_NAME = 80


def write_report(
    evaluation: Evaluation,
    P: npt.ArrayLike,
    Y: npt.ArrayLike,
    films: ReportFilms,
    history: Mapping[str, Any] | None,
    path: str | Path,
    *,
    decisions: npt.ArrayLike | None = None,
    resamples: int = 1000,
) -> None:
    """Write one self-contained HTML page about a model's scores.

    The page needs no network, follows the reader's light or dark mode, and takes every name and
    text of the corpus for hostile.

    Parameters
    ----------
    evaluation
        What `evaluation.evaluate` made of ``P`` and ``Y``.
    P, Y
        Test probabilities and targets of shape (n, g), columns in ``evaluation``'s order.
    films
        The ``n`` films.
    history
        The training, as `history_chart.draw_history` takes it; ``None`` leaves it out.
    path
        Of the page; folders above it are made.
    decisions
        As ``evaluation`` was given them.
    resamples
        Of the bootstrap of the baseline and of groups of films.

    Raises
    ------
    InputError
        If shapes disagree with the evaluation or the films.
    MissingExtraError
        If jinja2 or matplotlib is not installed.
    """
    P, Y = np.asarray(P, dtype=np.float32), np.asarray(Y, dtype=np.bool_)
    check_same_shape(probabilities=P, targets=Y)
    expected = (evaluation.films, len(evaluation.genres))
    if P.shape != expected or len(films) != len(P):
        raise InputError(
            f"the evaluation is of {expected[0]} films and {expected[1]} genres, "
            f"got probabilities {P.shape} and {len(films)} films"
        )
    D = decided(P, np.array(evaluation.thresholds, dtype=np.float32), decisions)
    contents = _contents(evaluation, (P, Y, D), films, history, resamples)
    write_page("report.html.jinja", contents, path)


def _contents(
    evaluation: Evaluation,
    cells: tuple[Array, Bools, Bools],
    films: ReportFilms,
    history: Mapping[str, Any] | None,
    resamples: int,
) -> dict[str, Any]:
    """Everything that the template shows; ``cells`` are probabilities, targets and decisions."""
    P, Y, D = cells
    genres = tuple(shortened(genre, _LONGEST_NAME) for genre in evaluation.genres)
    thresholds = np.array(evaluation.thresholds, dtype=np.float32)
    account = evaluation.account
    unknown = set() if account is None else {one.name for one in account.unknown}
    train_counts = np.array(
        [-1 if row.genre in unknown else row.train_films for row in evaluation.per_genre]
    )
    support = np.asarray(Y.any(axis=0))
    baseline = score_baseline(P, Y, D, genres, train_counts, resamples=resamples)
    best, worst = best_and_worst(P, Y, D)
    shown = np.argsort(-Y.sum(axis=0), kind="stable")[:_MOST_GENRES]
    bins = reliability(P, Y)
    lengths = by_length(films.plots, Y, D, resamples=resamples)
    decades = by_decade(films.years, Y, D, resamples=resamples)
    return {
        "evaluation": evaluation,
        "genre_count": len(genres),
        "headline": _headline(evaluation, baseline),
        "baseline": baseline,
        "rows": [(genres[j], evaluation.per_genre[j]) for j in shown.tolist()],
        "precision_recall": charts.precision_recall_chart(
            precision_recall(P, Y),
            _operating_point(evaluation),
            _operating_point(baseline.evaluation),
        ),
        "reliability": charts.reliability_chart(bins),
        "bins": list(zip(bins.probability, bins.frequency, bins.cells, strict=True)),
        "explorer": _explorer(evaluation, cells, shown[support[shown]], genres),
        "beyond_thresholds": int((np.greater_equal(P, thresholds) != D).sum()),
        "confusions": confusions(Y, D, genres),
        "groups": [
            (name, rows, charts.groups_chart(rows, name))
            for name, rows in (("words in the plot", lengths), ("decade", decades))
            if rows
        ],
        "films": [
            (name, [film_card(row, films, genres, P, Y, D) for row in rows])
            for name, rows in (("Best", best), ("Worst", worst))
        ],
        "history": charts.history_charts(history) if history and history["epochs"] else None,
        "best_epoch": history["best_epoch"] if history else None,
        "overfitting_after": history["overfitting_after"] if history else None,
    }


def _operating_point(evaluation: Evaluation) -> tuple[float, float]:
    metrics = evaluation.metrics
    return metrics["micro_precision"].value, metrics["micro_recall"].value


def _headline(
    evaluation: Evaluation, baseline: Baseline
) -> list[tuple[str, int, Interval, Interval, Interval]]:
    """Name, places to show, model, baseline and their difference of each main metric."""
    return [
        (
            name,
            decimals(key),
            evaluation.metrics[key],
            baseline.evaluation.metrics[key],
            baseline.differences[key],
        )
        for name, key in SUMMARY.items()
    ]


def _explorer(
    evaluation: Evaluation,
    cells: tuple[Array, Bools, Bools],
    shown: Array,
    genres: tuple[str, ...],
) -> dict[str, Any]:
    """Counts of the genres in the columns ``shown``, from which the threshold explorer computes."""
    P, Y, D = cells
    counts = threshold_counts(P[:, shown], Y[:, shown])
    rows = [evaluation.per_genre[j] for j in shown.tolist()]
    return {
        "films": evaluation.films,
        "thresholds": THRESHOLDS.tolist(),
        "genres": [genres[j] for j in shown.tolist()],
        "own": [round(row.threshold, 4) for row in rows],
        "own_predicted": [row.predicted for row in rows],
        "own_found": (Y & D)[:, shown].sum(axis=0).tolist(),
        "support": counts.support.tolist(),
        "predicted": counts.predicted.tolist(),
        "found": counts.found.tolist(),
    }
