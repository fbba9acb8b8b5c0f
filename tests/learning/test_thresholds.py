import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn import metrics as reference

from plotgenre.errors import InputError
from plotgenre.evaluation.metrics import decision_metrics
from plotgenre.learning.thresholds import (
    ThresholdSettings,
    best_micro_f1,
    decide,
    tune_thresholds,
)

METRICS = [
    "micro_f1",
    "macro_f1",
    "samples_f1",
    "jaccard",
    "subset_accuracy",
    "label_accuracy",
]
# Sums over genres: if each genre has its best threshold, so have all together.
SEPARABLE = ["macro_f1", "label_accuracy"]


def score(name, Y, D):
    if name.endswith("_f1"):
        average = name.removesuffix("_f1")
        return reference.f1_score(Y, D, average=average, zero_division=0)
    if name == "jaccard":
        return reference.jaccard_score(Y, D, average="samples", zero_division=0)
    return reference.accuracy_score(Y, D) if name == "subset_accuracy" else (Y == D).mean()


def informative(n, g, seed, *, digits=None):
    """Targets and probabilities that rise with them; ``digits`` rounds, which makes ties."""
    rng = np.random.default_rng(seed)
    Y = rng.random((n, g)) < np.linspace(0.5, 0.15, g)
    Y[0] = True
    logits = 2.5 * Y - 1.7 + rng.normal(size=(n, g))
    P = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return (P if digits is None else P.round(digits).astype(np.float32)), Y


def all_thresholds(values):
    """One threshold inside each gap between different values, and one beyond each end."""
    distinct = np.unique(values)
    return np.concatenate([[0], (distinct[1:] + distinct[:-1]) / 2, [1.1]]).astype(np.float32)


def settings(scope="global", metric="micro_f1", **more):
    return ThresholdSettings(scope=scope, metric=metric, **more)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("digits", [None, 1])
def test_global_threshold_is_the_best_of_all_there_are(metric, digits):
    for seed in range(2):
        P, Y = informative(15, 4, seed, digits=digits)
        thresholds = tune_thresholds(P, Y, settings(metric=metric))
        assert len(set(thresholds)) == 1
        best = max(score(metric, Y, t <= P) for t in all_thresholds(P))
        assert score(metric, Y, decide(P, thresholds)) == pytest.approx(best)


@pytest.mark.parametrize("metric", SEPARABLE)
@pytest.mark.parametrize("digits", [None, 1])
def test_per_genre_thresholds_are_the_best_of_all_combinations(metric, digits):
    P, Y = informative(7, 3, 1, digits=digits)
    thresholds = tune_thresholds(P, Y, settings("per_genre", metric))
    grid = itertools.product(*(all_thresholds(column) for column in P.T))
    best = max(score(metric, Y, np.array(combination) <= P) for combination in grid)
    assert score(metric, Y, decide(P, thresholds)) == pytest.approx(best)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("digits", [None, 2])
def test_no_single_genre_can_improve_on_the_ascent(metric, digits):
    P, Y = informative(40, 5, 2, digits=digits)
    thresholds = tune_thresholds(P, Y, settings("per_genre", metric))
    reached = score(metric, Y, decide(P, thresholds))
    assert reached >= score(metric, Y, decide(P, tune_thresholds(P, Y, settings(metric=metric))))
    for genre in range(5):
        for other in all_thresholds(P[:, genre]):
            changed = thresholds.copy()
            changed[genre] = other
            assert score(metric, Y, decide(P, changed)) <= reached + 1e-9


def test_threshold_lies_midway_between_the_probabilities_it_parts():
    P = np.array([[0.9], [0.6], [0.4], [0.1]], dtype=np.float32)
    Y = np.array([[1], [1], [0], [0]], dtype=bool)
    for scope in ("global", "per_genre", "micromacro"):
        assert tune_thresholds(P, Y, settings(scope)) == pytest.approx([0.5])


def test_a_cut_never_falls_between_equal_probabilities():
    P = np.array([[0.9], [0.5], [0.5], [0.5], [0.1]], dtype=np.float32)
    Y = np.array([[1], [1], [1], [0], [0]], dtype=bool)
    # All three at 0.5 give F1 6/7; the first alone 1/2; F1 1 would need a cut inside the ties.
    for scope in ("global", "per_genre", "micromacro"):
        assert tune_thresholds(P, Y, settings(scope)) == pytest.approx([0.3])


