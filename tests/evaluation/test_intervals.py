import math

import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.evaluation import intervals
from plotgenre.evaluation.calibration import calibration_metrics
from plotgenre.evaluation.intervals import bootstrap, paired_bootstrap, paired_difference
from plotgenre.evaluation.metrics import decision_metrics, ranking_metrics


def case(films=60, seed=0, digits=2):
    """Targets with a genre nobody has and a film without genres, probabilities, decisions."""
    rng = np.random.default_rng(seed)
    Y = rng.random((films, 6)) < [0.6, 0.4, 0.3, 0.2, 0.1, 0.0]
    Y[3] = False
    P = (rng.random(Y.shape) * 0.7 + 0.3 * Y).round(digits)
    return Y, P, P >= 0.6


def plain_metrics(Y, P, D):
    return decision_metrics(Y, D) | ranking_metrics(Y, P) | calibration_metrics(Y, P)


def test_values_are_the_metrics_of_the_films_as_they_are():
    Y, P, D = case()
    plain = plain_metrics(Y, P, D)
    del plain["genres_with_support"]
    ours = bootstrap(Y, P, D, resamples=0)
    assert {name: interval.value for name, interval in ours.items()} == pytest.approx(plain)
    assert all(math.isnan(interval.low) for interval in ours.values())


@pytest.mark.parametrize("digits", [0, 1])
@pytest.mark.parametrize("cells", [1, 7, 2000])
def test_each_resample_is_an_evaluation_of_the_films_drawn(monkeypatch, cells, digits):
    monkeypatch.setattr(intervals, "_CELLS", cells)
    # So many equal probabilities that a run of them holds more cells than there are films.
    Y, P, D = case(digits=digits)
    weights = intervals._weights(len(Y), 8, seed=1)
    every = np.ones(Y.shape[1], dtype=bool)
    resampled = intervals._resampled(Y, P, D, {}, every, weights)
    for row, weight in enumerate(weights):
        films = np.repeat(np.arange(len(Y)), weight.astype(int))
        plain = plain_metrics(Y[films], P[films], D[films])
        del plain["genres_with_support"]
        ours = {name: column[row] for name, column in resampled.items() if len(column) > 1}
        assert plain.keys() - ours.keys() == {
            "macro_average_precision",
            "expected_calibration_error",
        }
        assert ours == pytest.approx({name: plain[name] for name in ours})


def test_only_a_run_alone_has_more_cells_than_fit_in_the_cache(monkeypatch):
    monkeypatch.setattr(intervals, "_CELLS", 100)
    ends = np.array([3, 9, 400, 410, 500, 501, 530])
    starts = np.r_[0, ends[:-1] + 1]
    batches = intervals._batches(starts, ends)
    assert [run for first, last in batches for run in range(first, last + 1)] == list(range(7))
    for first, last in batches:
        assert first == last or ends[last] + 1 - starts[first] <= 200


def test_a_resample_draws_as_many_films_as_there_are():
    weights = intervals._weights(50, 20, seed=0)
    assert (weights.sum(axis=1) == 50).all()
    assert (weights[0] == 1).all()
    assert (weights[1:] == 0).any()


def test_interval_of_a_mean_is_that_of_theory():
    # Subset accuracy is a share: its standard error is sqrt(p (1 - p) / n).
    films = 2000
    Y = np.ones((films, 1), dtype=bool)
    D = np.arange(films)[:, None] < 0.3 * films
    interval = bootstrap(Y, D.astype(float), D, resamples=2000)["subset_accuracy"]
    margin = 1.96 * math.sqrt(0.3 * 0.7 / films)
    assert interval.value == pytest.approx(0.3)
    assert interval.low == pytest.approx(0.3 - margin, abs=0.003)
    assert interval.high == pytest.approx(0.3 + margin, abs=0.003)


def test_every_interval_holds_its_value():
    # Rare genres: some resamples have none of them, so that their means lie beside the value.
    rng = np.random.default_rng(2)
    Y = rng.random((300, 30)) < 0.1
    Y[:20] = True
    P = rng.random(Y.shape)
    found = bootstrap(Y, P, P >= 0.95, resamples=300)
    for name, interval in found.items():
        if interval.known:
            assert interval.low <= interval.value <= interval.high, name
    without = {name for name, interval in found.items() if not interval.known}
    assert without == {
        "macro_precision_supported",
        "macro_average_precision",
        "expected_calibration_error",
    }


