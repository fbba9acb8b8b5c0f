import json
import re

import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.evaluation.evaluation import evaluate
from plotgenre.evaluation.metrics import decision_metrics
from plotgenre.evaluation.report import ReportFilms, write_report
from plotgenre.evaluation.report.baseline import score_baseline
from plotgenre.evaluation.report.curves import (
    THRESHOLDS,
    precision_recall,
    reliability,
    threshold_counts,
)
from plotgenre.evaluation.report.films import best_and_worst
from plotgenre.evaluation.report.groups import by_decade, by_length, confusions

pytest.importorskip("jinja2", reason="the report's templates need jinja2")
pytest.importorskip("matplotlib", reason="the report's charts need matplotlib")

HOSTILE = (
    "<script>window.stolen = 1</script>",
    "\"><img src=x onerror='window.stolen = 1'>",
    "</script><script>window.stolen = 1</script>",
    "{{ 7 * 191 }} ${7 * 191} <!--",
)
MEGABYTE = 1_000_000


def case(films, genres, seed=0):
    """Probabilities that know something of the targets; rarer genres stand later."""
    rng = np.random.default_rng(seed)
    Y = rng.random((films, genres)) < 0.5 / np.arange(1, genres + 1)
    Y[0, 0] = True
    P = np.clip(rng.beta(0.3, 3, Y.shape) + 0.4 * Y * rng.random(Y.shape), 0, 1)
    return P.astype(np.float32), Y


def written(path, P, Y, names, history=None, plots=None, titles=None):
    films, genres = Y.shape
    counts = np.arange(genres, 0, -1) * 5
    scores = evaluate(P, Y, np.full(genres, 0.3, np.float32), names, counts, resamples=5)
    plots = plots or [f"A {'very ' * (i % 300)}long plot." for i in range(films)]
    ids = [str(i) for i in range(films)]
    years = [None if i % 7 == 0 else 1950 + i % 60 for i in range(films)]
    write_report(scores, P, Y, ReportFilms(plots, ids, titles, years), history, path, resamples=5)
    return path.read_text(encoding="utf-8")