@pytest.mark.parametrize("ones", [1.0, np.nextafter(np.float32(1), np.float32(0))])
def test_neighbouring_float32_probabilities_can_be_parted(ones):
    above = np.float32(ones)
    below = np.nextafter(above, np.float32(0))
    P = np.array([[above], [below], [0.1]], dtype=np.float32)
    Y = np.array([[1], [0], [0]], dtype=bool)
    thresholds = tune_thresholds(P, Y, settings("per_genre"))
    assert decide(P, thresholds).ravel().tolist() == [True, False, False]


def test_nothing_on_leaves_room_above_the_highest_probability():
    P = np.array([[0.6], [0.4], [0.2]], dtype=np.float32)
    Y = np.array([[0], [0], [1]], dtype=bool)
    # Any decision costs label accuracy: the threshold lies midway between 0.6 and 1.
    assert tune_thresholds(P, Y, settings(metric="label_accuracy")) == pytest.approx([0.8])


def test_certain_probabilities_can_still_be_switched_off():
    P = np.ones((4, 1), dtype=np.float32)
    Y = np.array([[1], [0], [0], [0]], dtype=bool)
    thresholds = tune_thresholds(P, Y, settings(metric="label_accuracy"))
    assert not decide(P, thresholds).any()


@pytest.mark.parametrize("scope", ["per_genre", "micromacro"])
@pytest.mark.parametrize("metric", METRICS)
def test_genre_without_validation_films_keeps_the_global_threshold(scope, metric):
    P, Y = informative(60, 4, 3)
    Y[:, 2] = False
    base = metric if scope == "per_genre" and metric != "macro_f1" else "micro_f1"
    safe = tune_thresholds(P, Y, settings(metric=base))[0]
    assert tune_thresholds(P, Y, settings(scope, metric))[2] == safe


@pytest.mark.parametrize("scope", ["per_genre", "micromacro"])
@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_uninformative_genre_is_not_switched_on_for_all(scope, metric):
    # A third of 300 films have the genre: without the guard F1 is highest with all on (Lipton).
    P, Y = informative(300, 4, 4)
    rng = np.random.default_rng(5)
    Y[:, 1] = rng.random(300) < 0.33
    P[:, 1] = 0.33
    safe = tune_thresholds(P, Y, settings())[0]
    assert safe > 0.33
    assert not decide(P, tune_thresholds(P, Y, settings(scope, metric)))[:, 1].any()
    P[:, 1] = 0.3 + 0.05 * rng.random(300)
    assert decide(P, tune_thresholds(P, Y, settings(scope, metric)))[:, 1].mean() < 0.5


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scope", ["global", "per_genre", "micromacro"])
def test_wholly_uninformative_classifier_predicts_nothing(metric, scope):
    Y = np.random.default_rng(6).random((200, 5)) < 0.2
    P = np.full(Y.shape, 0.2, dtype=np.float32)
    assert not decide(P, tune_thresholds(P, Y, settings(scope, metric))).any()


def test_genre_that_most_films_have_may_be_on_for_all():
    P = np.full((10, 1), 0.9, dtype=np.float32)
    Y = np.arange(10)[:, None] < 9
    assert decide(P, tune_thresholds(P, Y, settings("per_genre"))).all()


@pytest.mark.parametrize(("place", "on"), [(3, 3), (6, 0)])
def test_micromacro_by_hand(place, on):
    # The frequent genre comes first and is on for its two films: found 2, predicted 2, actual 2.
    # For the rare one micro-F1 plus half its own F1 is 4/5 + 0 with nothing on, and up to its only
    # film 6/8 + 2/4/2 = 1 if that is in third place, but 6/11 + 2/7/2 = 0.69 if in sixth.
    # 42 more films, else so many on for one to find would be no better than a random pick.
    P = np.full((50, 2), 0.01, dtype=np.float32)
    P[:8] = np.linspace(0.9, 0.2, 8)[:, None]
    Y = np.zeros((50, 2), dtype=bool)
    Y[:2, 0] = True
    Y[place - 1, 1] = True
    D = decide(P, tune_thresholds(P, Y, settings("micromacro")))
    assert D.sum(axis=0).tolist() == [2, on]


