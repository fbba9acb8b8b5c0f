import json
import math

import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.evaluation.calibration import calibration_metrics
from plotgenre.evaluation.evaluation import LOWER_IS_BETTER, SUMMARY, Evaluation, evaluate
from plotgenre.evaluation.metrics import decision_metrics, ranking_metrics
from plotgenre.learning.thresholds import decide

GENRES = ("Drama", "Comedy", "Western", "Silent film", "Caper")
TRAIN_COUNTS = (900, 500, 60, 20, 3)
THRESHOLDS = np.array([0.6, 0.6, 0.5, 0.6, 0.3], dtype=np.float32)


def case(films=240):
    """Probabilities and targets; no film is a Caper."""
    rng = np.random.default_rng(0)
    Y = rng.random((films, 5)) < [0.6, 0.4, 0.2, 0.1, 0.0]
    Y[0, :4] = True
    return (rng.random(Y.shape) * 0.7 + 0.3 * Y).astype(np.float32), Y


@pytest.fixture(scope="module")
def evaluation():
    P, Y = case()
    return evaluate(P, Y, THRESHOLDS, GENRES, TRAIN_COUNTS, resamples=100)


def test_metrics_cover_every_genre(evaluation):
    P, Y = case()
    D = decide(P, THRESHOLDS)
    plain = decision_metrics(Y, D) | ranking_metrics(Y, P) | calibration_metrics(Y, P)
    assert evaluation.genres_with_support == plain.pop("genres_with_support") == 4
    for name, value in plain.items():
        assert evaluation.metrics[name].value == pytest.approx(value), name
    assert evaluation.unsupported_decisions == D[:, 4].sum() > 0
    assert evaluation.films == 240


def test_restricted_metrics(evaluation):
    P, Y = case()
    frequent = ranking_metrics(Y[:, :3], P[:, :3])["macro_average_precision"]
    assert evaluation.metrics["macro_average_precision_50"].value == pytest.approx(frequent)
    # All five genres are among the 20 most frequent.
    assert evaluation.metrics["top20_micro_f1"] == evaluation.metrics["micro_f1"]
    assert evaluation.metrics["top20_macro_f1"] == evaluation.metrics["macro_f1_supported"]
    assert not any(name.startswith(("head", "tail", "ranked")) for name in evaluation.metrics)


def test_top20_leaves_the_rarer_genres_out():
    rng = np.random.default_rng(1)
    Y = rng.random((50, 25)) < 0.3
    P = rng.random(Y.shape).astype(np.float32)
    counts, thresholds = np.arange(25, 0, -1), np.full(25, 0.5, np.float32)
    scored = evaluate(P, Y, thresholds, [f"genre_{j}" for j in range(25)], counts, resamples=0)
    expected = decision_metrics(Y[:, :20], (P >= 0.5)[:, :20])
    assert scored.metrics["top20_micro_f1"].value == pytest.approx(expected["micro_f1"])
    assert scored.metrics["top20_macro_f1"].value == pytest.approx(expected["macro_f1_supported"])


def test_buckets(evaluation):
    P, Y = case()
    head = decision_metrics(Y[:, :2], decide(P, THRESHOLDS)[:, :2])
    assert evaluation.buckets["head"].macro_f1.value == pytest.approx(head["macro_f1_supported"])
    sizes = {name: (b.genres, b.genres_with_support) for name, b in evaluation.buckets.items()}
    assert sizes == {"head": (2, 2), "mid": (1, 1), "tail": (2, 1)}
    for name, columns in {"head": [0, 1], "mid": [2], "tail": [3, 4]}.items():
        for metric, value in calibration_metrics(Y[:, columns], P[:, columns]).items():
            assert getattr(evaluation.buckets[name], metric).value == pytest.approx(value)
        assert evaluation.buckets[name].brier.known
        assert not evaluation.buckets[name].expected_calibration_error.known


