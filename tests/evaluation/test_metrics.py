import math

import numpy as np
import pytest
from sklearn import metrics as reference

from plotgenre.errors import InputError
from plotgenre.evaluation.metrics import (
    average_precision,
    decision_metrics,
    frequency_buckets,
    per_genre,
    ranking_metrics,
    top_genres,
)


def random_case(seed, *, digits=None):
    """Targets with a genre nobody has and a film without genres, probabilities, decisions."""
    rng = np.random.default_rng(seed)
    Y = rng.random((40, 7)) < [0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0]
    Y[3] = False
    Y[4, 5] = True
    P = rng.random(Y.shape) * 0.7 + 0.3 * Y
    P = P if digits is None else P.round(digits)
    return Y, P, P >= 0.6


CASES = [random_case(seed, digits=digits) for seed in range(3) for digits in (None, 1)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("average", ["micro", "weighted", "samples"])
def test_averages_are_those_of_scikit_learn(case, average):
    Y, _, D = case
    ours = decision_metrics(Y, D)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(reference, f"{name}_score")(Y, D, average=average, zero_division=0)
        assert ours[f"{average}_{name}"] == pytest.approx(theirs)


@pytest.mark.parametrize("case", CASES)
def test_macro_averages_run_over_genres_with_support(case):
    Y, _, D = case
    ours, support = decision_metrics(Y, D), Y.any(axis=0)
    assert ours["genres_with_support"] == support.sum() == 6
    for name in ("precision", "recall", "f1"):
        function = getattr(reference, f"{name}_score")
        theirs = function(Y[:, support], D[:, support], average="macro", zero_division=0)
        assert ours[f"macro_{name}_supported"] == pytest.approx(theirs)


@pytest.mark.parametrize("case", CASES)
def test_film_wise_metrics_are_those_of_scikit_learn(case):
    Y, _, D = case
    ours = decision_metrics(Y, D)
    assert ours["hamming_loss"] == pytest.approx(reference.hamming_loss(Y, D))
    assert ours["label_accuracy"] == pytest.approx(1 - reference.hamming_loss(Y, D))
    assert ours["subset_accuracy"] == pytest.approx(reference.accuracy_score(Y, D))
    jaccard = reference.jaccard_score(Y, D, average="samples", zero_division=0)
    assert ours["jaccard"] == pytest.approx(jaccard)


@pytest.mark.parametrize("case", CASES)
def test_rankings_are_those_of_scikit_learn_on_films_with_genres(case):
    Y, P, _ = case
    ours, support, films = ranking_metrics(Y, P), Y.any(axis=0), Y.any(axis=1)
    micro = reference.average_precision_score(Y, P, average="micro")
    macro = reference.average_precision_score(Y[:, support], P[:, support], average="macro")
    assert ours["micro_average_precision"] == pytest.approx(micro)
    assert ours["macro_average_precision"] == pytest.approx(macro)
    for name, function in {
        "lrap": reference.label_ranking_average_precision_score,
        "coverage_error": reference.coverage_error,
        "ranking_loss": reference.label_ranking_loss,
    }.items():
        assert ours[name] == pytest.approx(function(Y[films], P[films])), name


def test_film_without_genres_does_not_move_the_rankings():
    Y, P, _ = random_case(0)
    without = Y.any(axis=1)
    expected = ranking_metrics(Y[without], P[without])["lrap"]
    assert ranking_metrics(Y, P)["lrap"] == pytest.approx(expected)


def test_decisions_by_hand():
    Y = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    D = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)
    ours = decision_metrics(Y, D)
    assert ours["micro_precision"] == pytest.approx(2 / 3)
    assert ours["macro_f1_supported"] == pytest.approx((1 + 0) / 2)
    assert ours["weighted_f1"] == pytest.approx(2 / 3)
    assert ours["samples_f1"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert ours["subset_accuracy"] == pytest.approx(2 / 3)
    assert ours["hit_rate"] == pytest.approx(2 / 3)
    assert ours["hamming_loss"] == pytest.approx(2 / 9)


def test_equal_probabilities_share_the_last_place():
    Y = np.array([[1], [0], [1], [0]], dtype=bool)
    P = np.array([[0.9], [0.5], [0.5], [0.1]])
    # The second positive stands at place 3, with 2 of 3 right.
    assert average_precision(Y, P) == pytest.approx([(1 + 2 / 3) / 2])


@pytest.mark.parametrize("on", [False, True])
def test_all_or_nothing_decided_is_defined(on):
    Y, _, D = random_case(1)
    ours = decision_metrics(Y, np.full_like(D, on))
    assert all(math.isfinite(value) for value in ours.values())
    assert ours["micro_recall"] == ours["macro_recall_supported"] == float(on)
    assert (ours["micro_f1"] > 0) == on


def test_what_is_undefined_without_any_genre_is_nan():
    Y = np.zeros((2, 3), dtype=bool)
    ours = decision_metrics(Y, ~Y)
    assert math.isnan(ours["macro_f1_supported"])
    assert ours["micro_f1"] == ours["genres_with_support"] == 0
    assert all(math.isnan(value) for value in ranking_metrics(Y, Y + 0.5).values())


def test_one_film_that_has_every_genre():
    Y = np.ones((1, 3), dtype=bool)
    ours = ranking_metrics(Y, np.array([[0.2, 0.9, 0.4]]))
    assert (ours["lrap"], ours["ranking_loss"], ours["coverage_error"]) == (1, 0, 3)


@pytest.mark.parametrize("case", CASES)
def test_table_of_genres(case):
    Y, P, D = case
    table = per_genre(Y, P, D)
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        Y, D, average=None, zero_division=0
    )
    expected = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    for name, column in expected.items():
        assert table[name] == pytest.approx(column), name
    assert table["predicted"].tolist() == D.sum(axis=0).tolist()
    ranked = [reference.average_precision_score(Y[:, j], P[:, j]) for j in range(6)]
    assert table["average_precision"][:6] == pytest.approx(ranked)
    assert math.isnan(table["average_precision"][6])


def test_buckets_part_the_genres_at_50_and_500_train_films():
    buckets = frequency_buckets([0, 49, 50, 499, 500, 9000])
    assert buckets["tail"].tolist() == [True, True, False, False, False, False]
    assert buckets["mid"].tolist() == [False, False, True, True, False, False]
    assert buckets["head"].tolist() == [False, False, False, False, True, True]


def test_top_genres_take_the_first_of_equals_and_at_most_all():
    assert top_genres([3, 9, 5, 5], k=2).tolist() == [False, True, True, False]
    assert top_genres([3, 9], k=20).all()


def test_shapes_that_differ_and_nothing_at_all_are_refused():
    with pytest.raises(InputError, match=r"targets \(2, 3\), decisions \(3, 2\)"):
        decision_metrics(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(InputError, match="no film or no genre"):
        decision_metrics(np.zeros((0, 3), bool), np.zeros((0, 3), bool))
    with pytest.raises(InputError, match="NaN for film 0, genre 1"):
        ranking_metrics(np.ones((1, 2), bool), np.array([[0.5, np.nan]]))
