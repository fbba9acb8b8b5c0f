"""Comparisons: who is better, by how much, and which runs cannot be compared."""

import dataclasses
import json

import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.evaluation.comparison import compare
from plotgenre.evaluation.evaluation import SUMMARY, evaluate
from plotgenre.evaluation.scores import Scores

GENRES = ("Drama", "Comedy", "War")
COUNTS = np.array([100, 60, 5])


def run(P, Y, genres=GENRES, counts=COUNTS, ids=None):
    ids = ids or tuple(f"f{i}" for i in range(len(P)))
    thresholds = np.full(len(genres), 0.5, np.float32)
    return Scores.of(ids, tuple(genres), np.asarray(P, np.float32), Y, thresholds, counts)


@pytest.fixture
def case():
    """Probabilities exact in float16, and targets, of 60 films."""
    rng = np.random.default_rng(3)
    Y = rng.random((300, 3)) < [0.6, 0.4, 0.1]
    Y[0] = True
    P = (np.round(rng.random(Y.shape) * 128) / 256 + Y * 0.25).astype(np.float32)
    return P, Y


def test_figures_are_those_of_evaluate(case):
    P, Y = case
    better = np.where(Y, np.maximum(P, 0.5), P)
    ours = compare(["a", "b"], [run(P, Y), run(better, Y)], resamples=50)
    for k, one in enumerate((P, better)):
        alone = evaluate(one, Y, np.full(3, 0.5), GENRES, COUNTS, resamples=50)
        assert ours.metrics[k].keys() == alone.metrics.keys()
        for key in SUMMARY.values():
            assert repr(ours.metrics[k][key]) == repr(alone.metrics[key])
    for key in SUMMARY.values():
        gained = ours.metrics[1][key].value - ours.metrics[0][key].value
        assert ours.differences[1][key].value == pytest.approx(gained)
    assert ours.differences[1]["micro_f1"].low > 0
    assert ours.differences[0]["micro_f1"].value == ours.differences[0]["micro_f1"].high == 0
    assert (ours.films, ours.genres_with_support) == (300, 3)


def test_winners_by_hand():
    Y = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
    first = [[0.9, 0.1, 0.9], [0.5, 0.2, 0.1], [0.2, 0.4, 0.1]]
    second = [[0.9, 0.4, 0.1], [0.1, 0.2, 0.1], [0.8, 0.3, 0.1]]
    ours = compare(["a", "b"], [run(first, Y), run(second, Y)], resamples=0)
    drama, comedy, war = ours.per_genre
    assert drama.average_precision == pytest.approx((5 / 6, 1))
    assert drama.f1 == pytest.approx((0.5, 1))
    assert (drama.best_by_average_precision, drama.best_by_f1) == ("b", "b")
    # Neither finds the one comedy at 0.5: equal by F1, not by rank.
    assert comedy.average_precision == pytest.approx((1 / 3, 1))
    assert (comedy.best_by_average_precision, comedy.best_by_f1) == ("b", None)
    # No film has it: a wrong prediction makes nobody the winner.
    assert (war.support, war.best_by_average_precision, war.best_by_f1) == (0, None, None)
    assert ours.wins() == {"a": (0, 0), "b": (2, 1)}


def test_the_order_of_films_and_genres_does_not_matter(case):
    P, Y = case
    films, genres = np.random.default_rng(0).permutation(300), [2, 0, 1]
    shuffled = run(
        P[films][:, genres],
        Y[films][:, genres],
        [GENRES[j] for j in genres],
        COUNTS[genres],
        tuple(f"f{i}" for i in films),
    )
    ours = compare(["a", "b"], [run(P, Y), shuffled], resamples=20)
    for key in SUMMARY.values():
        assert ours.differences[1][key].value == 0
        assert ours.differences[1][key].high in (0, pytest.approx(np.nan, nan_ok=True))
    assert ours.wins() == {"a": (0, 0), "b": (0, 0)}