def test_rows_keep_every_genre_in_order(evaluation):
    P, Y = case()
    assert evaluation.genres == GENRES
    assert evaluation.thresholds == tuple(THRESHOLDS.tolist())
    assert [row.support for row in evaluation.per_genre] == Y.sum(axis=0).tolist()
    assert [row.train_films for row in evaluation.per_genre] == list(TRAIN_COUNTS)
    assert evaluation.per_genre[4].predicted == decide(P, THRESHOLDS)[:, 4].sum()
    assert math.isnan(evaluation.per_genre[4].average_precision)


def test_json_and_back(evaluation):
    text = json.dumps(evaluation.as_dict(), allow_nan=False)
    again = Evaluation.from_dict(json.loads(text))
    assert math.isnan(again.per_genre[4].average_precision)
    assert again.per_genre[:4] == evaluation.per_genre[:4]
    assert again.metrics.keys() == evaluation.metrics.keys()
    assert again.metrics["micro_f1"] == evaluation.metrics["micro_f1"]
    assert again.buckets["head"].brier == evaluation.buckets["head"].brier
    assert again.as_dict() == evaluation.as_dict()


def test_a_value_without_an_interval_has_null_ends_in_json(evaluation):
    stored = evaluation.as_dict()
    ends = {"low": None, "high": None}
    for name in ("macro_average_precision", "expected_calibration_error"):
        for told in (stored["metrics"], *stored["buckets"].values()):
            assert told[name] == {"value": told[name]["value"], **ends}
            assert told[name]["value"] is not None
    again = Evaluation.from_dict(json.loads(json.dumps(stored, allow_nan=False)))
    assert not again.metrics["macro_average_precision"].known


def test_an_evaluation_from_before_calibration_was_scored_is_still_read(evaluation):
    stored = json.loads(json.dumps(evaluation.as_dict()))
    for figures in (stored["metrics"], *stored["buckets"].values()):
        del figures["expected_calibration_error"], figures["brier"]
    old = Evaluation.from_dict(stored)
    assert old.buckets["head"].macro_f1 == evaluation.buckets["head"].macro_f1
    assert old.metrics["lrap"] == evaluation.metrics["lrap"]
    for score in (old.metrics["brier"], old.buckets["tail"].expected_calibration_error):
        assert all(math.isnan(end) for end in (score.value, score.low, score.high))
    assert old.summary_rows()[-1] == ("Brier score (lower is better)", "nan", "")
    del stored["buckets"]["head"]["macro_f1"]
    with pytest.raises(InputError, match="macro_f1"):
        Evaluation.from_dict(stored)


@pytest.mark.parametrize("wrong", [{}, {"metrics": 3}, {"metrics": {"micro_f1": {"height": 1}}}])
def test_what_is_no_evaluation_is_refused(wrong):
    with pytest.raises(InputError, match="not an evaluation"):
        Evaluation.from_dict(wrong)


def test_unknown_field_is_refused(evaluation):
    with pytest.raises(InputError, match="colour"):
        Evaluation.from_dict(evaluation.as_dict() | {"colour": "red"})


def test_summary_is_text(evaluation):
    rows = {name: (value, interval) for name, value, interval in evaluation.summary_rows()}
    micro = evaluation.metrics["micro_f1"]
    assert rows["micro-F1"] == (f"{micro.value:.3f}", f"{micro.low:.3f} to {micro.high:.3f}")
    brier = evaluation.metrics["brier"]
    ends = f"{brier.low:.5f} to {brier.high:.5f}"
    assert rows["Brier score (lower is better)"] == (f"{brier.value:.5f}", ends)
    ranked = evaluation.metrics["macro_average_precision"].value
    assert rows["macro average precision"] == (f"{ranked:.3f}", "")


def test_names_say_where_lower_is_better(evaluation):
    assert evaluation.metrics.keys() > LOWER_IS_BETTER
    for name, key in SUMMARY.items():
        assert ("lower is better" in name) == (key in LOWER_IS_BETTER), name


