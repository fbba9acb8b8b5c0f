import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.calibration import (
    Calibration,
    CalibrationSettings,
    fit_calibration,
    sigmoid,
)

SHARED = CalibrationSettings(method="shared")


def per_genre(shrinkage, mixing=0.0):
    return CalibrationSettings(method="per_genre", shrinkage=shrinkage, mixing_shrinkage=mixing)


def drawn(films, genres, scale=1.0, shift=0.0, seed=0):
    """Logits, and targets drawn from the sigmoid of ``scale * logits + shift``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (films, genres))
    Y = rng.random(logits.shape) < sigmoid(scale * logits + shift)
    return logits.astype(np.float32), Y


def test_none_is_the_mean_of_the_branches():
    one, two = np.full((2, 3), 1.0, np.float32), np.full((2, 3), 4.0, np.float32)
    Y = np.zeros((2, 3), bool)
    fitted = fit_calibration([one, two], Y, CalibrationSettings())
    assert fitted.logits([one, two]).tolist() == [[2.5] * 3] * 2


def test_a_constant_logit_becomes_the_share_of_films():
    # With the same logit 0 everywhere only the bias can move: 3 of 4 films are log(3).
    Y = np.array([[1], [1], [1], [0]], bool)
    fitted = fit_calibration([np.zeros((4, 1), np.float32)], Y, SHARED)
    # The ridge of 0.001 on the bias holds it back by 0.001 * log(3) / (4 * 3/4 * 1/4).
    assert fitted.biases[0] == pytest.approx(np.log(3), abs=0.003)


def test_scale_and_shift_are_found_again():
    logits, Y = drawn(4000, 5, scale=0.5, shift=-0.7)
    fitted = fit_calibration([logits], Y, SHARED)
    assert fitted.weights[0] == pytest.approx([0.5] * 5, abs=0.03)
    assert fitted.biases == pytest.approx([-0.7] * 5, abs=0.06)


def test_it_is_the_logistic_regression_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    logits, Y = drawn(300, 2, scale=2.0, shift=1.0)
    other, _ = drawn(300, 2, seed=1)
    fitted = fit_calibration([logits, other], Y, per_genre(1e-6))
    for j in range(2):
        X = np.column_stack([logits[:, j], other[:, j]])
        reference = linear_model.LogisticRegression(C=1e6, tol=1e-8).fit(X, Y[:, j])
        assert fitted.weights[:, j] == pytest.approx(reference.coef_[0], abs=1e-3)
        assert fitted.biases[j] == pytest.approx(reference.intercept_[0], abs=1e-3)


def test_rare_genres_stay_and_frequent_ones_go_their_own_way():
    logits, Y = drawn(2000, 20)
    odd, Y_odd = drawn(2000, 2, scale=0.3, shift=2.0, seed=1)
    # Of the last genre only five positives are left: too few to believe another slope.
    Y_odd[np.flatnonzero(Y_odd[:, 1])[5:], 1] = False
    odd[:, 1] -= 8
    logits, Y = np.hstack([logits, odd]), np.hstack([Y, Y_odd])
    shared = fit_calibration([logits], Y, SHARED)
    free = fit_calibration([logits], Y, per_genre(20.0))
    moved = np.abs(free.weights - shared.weights)[0]
    assert moved[20] > 0.3
    assert moved[21] < 0.15
    assert (
        np.abs(fit_calibration([logits], Y, per_genre(1e9)).weights - shared.weights).max() < 1e-5
    )


def test_the_better_branch_weighs_more_and_noise_nothing():
    good, Y = drawn(3000, 3)
    noise = np.random.default_rng(5).normal(0, 2, good.shape).astype(np.float32)
    fitted = fit_calibration([good, noise], Y, SHARED)
    assert fitted.weights[0].min() > 0.9
    assert np.abs(fitted.weights[1]).max() < 0.05


def test_the_ratio_of_branches_is_shrunk_apart_from_scale_and_bias():
    # In the first genre the first branch is right at half its scale, in the others both are.
    rng = np.random.default_rng(3)
    one, two = rng.normal(-1, 2, (2, 600, 6)).astype(np.float32)
    right = 0.5 * (one + two)
    right[:, 0] = 0.5 * one[:, 0] + 2
    Y = rng.random(right.shape) < sigmoid(right)
    free, held = (fit_calibration([one, two], Y, per_genre(1.0, mixing)) for mixing in (0, 1e6))
    shared = fit_calibration([one, two], Y, SHARED)
    assert abs(free.weights[1, 0]) < 0.1
    ratios = held.weights[0] / held.weights[1]
    assert ratios == pytest.approx(shared.weights[0] / shared.weights[1], rel=1e-3)
    assert held.weights[0, 0] < shared.weights[0, 0] - 0.05
    assert held.biases[0] > shared.biases[0] + 0.5
    # One branch has no ratio.
    alone = [fit_calibration([one], Y, per_genre(1.0, mixing)).weights for mixing in (0, 1e6)]
    np.testing.assert_allclose(*alone, atol=1e-6)


@pytest.mark.parametrize("settings", [SHARED, per_genre(0.01), per_genre(0.01, 300.0)])
def test_separable_and_extreme_logits_stay_finite(settings):
    logits = np.array([[1e4, -1e4], [-1e4, -1e4], [1e4, 1e4]], np.float32)
    fitted = fit_calibration([logits], logits > 0, settings)
    assert np.isfinite(fitted.logits([logits])).all()
    assert ((fitted.logits([logits]) > 0) == (logits > 0)).all()


def test_genres_all_on_or_all_off_stay_finite():
    logits, Y = drawn(50, 3)
    Y[:, 0], Y[:, 1] = True, False
    fitted = fit_calibration([logits], Y, per_genre(1.0))
    P = sigmoid(fitted.logits([logits]))
    assert P[:, 0].mean() > P[:, 2].mean() > P[:, 1].mean()


def test_tensors_come_back_and_strangers_are_refused():
    logits, Y = drawn(50, 3)
    fitted = fit_calibration([logits], Y, SHARED)
    again = Calibration.from_tensors(fitted.tensors(), 1, 3)
    assert (again.logits([logits]) == fitted.logits([logits])).all()
    with pytest.raises(ArtefactError, match=r"'weights' must be float32 of shape \(2, 3\)"):
        Calibration.from_tensors(fitted.tensors(), 2, 3)
    with pytest.raises(ArtefactError, match=r"'biases' must be float32 .* found none"):
        Calibration.from_tensors({"weights": fitted.weights}, 1, 3)
    broken = {**fitted.tensors(), "biases": np.full(3, np.nan, np.float32)}
    with pytest.raises(ArtefactError, match="NaN"):
        Calibration.from_tensors(broken, 1, 3)


def test_bad_input_is_named():
    logits, Y = drawn(10, 3)
    with pytest.raises(InputError, match=r"must both be \(10, 3\), got \(9, 3\)"):
        fit_calibration([logits[1:]], Y, SHARED)
    with pytest.raises(InputError, match="NaN"):
        fit_calibration([np.full_like(logits, np.nan)], Y, SHARED)
    with pytest.raises(InputError, match="needs branches"):
        fit_calibration([], Y, SHARED)
    with pytest.raises(InputError, match="joins 1 branches, got 2"):
        fit_calibration([logits], Y, SHARED).logits([logits, logits])
    with pytest.raises(ValidationError):
        CalibrationSettings(shrinkage=0)


def test_sigmoid_does_not_overflow():
    P = sigmoid(np.array([-1e4, -2, 0, 2, 1e4], dtype=np.float32))
    np.testing.assert_allclose(P, [0, 0.1192029, 0.5, 0.8807971, 1], atol=1e-6)