def test_perfect_decisions_have_an_interval_without_width_and_within_bounds():
    Y, _, _ = case(600)
    Y = Y[Y.any(axis=1)][:, :5]
    ours = bootstrap(Y, Y.astype(float), Y, resamples=50)
    for name in ("micro_f1", "macro_f1_supported", "micro_average_precision", "lrap"):
        assert (ours[name].low, ours[name].value, ours[name].high) == pytest.approx((1, 1, 1))


def test_groups_are_the_metrics_of_their_columns():
    Y, P, D = case()
    rare = np.array([False, False, False, True, True, True])
    ours = bootstrap(Y, P, D, {"rare": rare}, resamples=0)
    plain = plain_metrics(Y[:, rare], P[:, rare], D[:, rare])
    assert ours["rare_micro_f1"].value == pytest.approx(plain["micro_f1"])
    assert ours["rare_macro_f1"].value == pytest.approx(plain["macro_f1_supported"])
    precision = ours["rare_macro_average_precision"].value
    assert precision == pytest.approx(plain["macro_average_precision"])
    for name in ("expected_calibration_error", "brier"):
        assert ours[f"rare_{name}"].value == pytest.approx(plain[name])


def test_a_group_without_genres_is_undefined():
    ours = bootstrap(*case(), {"none": np.zeros(6, dtype=bool)}, resamples=3)
    for name in ("macro_f1", "expected_calibration_error", "brier"):
        assert math.isnan(ours[f"none_{name}"].value)
        assert math.isnan(ours[f"none_{name}"].low)


def test_same_seed_same_intervals_other_seed_others():
    Y, P, D = case(200)
    first, again, other = (bootstrap(Y, P, D, resamples=40, seed=seed) for seed in (1, 1, 2))
    assert repr(first) == repr(again)
    assert repr(first) != repr(other)


def test_paired_difference_is_second_less_first_and_narrow():
    Y, P, D = case(films=200)
    worse = D.copy()
    worse[::10, 0] = ~Y[::10, 0]
    difference = paired_difference(Y, (P, worse), (P, D), resamples=200)
    gained = decision_metrics(Y, D)["micro_f1"] - decision_metrics(Y, worse)["micro_f1"]
    assert difference["micro_f1"].value == pytest.approx(gained)
    alone = bootstrap(Y, P, D, resamples=200)["micro_f1"]
    width = difference["micro_f1"].high - difference["micro_f1"].low
    assert width < (alone.high - alone.low) / 2
    assert difference["lrap"] == intervals.Interval(0, 0, 0)


def test_paired_bootstrap_is_each_alone_and_the_differences():
    Y, P, D = case(600)
    Y, P, D = Y[:, :5], P[:, :5], D[:, :5]
    first, second = paired_bootstrap(Y, [(P, D), (1 - P, ~D)], resamples=30)
    assert repr(first.metrics) == repr(bootstrap(Y, P, D, resamples=30))
    assert repr(second.metrics) == repr(bootstrap(Y, 1 - P, ~D, resamples=30))
    alone = paired_difference(Y, (P, D), (1 - P, ~D), resamples=30)
    assert repr(second.less_first) == repr(alone)
    for name, interval in first.less_first.items():
        assert interval.value == 0
        assert not interval.known or (interval.low, interval.high) == (0, 0), name


def test_the_mean_of_one_value_a_film():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    ours = intervals.mean_interval(values)
    # The classical interval: 1.96 standard errors to either side.
    error = values.std() / 20
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error
    )
    holes = np.append(values, [np.nan, np.nan])
    assert intervals.mean_interval(holes).value == pytest.approx(values.mean())
    assert math.isnan(intervals.mean_interval(np.full(3, np.nan)).value)


def test_one_film():
    Y, P = np.array([[True, False]]), np.array([[0.9, 0.1]])
    ours = bootstrap(Y, P, P >= 0.5, resamples=10)
    assert ours["micro_f1"].value == 1
    assert not ours["micro_f1"].known


def test_nothing_right_and_nothing_there():
    Y = np.zeros((200, 2), dtype=bool)
    ours = bootstrap(Y, Y + 0.5, Y, resamples=5)
    assert ours["micro_f1"] == intervals.Interval(0, 0, 0)
    assert math.isnan(ours["macro_f1_supported"].value)
    assert math.isnan(ours["micro_average_precision"].low)


def test_bad_input_is_refused():
    Y, P, D = case()
    with pytest.raises(InputError, match="resamples must be 0 or more"):
        bootstrap(Y, P, D, resamples=-1)
    with pytest.raises(InputError, match="no films"):
        bootstrap(Y[:0], P[:0], D[:0])
    with pytest.raises(InputError, match="one shape"):
        bootstrap(Y, P[:, :2], D)
