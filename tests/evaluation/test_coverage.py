"""Intervals hold the value of the films that test sets are drawn from, or there are none."""

import math

import numpy as np
import pytest

from plotgenre.evaluation.intervals import (
    FEWEST_FILMS,
    FEWEST_OF_A_KIND,
    bootstrap,
    paired_bootstrap,
)

POPULATION, FILMS, DRAWS, RESAMPLES = 10_000, 300, 40, 100
# One of each kind: ratio of sums, mean over films, mean over genres, squared error, ranking.
METRICS = ("micro_f1", "samples_f1", "macro_f1_supported", "brier", "micro_average_precision")


def case(films, genres, seed):
    """Calibrated probabilities of genres ever rarer, their targets, and decisions."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.2 - 0.25 * np.arange(genres), 2.0, (films, genres))
    P = 1 / (1 + np.exp(-logits))
    return rng.random(P.shape) < P, P, P >= 0.4


@pytest.fixture(scope="module")
def drawn():
    """The population's values, and in many test sets the intervals, of a system and a difference.

    The first system sees the second's probabilities through noise.
    """
    Y, P, D = case(POPULATION, 5, 0)
    noisy = np.clip(P + np.random.default_rng(1).normal(0, 0.15, P.shape), 0, 1)
    systems = (noisy, noisy >= 0.4), (P, D)

    def scored(rows, resamples, seed=0):
        of_rows = [(p[rows], d[rows]) for p, d in systems]
        second = paired_bootstrap(Y[rows], of_rows, resamples=resamples, seed=seed)[1]
        return {"alone": second.metrics, "less": second.less_first}

    rng = np.random.default_rng(2)
    draws = [
        scored(rng.choice(POPULATION, FILMS, replace=False), RESAMPLES, seed)
        for seed in range(DRAWS)
    ]
    return scored(slice(None), 0), draws


@pytest.mark.parametrize("which", ["alone", "less"])
@pytest.mark.parametrize("metric", METRICS)
def test_most_test_sets_hold_the_value_of_all_films(drawn, which, metric):
    truth, draws = drawn
    value = truth[which][metric].value
    intervals = [draw[which][metric] for draw in draws]
    # 95 % of 40 is 38; at 60 % coverage, fewer than one in a thousand draws would be as good.
    assert sum(one.low <= value <= one.high for one in intervals) >= 34
    # Nor are they wider than they must be: four standard deviations of the values.
    width = np.mean([one.high - one.low for one in intervals])
    assert 3 < width / np.std([one.value for one in intervals]) < 5


@pytest.mark.parametrize("which", ["alone", "less"])
@pytest.mark.parametrize("metric", ["macro_average_precision", "expected_calibration_error"])
def test_what_changes_with_the_number_of_films_has_no_interval(drawn, which, metric):
    for one in (draw[which][metric] for draw in drawn[1]):
        assert not math.isnan(one.value)
        assert math.isnan(one.low)
        assert math.isnan(one.high)


def test_macro_average_precision_is_higher_on_fewer_films():
    # Why it has none.
    Y, P, D = case(POPULATION, 20, 0)
    on_all = bootstrap(Y, P, D, resamples=0)["macro_average_precision"].value
    few = [
        bootstrap(Y[rows], P[rows], D[rows], resamples=0)["macro_average_precision"].value
        for rows in np.arange(20 * 100).reshape(20, 100)
    ]
    assert np.mean(few) > on_all + 0.03


def test_averages_over_genres_need_films_of_each_genre():
    Y, P, D = case(400, 3, 0)
    over_genres = ("macro_f1_supported", "weighted_f1")
    for rare, known in ((FEWEST_OF_A_KIND, True), (FEWEST_OF_A_KIND - 1, False)):
        Y[:, 2] = np.arange(400) < rare
        common = {"common": np.array([True, True, False])}
        ours = bootstrap(Y, P, D, common, resamples=20)
        assert {ours[metric].known for metric in over_genres} == {known}
        less = paired_bootstrap(Y, [(P, D), (P, ~D)], resamples=20)[1].less_first
        assert {less[metric].known for metric in over_genres} == {known}
        # Averages over films or cells, and a group without the rare genre, keep theirs.
        for metric in ("micro_f1", "lrap", "label_accuracy", "coverage_error", "brier"):
            assert ours[metric].known
        assert ours["common_macro_f1"].known
        assert ours["common_brier"].known
        rarest = bootstrap(Y, P, D, {"rare": np.array([False, False, True])}, resamples=20)
        assert rarest["rare_brier"].known == known


def test_too_few_films_have_values_alone():
    for films, known in ((FEWEST_FILMS, True), (FEWEST_FILMS - 1, False)):
        ours = bootstrap(*case(films, 3, 0), resamples=20)
        assert ours["micro_f1"].known == known
        assert not math.isnan(ours["micro_f1"].value)