def test_micromacro_equals_a_plain_loop_over_all_cuts():
    P, Y = informative(80, 6, 7)
    P, Y = P[:, ::-1].copy(), Y[:, ::-1].copy()
    chosen, done = {}, np.zeros(3)
    f1 = lambda found, predicted, actual: 2 * found / (predicted + actual)  # noqa: E731
    for rank, genre in enumerate(np.argsort(-Y.sum(axis=0), kind="stable"), start=1):
        best = -1.0
        for threshold in all_thresholds(P[:, genre])[::-1]:
            on = threshold <= P[:, genre]
            counts = np.array([(on & Y[:, genre]).sum(), on.sum(), Y[:, genre].sum()])
            objective = f1(*(done + counts)) + f1(*counts) / rank
            if objective > best + 1e-12:
                best, kept, chosen[genre] = objective, counts, on
        done = done + kept
    decisions = decide(P, tune_thresholds(P, Y, settings("micromacro")))
    for genre, on in chosen.items():
        assert (decisions[:, genre] == on).all()


def test_micromacro_does_not_let_one_lucky_film_decide():
    # One rare film ranks last of 100: F1 alone would switch on all 100 films.
    P, Y = informative(100, 3, 8)
    Y[:, 2], P[:, 2] = False, np.linspace(0.3, 0.1, 100)
    Y[99, 2] = True
    assert decide(P, tune_thresholds(P, Y, settings("micromacro")))[:, 2].sum() == 0


def test_fixed_is_the_value_for_every_genre():
    P, Y = informative(5, 3, 0)
    thresholds = tune_thresholds(P, Y, settings("fixed", value=0.1))
    assert thresholds.dtype == np.float32
    assert thresholds.tolist() == [np.float32(0.1)] * 3


def test_decide_switches_on_at_the_threshold_itself_whatever_the_precision():
    thresholds = np.array([0.1, 0.5], dtype=np.float32)
    assert decide(np.array([[0.1, 0.5]]), thresholds).all()
    assert decide(np.array([[0.1, 0.5]], dtype=np.float32), thresholds).all()


def decided(P, thresholds, **policy):
    thresholds = np.array(thresholds, dtype=np.float32)
    return decide(np.array(P), thresholds, ThresholdSettings(**policy)).astype(int).tolist()


def test_top_k_keeps_the_most_probable_of_those_above_their_thresholds():
    P, thresholds = [[0.9, 0.8, 0.7, 0.2], [0.1, 0.6, 0.0, 0.3]], [0.95, 0.5, 0.5, 0.1]
    assert decided(P, thresholds) == [[0, 1, 1, 1], [0, 1, 0, 1]]
    assert decided(P, thresholds, top_k=2) == [[0, 1, 1, 0], [0, 1, 0, 1]]
    # The first genre is the most probable, but not on; the last is the furthest above its own.
    assert decided(P, thresholds, top_k=1) == [[0, 1, 0, 0], [0, 1, 0, 0]]
    assert decided(P, thresholds, top_k=9) == decided(P, thresholds)


def test_top_k_takes_the_first_of_equals():
    assert decided([[0.5, 0.7, 0.7, 0.7]], [0.1] * 4, top_k=2) == [[0, 1, 1, 0]]


def test_at_least_one_by_hand():
    # Odds of 2/3, 1/3 and 1/49 to thresholds' odds of 3/2, 1 and 1/24: 4/9, 1/3 and 24/49.
    near, far, nearest = (0.4, 0.6), (0.25, 0.5), (0.02, 0.04)
    P, thresholds = zip(near, far, nearest, strict=True)
    assert decided([P, [0.4, 0.25, 0.01]], thresholds) == [[0, 0, 0], [0, 0, 0]]
    answered = decided([P, [0.4, 0.25, 0.01]], thresholds, at_least_one=True)
    assert answered == [[0, 0, 1], [1, 0, 0]]
    # A film that has one gets no other.
    assert decided([[0.6, 0.4, 0.03]], thresholds, at_least_one=True) == [[1, 0, 0]]
    assert decided([P], thresholds, at_least_one=True, top_k=1) == [[0, 0, 1]]