def test_decisions_are_those_of_tagging_at_the_threshold_itself():
    P = np.array([[0.1, 0.3], [0.0, 0.0]])
    Y = np.array([[1, 1], [0, 0]], dtype=bool)
    thresholds = np.array([0.1, 0.3], dtype=np.float32)
    scored = evaluate(P, Y, thresholds, ("a", "b"), (5, 5), resamples=0)
    assert [row.predicted for row in scored.per_genre] == decide(P, thresholds).sum(0).tolist()
    assert scored.metrics["micro_f1"].value == 1


def test_given_decisions_are_scored_and_not_the_thresholds():
    P, Y = case()
    D = np.zeros(Y.shape, dtype=bool)
    D[:, [0, 4]] = True
    scored = evaluate(P, Y, THRESHOLDS, GENRES, TRAIN_COUNTS, decisions=D, resamples=0)
    assert scored.metrics["samples_recall"].value == pytest.approx(
        decision_metrics(Y[:, :4], D[:, :4])["samples_recall"]
    )
    assert [row.predicted for row in scored.per_genre] == [240, 0, 0, 0, 240]
    assert scored.unsupported_decisions == 240
    assert scored.thresholds == tuple(THRESHOLDS.tolist())


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_all_and_nothing_decided(threshold):
    P, Y = case()
    scored = evaluate(P, Y, np.full(5, threshold), GENRES, TRAIN_COUNTS, resamples=20)
    assert scored.metrics["micro_recall"].value == (threshold == 0)
    json.dumps(scored.as_dict(), allow_nan=False)


def test_one_film_and_empty_buckets():
    scored = evaluate([[0.9, 0.2]], [[True, False]], [0.5, 0.5], ("a", "b"), (3, 2), resamples=5)
    assert scored.metrics["micro_f1"].value == 1
    assert (scored.buckets["head"].genres, scored.buckets["tail"].genres) == (0, 2)
    assert math.isnan(scored.buckets["head"].macro_f1.value)
    json.dumps(scored.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": [0.5]}, "thresholds must have one entry a genre"),
        ({"genres": ("a",)}, "genres must have one entry a genre"),
        ({"train_counts": [1, 2, 3]}, "train_counts must have one entry a genre"),
        ({"Y": [[True]]}, "one shape"),
        ({"Y": [[False, False]]}, "no test film has any genre"),
        ({"P": [[np.nan, 0.5]]}, "NaN for film 0, genre 0"),
        ({"decisions": [[True]]}, r"probabilities \(1, 2\), decisions \(1, 1\)"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {
        "P": [[0.9, 0.2]],
        "Y": [[True, False]],
        "thresholds": [0.5, 0.5],
        "genres": ("a", "b"),
        "train_counts": (3, 2),
    }
    with pytest.raises(InputError, match=message):
        evaluate(**(good | change))


def test_a_name_that_the_model_does_not_know_is_missed_but_no_genre_of_its_averages():
    P, Y = case()
    counts = np.array([*TRAIN_COUNTS, -1])
    more = np.hstack([Y, Y[:, :1]])
    P = np.hstack([P, np.zeros((len(P), 1), dtype=np.float32)])
    thresholds = np.append(THRESHOLDS, np.float32(1))
    with_name = evaluate(P, more, thresholds, (*GENRES, "Unknown"), counts, resamples=0)
    without = evaluate(P[:, :5], Y, THRESHOLDS, GENRES, TRAIN_COUNTS, resamples=0)
    for metric in (
        "macro_f1_supported",
        "weighted_f1",
        "macro_average_precision",
        "top20_micro_f1",
    ):
        assert with_name.metrics[metric] == pytest.approx(without.metrics[metric], nan_ok=True)
    for metric in ("micro_f1", "micro_recall", "samples_f1"):
        assert with_name.metrics[metric].value < without.metrics[metric].value
    assert with_name.genres_with_support == without.genres_with_support == 4
    assert with_name.per_genre[-1].train_films == 0
    assert with_name.buckets["tail"].genres == without.buckets["tail"].genres