HISTORY = {
    "best_epoch": 2,
    "overfitting_after": 1,
    "epochs": [
        {
            "epoch": e,
            "train_loss": 1 / e,
            "validation_loss": float(e),
            "micro_f1": 0.2,
            "macro_average_precision": 0.1,
        }
        for e in (1, 2, 3)
    ],
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page of 40 films whose genres, titles and plots are attacks."""
    P, Y = case(40, 12)
    names = [*HOSTILE, *(f"Genre {j}" for j in range(8))]
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(40)]
    path = tmp_path_factory.mktemp("report") / "new folder" / "report.html"
    return path, written(path, P, Y, names, HISTORY, texts, texts)


def test_a_large_page_stays_small_and_alone(tmp_path):
    P, Y = case(2000, 350)
    names = [f"A genre with quite a long name {j}" for j in range(350)]
    page = written(tmp_path / "report.html", P, Y, names)
    assert len(page.encode()) < 3 * MEGABYTE
    assert not re.search(r"(?:src|href|action|data)\s*=\s*[\"']?\s*(?:https?:|//|file:)", page)
    assert not re.search(r"url\((?!#)|@import|<link(?! rel=\"icon\" href=\"data:,\")", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "Training" not in page


def test_a_vocabulary_beyond_all_bounds_is_cut_to_what_fits(tmp_path):
    P, Y = case(30, 1200)
    page = written(tmp_path / "report.html", P, Y, [f"{j} {'x' * 500}" for j in range(1200)])
    assert len(page.encode()) < 3 * MEGABYTE
    assert "1000 of 1200 genres with most test films" in page


def test_hostile_names_and_texts_are_shown_and_not_run(hostile):
    _, page = hostile
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "1337" not in page
    assert "&lt;script&gt;window.stolen" in page
    counts = re.search(r'<script type="application/json" id="counts">(.*?)</script>', page, re.S)
    # Genres stand by test films, the page's names are those of the corpus.
    assert set(HOSTILE) <= set(json.loads(counts[1])["genres"])


@pytest.mark.parametrize(
    ("after", "words"),
    [(1, "Overfitting began after epoch 1, at the dashed line"), (None, "No overfitting was seen")],
)
def test_the_training_says_where_overfitting_began(tmp_path, after, words):
    names = [f"Genre {j}" for j in range(12)]
    told = HISTORY | {"overfitting_after": after}
    page = written(tmp_path / "report.html", *case(40, 12), names, told)
    training = page.split('<section id="training">')[1]
    assert "The weights of epoch 2 were kept" in training
    assert words in training
    assert re.findall(r"<text[^>]*>(micro-F1|macro average precision|validation)</text>", training)
    # A dash array of its own for each kind of mark, in both charts.
    dashes = re.findall(r"stroke-dasharray: ?([\d., ]+)", training)
    assert len(set(dashes)) == (1 if after is None else 2)


def test_calibration_stands_in_the_headline_and_by_frequency(tmp_path):
    page = written(tmp_path / "report.html", *case(800, 12), [f"Genre {j}" for j in range(12)])
    headline, by_frequency = page.split('id="curves"')[0], page.split("By genre frequency")[1]
    for name in ("xpected calibration error", "Brier score"):
        assert f"{name} (lower is better)</th><td>0.0" in headline
        assert f"{name} (lower is better)</th>" in by_frequency
    # The tail's own, in five places; calibration error never has an interval.
    tail = by_frequency.split("under 50 (tail)")[1].split("</tr>")[0]
    assert re.search(r"<td>0\.\d{5}</td><td>0\.\d{5} <small>0\.\d{5} to 0\.\d{5}</small>", tail)
    assert "nan" not in page


@pytest.mark.parametrize("policy", [False, True])
def test_the_explorer_says_that_it_moves_thresholds_only(tmp_path, policy):
    P, Y = case(40, 12)
    D = np.float32(0.3) <= P
    if policy:
        # Two decisions fewer than the thresholds make.
        rows, columns = (index[:2] for index in np.nonzero(D))
        D[rows, columns] = False
    names, counts = [f"Genre {j}" for j in range(12)], np.arange(12, 0, -1) * 5
    scores = evaluate(P, Y, np.full(12, 0.3), names, counts, decisions=D, resamples=0)
    films = ReportFilms(["A plot."] * 40, [str(i) for i in range(40)])
    path = tmp_path / "report.html"
    write_report(scores, P, Y, films, None, path, decisions=D, resamples=0)
    page = path.read_text(encoding="utf-8")
    assert ("changes 2 of its decisions here" in page) == policy
    stored = re.search(r'<script type="application/json" id="counts">(.*?)</script>', page, re.S)
    counts = json.loads(stored[1])
    shown = [names.index(name) for name in counts["genres"]]
    assert counts["own_found"] == (D & Y).sum(axis=0)[shown].tolist()
    assert counts["own_predicted"] == D.sum(axis=0)[shown].tolist()


def test_what_is_undefined_has_no_interval(tmp_path):
    # No genre has 500 train films, so that bucket has nothing to average.
    page = written(tmp_path / "report.html", *case(40, 12), [f"Genre {j}" for j in range(12)])
    assert "500 and more (head)" in page
    assert "– to –" not in page


def test_ids_are_unique_and_colours_follow_the_page(hostile):
    _, page = hostile
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert "currentColor" in page
    assert not re.search(r"<svg.*?#(?:000000|01020)", page, re.S)


def test_shapes_must_agree(tmp_path):
    P, Y = case(10, 4)
    scores = evaluate(P, Y, np.full(4, 0.3), list("abcd"), [9, 8, 7, 6], resamples=0)
    films = ReportFilms(["plot"] * 9, ["id"] * 9)
    with pytest.raises(InputError, match=r"10 films and 4 genres, got .* and 9 films"):
        write_report(scores, P, Y, films, None, tmp_path / "report.html")
    with pytest.raises(InputError, match="9 plots need as many titles, got 1"):
        ReportFilms(["plot"] * 9, ["id"] * 9, titles=["only"])


def test_threshold_counts_are_those_of_decisions():
    P, Y = case(50, 6)
    P[:, 0] = THRESHOLDS.astype(np.float32)[np.arange(50) % len(THRESHOLDS)]
    counts = threshold_counts(P, Y)
    for i in (0, 3, 20, len(THRESHOLDS) - 1):
        D = np.float32(THRESHOLDS[i]) <= P
        assert counts.predicted[:, i].tolist() == D.sum(axis=0).tolist()
        assert counts.found[:, i].tolist() == (D & Y).sum(axis=0).tolist()
    assert counts.support.tolist() == Y.sum(axis=0).tolist()


def test_precision_recall_lies_on_scikit_learns_curve():
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn")
    P, Y = case(200, 10)
    P = P.round(2)
    precisions, recalls = metrics.precision_recall_curve(Y.ravel(), P.ravel())[:2]
    points = {(round(p, 9), round(r, 9)) for p, r in zip(precisions, recalls, strict=True)}
    ours = [(round(p, 9), round(r, 9)) for p, r in zip(*precision_recall(P, Y), strict=True)]
    assert set(ours) <= points
    assert ours[-1][1] == 1


def test_reliability_by_hand():
    P = np.array([[0.05, 0.15], [0.17, 1.0]], dtype=np.float32)
    Y = np.array([[False, True], [False, True]])
    bins = reliability(P, Y)
    assert bins.cells.tolist() == [1, 2, 1]
    assert bins.probability == pytest.approx([0.05, 0.16, 1.0])
    assert bins.frequency.tolist() == [0, 0.5, 1]


def test_baseline_gives_the_most_frequent_genres():
    Y = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0]], dtype=bool)
    P = np.where(Y, 0.9, 0.1).astype(np.float32)
    # k = 1: F1 8/11; k = 2: 12/15; k = 3: 14/19.
    prior = score_baseline(P, Y, P >= 0.5, "abc", np.array([9, 5, 5]), resamples=20)
    assert (prior.k, prior.genres) == (2, ("a", "b"))
    assert prior.evaluation.metrics["micro_f1"].value == pytest.approx(12 / 15)
    assert prior.differences["micro_f1"].value == pytest.approx(1 - 12 / 15)
    # 7 genres in 4 films, 9, 5 and 5 of 19 train films: 0.829 and twice 0.461, of which 1, 0.5 and
    # 0.25 are true.
    shares = 7 / 4 * np.array([9, 5, 5]) / 19
    brier = ((shares - Y) ** 2).mean()
    assert prior.evaluation.metrics["brier"].value == pytest.approx(brier)
    assert prior.differences.keys() >= prior.evaluation.metrics.keys()


def test_confusions_by_hand():
    Y = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=bool)
    D = np.array([[0, 1], [0, 1], [1, 0], [0, 1]], dtype=bool)
    (pair,) = confusions(Y, D, ["missed", "instead"])
    assert (pair.missed, pair.instead, pair.films, pair.share) == ("missed", "instead", 2, 1.0)
    assert pair.lift == pytest.approx(2)
    assert confusions(Y, Y, ["a", "b"]) == []


def test_groups_by_hand():
    P, Y = case(60, 5)
    D = P >= 0.3
    plots = ["word " * (10 if i < 20 else 900) for i in range(60)]
    short, long = by_length(plots, Y, D, resamples=50)
    assert (short.name, short.films, long.name, long.films) == ("0–24", 20, "800 and more", 40)
    expected = decision_metrics(Y[:20], D[:20])
    assert short.micro_f1.value == pytest.approx(expected["micro_f1"])
    assert short.samples_f1 == pytest.approx(expected["samples_f1"])
    assert short.micro_f1.low <= short.micro_f1.value <= short.micro_f1.high
    (few,) = by_length(["word"] * 19, Y[:19], D[:19], resamples=50)
    assert not few.micro_f1.known
    decades = by_decade([1999] * 10 + [None] * 10 + [2001] * 40, Y, D, resamples=0)
    assert [(g.name, g.films) for g in decades] == [("1990s", 10), ("2000s", 40), ("unknown", 10)]
    assert by_decade(None, Y, D, resamples=0) == by_decade([None] * 60, Y, D, resamples=0) == []


def test_best_and_worst_films():
    Y = np.array([[1, 0], [1, 1], [1, 0], [0, 1], [0, 0]], dtype=bool)
    P = np.array([[0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    best, worst = best_and_worst(P, Y, P >= 0.5)
    # Two genres found before one; no film without genres; none in both lists.
    assert best == [1, 0]
    assert worst == [3, 2]


def test_in_a_browser(page, column):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("window.stolen") is None

    heading = page.locator("#genre-table thead button", has_text="F1")
    heading.focus()
    page.keyboard.press("Enter")
    falling = [float(text) for text in column(6)]
    assert falling == sorted(falling, reverse=True)
    page.keyboard.press("Space")
    assert [float(text) for text in column(6)] == sorted(falling)
    assert page.locator("#genre-table th[aria-sort=ascending]").count() == 1

    page.fill("#filter", "genre 3")
    assert column(0) == ["Genre 3"]
    assert page.inner_text("#filtered") == "1 of 12 genres"

    page.select_option("#explore-genre", index=1)
    page.focus("#explore-threshold")
    page.keyboard.press("Home")
    assert page.inner_text("#explore-at") == "0.001"
    low = {name: page.inner_text(f"#explore-{name}") for name in ("precision", "recall", "f1")}
    page.keyboard.press("End")
    high = {name: page.inner_text(f"#explore-{name}") for name in low}
    assert float(low["recall"]) > float(high["recall"])
    assert low["f1"] != high["f1"]