def test_at_least_one_is_the_most_probable_under_one_threshold():
    P, _ = informative(200, 6, 3, digits=2)
    D = decide(P, np.full(6, 0.7, np.float32), ThresholdSettings(at_least_one=True))
    alone = ~(P >= 0.7).any(axis=1)
    assert 10 < alone.sum() < 190
    assert (D.sum(axis=1)[alone] == 1).all()
    assert D[alone].argmax(axis=1).tolist() == P[alone].argmax(axis=1).tolist()
    assert (D[~alone] == (P[~alone] >= np.float32(0.7))).all()


@pytest.mark.parametrize("zero", [0.0, 1e-45])
def test_at_least_one_leaves_out_what_is_out_of_reach(zero):
    assert decided([[0.9, 0.0, zero]], [1, 0.9, 0.5], at_least_one=True) == [[0, 0, 1]]
    assert decided([[0.9, 0.5]], [1, np.nextafter(1, 2)], at_least_one=True) == [[0, 0]]
    assert decided([[0.9, 0.5]], [1, 0], at_least_one=True) == [[0, 1]]


def test_a_policy_changes_no_threshold():
    P, Y = informative(50, 4, 9)
    for scope in ("global", "per_genre", "micromacro"):
        plain = tune_thresholds(P, Y, settings(scope))
        policy = tune_thresholds(P, Y, settings(scope, top_k=1, at_least_one=True))
        assert policy.tolist() == plain.tolist()


@pytest.mark.parametrize("policy", [{"top_k": 2}, {"at_least_one": True}])
def test_tuning_under_a_policy_would_gain_nothing_on_other_films(policy):
    P, Y = informative(1200, 6, 11)
    under, plain = settings(**policy), tune_thresholds(P[:600], Y[:600], settings())

    def reached(threshold, films):
        D = decide(P[films], np.full(6, threshold, np.float32), under)
        return score("micro_f1", Y[films], D)

    tuned = max(np.linspace(0.05, 0.95, 46), key=lambda t: reached(t, slice(600)))
    assert reached(plain[0], slice(600, None)) >= reached(tuned, slice(600, None)) - 0.01


def test_tuned_decisions_score_what_evaluation_says():
    P, Y = informative(50, 4, 9)
    D = decide(P, tune_thresholds(P, Y, settings(metric="jaccard")))
    assert decision_metrics(Y, D)["jaccard"] == pytest.approx(score("jaccard", Y, D))


@pytest.mark.parametrize("scope", ["global", "per_genre", "micromacro"])
@pytest.mark.parametrize("metric", METRICS)
def test_one_film_and_no_positive_film(scope, metric):
    one = tune_thresholds([[0.7, 0.2]], [[True, False]], settings(scope, metric))
    assert np.isfinite(one).all()
    assert not decide([[0.7, 0.2]], one)[0, 1]
    none = tune_thresholds([[0.7, 0.2]], [[False, False]], settings(scope, metric))
    assert not decide([[0.7, 0.2]], none).any()


@pytest.mark.parametrize(
    ("P", "Y", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2)), r"both be \(films, genres\)"),
        (np.zeros(3), np.zeros(3), r"both be \(films, genres\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "validation set is empty"),
        ([[0.5, np.nan]], [[1, 0]], "got nan for film 0, genre 1"),
        ([[0.5], [1.5]], [[1], [0]], "got 1.5 for film 1, genre 0"),
    ],
)
def test_bad_input_is_refused(P, Y, message):
    with pytest.raises(InputError, match=message):
        tune_thresholds(P, Y, settings())


def test_decide_refuses_thresholds_of_other_genres():
    with pytest.raises(InputError, match="one for each genre"):
        decide(np.zeros((2, 3)), np.zeros(2, dtype=np.float32))


@pytest.mark.parametrize(
    "wrong",
    [{"scope": "each"}, {"metric": "f1"}, {"value": 2.0}, {"x": 1}, {"top_k": 0}, {"top_k": 1.5}],
)
def test_settings_refuse_what_they_do_not_know(wrong):
    with pytest.raises(ValidationError):
        ThresholdSettings(**wrong)


def test_the_best_micro_f1_is_that_of_the_best_single_cut():
    rng = np.random.default_rng(4)
    P = rng.random((30, 5)).astype(np.float32)
    Y = rng.random((30, 5)) < P
    tried = [reference.f1_score(Y, cut <= P, average="micro") for cut in P.ravel()]
    assert best_micro_f1(P, Y) == pytest.approx(max(tried))