def test_a_genre_that_a_run_lacks_counts_with_probability_zero(case):
    P, Y = case
    fewer = run(P[:, :2], Y[:, :2], GENRES[:2], COUNTS[:2])
    padded = P.copy()
    padded[:, 2] = 0
    for runs in ([fewer, run(P, Y)], [run(P, Y), fewer]):
        ours = compare(["a", "b"], runs, resamples=0)
        j = runs.index(fewer)
        alone = evaluate(padded, Y, np.full(3, 0.5), GENRES, COUNTS, resamples=0)
        for key in SUMMARY.values():
            assert ours.metrics[j][key].value == alone.metrics[key].value
        war = ours.per_genre[2]
        assert (war.genre, war.train_films, war.support) == ("War", 5, Y[:, 2].sum())
        assert war.f1[j] == 0


def test_three_runs(case):
    P, Y = case
    ours = compare(["a", "b", "c"], [run(P, Y), run(P, Y), run(1 - P, Y)], resamples=10)
    assert ours.wins()["c"][0] == 0
    first = ours.headline()[0]
    assert (first.name, len(first.values), len(first.differences)) == ("micro-F1", 3, 2)
    assert first.differences[0].value == 0 > first.differences[1].value


def test_less_of_an_error_is_better(case):
    P, Y = case
    # Nearer to the truth where that was decided: no decision changes.
    surer = np.where((P >= 0.5) == Y, (P + Y) / 2, P)
    ours = compare(["a", "b", "c"], [run(P, Y), run(surer, Y), run(1 - P, Y)], resamples=200)
    rows = {row.metric: row for row in ours.headline()}
    assert rows["brier"].differences[0].high < 0 < rows["brier"].differences[1].low
    assert rows["brier"].verdicts == ("better", "worse")
    # Without an interval there is no verdict.
    assert rows["expected_calibration_error"].differences[1].value > 0
    assert rows["expected_calibration_error"].verdicts == ("", "")
    assert rows["micro_f1"].verdicts == ("", "worse")
    assert (rows["brier"].decimals, rows["micro_f1"].decimals) == (5, 3)


def test_other_films_are_refused(case):
    P, Y = case
    other = run(P, Y, ids=(*(f"f{i}" for i in range(298)), "x", "y"))
    message = "b was not scored on the test films of a: 4 films are in only one of them, such as"
    with pytest.raises(InputError, match=message):
        compare(["a", "b"], [run(P, Y), other])


def test_other_labels_are_refused(case):
    P, Y = case
    changed = Y.copy()
    changed[3:5, 1] = ~changed[3:5, 1]
    with pytest.raises(InputError, match=r"in 2 films, such as 'Comedy' of the film 'f3'"):
        compare(["a", "b"], [run(P, Y), run(P, changed)])


def test_films_without_an_own_id_are_refused(case):
    P, Y = case
    twice = run(P, Y, ids=("f0",) * 2 + tuple(f"f{i}" for i in range(2, 300)))
    with pytest.raises(InputError, match="a: the film id 'f0' stands 2 times"):
        compare(["a", "b"], [twice, twice])


def test_one_run_or_equal_names_are_refused(case):
    one = run(*case)
    for names, runs in ((["a"], [one]), (["a", "a"], [one, one])):
        with pytest.raises(InputError, match="two or more runs of different names"):
            compare(names, runs)


def test_as_dict_is_json(case):
    P, Y = case
    Y = Y & [True, True, False]
    ours = compare(["a", "b"], [run(P, Y), run(P, Y)], resamples=0)
    stored = json.loads(json.dumps(ours.as_dict(), allow_nan=False))
    assert stored["runs"] == ["a", "b"]
    assert stored["per_genre"][2]["average_precision"] == [None, None]
    assert stored["differences"][1]["micro_f1"]["value"] == 0
    assert dataclasses.asdict(ours.per_genre[0])["genre"] == "Drama"
