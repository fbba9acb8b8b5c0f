"""Calibration: two errors by hand and against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from plotgenre.errors import InputError
from plotgenre.evaluation.calibration import (
    calibration_error,
    calibration_metrics,
    squared_errors,
)


def case(films=40, genres=7, seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.random((films, genres)) < 0.3
    return Y, np.clip(rng.random(Y.shape) * 0.7 + 0.3 * Y, 0, 1)


def test_by_hand():
    P = np.array([[0.2, 0.8]] * 4)
    Y = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=bool)
    ours = calibration_metrics(Y, P)
    # Half of the cells at 0.2 and half of those at 0.8 are true: 0.3 off on either side.
    assert ours["expected_calibration_error"] == pytest.approx(0.3)
    assert ours["brier"] == pytest.approx((0.04 + 0.64) / 2)
    assert squared_errors(Y, P) == pytest.approx([0.04, 0.04, 0.64, 0.64])


def test_errors_of_opposite_sign_in_one_bin_cancel_and_in_two_do_not():
    Y = np.array([[True], [False]])
    assert calibration_metrics(Y, np.full((2, 1), 0.5))["expected_calibration_error"] == 0
    apart = calibration_metrics(Y, np.array([[0.6], [0.4]]))
    assert apart["expected_calibration_error"] == pytest.approx(0.4)


def test_what_is_said_comes_true():
    Y = np.arange(10).reshape(-1, 1) < 4
    ours = calibration_metrics(Y, np.full((10, 1), 0.4))
    assert ours["expected_calibration_error"] == pytest.approx(0)
    assert ours["brier"] == pytest.approx(0.4 * 0.6)


def test_bins_hold_equally_many_cells():
    # Thirty cells, two a bin: each pair is off by its own mean. One bin of equal width could not
    # tell those near 0 apart.
    p = np.r_[np.linspace(0.001, 0.01, 28), 0.5, 0.9]
    Y = np.zeros((30, 1), dtype=bool)
    Y[[1, 29]] = True
    pairs = np.abs((p - Y.ravel()).reshape(15, 2).sum(axis=1))
    ours = calibration_metrics(Y, p.reshape(-1, 1))
    assert ours["expected_calibration_error"] == pytest.approx(pairs.sum() / 30)


def test_brier_is_that_of_scikit_learn():
    Y, P = case()
    assert calibration_metrics(Y, P)["brier"] == pytest.approx(
        brier_score_loss(Y.ravel(), P.ravel())
    )


def test_many_equal_probabilities_and_the_precision_of_scores():
    Y, P = case(films=200)
    P[:, 3:] = 0
    whole = calibration_metrics(Y, P)
    rounded = calibration_metrics(Y, P.astype(np.float16).astype(np.float32))
    assert rounded == pytest.approx(whole, abs=1e-3)
    # Every true cell of the genres at 0 is an error as a whole.
    assert whole["expected_calibration_error"] >= Y[:, 3:].sum() / Y.size


def test_without_a_genre_there_is_nothing_to_say():
    Y, P = np.zeros((3, 0), dtype=bool), np.zeros((3, 0))
    assert math.isnan(calibration_error(Y, P))
    assert math.isnan(squared_errors(Y, P)[0])
    with pytest.raises(InputError, match="no film or no genre"):
        calibration_metrics(Y, P)
