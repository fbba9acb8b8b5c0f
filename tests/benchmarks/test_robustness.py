"""How quality under disturbances is measured, kept and shown."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre import GenreClassifier, Recipe, read_corpus
from plotgenre.evaluation.scores import SCORES_FILE, Scores
from plotgenre.experiment import evaluate_classifier

FILMS = 40
# Too few films for an interval.
NOTHING = {"value": 0, "low": None, "high": None}


@pytest.fixture(scope="module")
def robustness() -> ModuleType:
    import robustness

    return robustness


@pytest.fixture(scope="module")
def model(film_lists, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe.load("lexical").with_settings(
        {"genres.minimum_films": 5, "split.validation": 0.25}
    )
    folder = tmp_path_factory.mktemp("runs") / "words" / "model"
    GenreClassifier(recipe).fit(*film_lists).save(folder)
    return folder


@pytest.fixture(scope="module")
def data(film_lists, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plots that tell their genre only after an empty first sentence and 50 empty words."""
    folder = tmp_path_factory.mktemp("data")
    plots, genres = film_lists
    table = pa.table(
        {
            "id": [f"film-{i}" for i in range(FILMS)],
            "year": [1950 + i for i in range(FILMS)],
            "plot": [f"Nothing. {'And so on ' * 20} {plot} and Anna" for plot in plots[:FILMS]],
            "genres": genres[:FILMS],
        }
    )
    pq.write_table(table, folder / "validation.parquet")
    return folder


@pytest.fixture
def command(robustness: ModuleType, model: Path, data: Path, tmp_path: Path):
    """The command line on the model and data; gives what it wrote."""

    def run(*options: str) -> dict:
        out, runs = tmp_path / "out.json", tmp_path / "runs"
        places = ("--out", str(out), "--runs", str(runs), "--part", "validation")
        robustness.main([str(model), str(data), *places, *options])
        return json.loads(out.read_text())

    return run


def test_the_model_is_measured_in_every_variant(command, model: Path, data: Path, capsys) -> None:
    from disturbances import VARIANTS
    from robustness_scores import METRICS

    found = command()
    assert (found["part"], found["films"]) == ("validation", FILMS)
    assert list(found["models"]) == ["words"]
    words = found["models"]["words"]
    variants = words["variants"]
    assert list(variants) == list(VARIANTS)
    assert all(set(one["metrics"]) == set(METRICS) for one in variants.values())

    films = read_corpus(data / "validation.parquet")
    evaluation = evaluate_classifier(GenreClassifier.load(model), films)
    for name in ("micro_f1", "top20_micro_f1"):
        expected = evaluation.metrics[name]
        measured = variants["whole plot"]["metrics"][name]
        assert measured["value"] == pytest.approx(expected.value)

    # The model lower-cases and cuts words as plain letters do; the genre's words come last.
    for same in ("whole plot", "lower case", "plain letters", "names removed"):
        assert variants[same]["less_whole"]["micro_f1"] == NOTHING, same
        assert variants[same]["decisions"]["changed_of_tags"] == 0, same
    for lost in ("first sentence", "first 50 words"):
        assert variants[lost]["less_whole"]["micro_f1"]["value"] < -0.1, lost
        assert variants[lost]["decisions"]["films_changed"] > 0.5, lost
    assert variants["plain letters"]["plots_changed"] == 0
    assert variants["lower case"]["plots_changed"] == 1
    assert variants["names removed"]["plots_changed"] == 1

    assert [row["name"] for row in words["by_decade"]] == ["1950s", "1960s", "1970s", "1980s"]
    assert sum(row["films"] for row in words["by_length"]) == FILMS
    said, told = capsys.readouterr()
    assert "40 validation films" in said
    assert "words, first sentence: reading 40 plots" in told


def test_what_stands_is_not_done_again(command, robustness, tmp_path: Path, capsys) -> None:
    first = command("--limit", "10")
    capsys.readouterr()
    assert command("--limit", "10") == first
    told = capsys.readouterr().err
    assert "all 9 variants stand" in told
    assert "reading" not in told

    # One variant's figures are lost, one of the others' scores: only the former are made anew.
    out = tmp_path / "out.json"
    cut = json.loads(out.read_text())
    del cut["models"]["words"]["variants"]["lower case"]
    key = cut["models"]["words"]["variants"]["first sentence"]["key"]
    (tmp_path / "runs" / "words" / key / SCORES_FILE).unlink()
    out.write_text(json.dumps(cut))
    assert command("--limit", "10") == first
    told = capsys.readouterr().err
    assert "reading" not in told
    assert "weighing 2 variants" in told


def test_figures_of_another_model_or_other_texts_do_not_stand(command, tmp_path: Path, capsys):
    first = command("--limit", "10")
    out = tmp_path / "out.json"
    stale = json.loads(out.read_text())
    stale["models"]["words"]["variants"]["whole plot"]["key"] = "another"
    stale["models"]["words"]["variants"]["whole plot"]["metrics"] = {}
    out.write_text(json.dumps(stale))
    assert command("--limit", "10") == first


def test_results_of_other_films_are_refused(command) -> None:
    command("--limit", "10")
    with pytest.raises(SystemExit, match=r"'films': 10.*'films': 12.*name another --out"):
        command("--limit", "12")


def test_a_limit_takes_films_evenly(robustness: ModuleType, data: Path) -> None:
    films = robustness.read_films(data, "validation", 4)
    assert films.ids == ["film-0", "film-10", "film-20", "film-30"]
    assert len(robustness.read_films(data, "validation", 1000)) == FILMS
    with pytest.raises(SystemExit, match="--limit must be 1 or more, got 0"):
        robustness.read_films(data, "validation", 0)


def test_models_are_called_by_their_run(robustness: ModuleType, tmp_path: Path) -> None:
    found = robustness.named([tmp_path / "fused" / "model", tmp_path / "words"])
    assert list(found) == ["fused", "words"]
    with pytest.raises(SystemExit, match="different names, got a, a"):
        robustness.named([tmp_path / "a" / "model", tmp_path / "a"])


def test_what_is_no_model_is_refused(robustness: ModuleType, data: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "none"), str(data), "--part", "validation"]
    with pytest.raises(SystemExit, match=r"none is no saved model: it lacks config\.json"):
        robustness.main([*arguments, "--out", str(tmp_path / "out.json")])


@pytest.fixture(scope="module")
def by_hand() -> tuple[Scores, Scores]:
    """Two films, genres a and b, and c that no film has; the second loses b and gains c."""
    P = np.array([[0.9, 0.8, 0.1], [0.7, 0.2, 0.1]], dtype=np.float32)
    Y = np.array([[1, 1, 0], [1, 0, 0]], dtype=bool)
    thresholds, counts = np.full(3, 0.5, np.float32), np.array([60, 10, 1])
    whole = Scores.of(("x", "y"), ("a", "b", "c"), P, Y, thresholds, counts)
    D = np.array([[1, 0, 1], [1, 0, 0]], dtype=bool)
    return whole, replace(whole, D=D, P=(P * np.float32(0.5)).astype(np.float16))


def test_differences_and_changes_by_hand(by_hand: tuple[Scores, Scores]) -> None:
    from robustness_scores import weigh

    whole, other = weigh(dict(zip(("whole", "other"), by_hand, strict=True))).values()
    assert whole["metrics"]["micro_f1"]["value"] == 1
    # Found a twice, missed b, and tagged c, which no film has: 2*2 / (3 + 3).
    assert other["metrics"]["micro_f1"]["value"] == pytest.approx(2 / 3)
    assert other["less_whole"]["micro_f1"]["value"] == pytest.approx(-1 / 3)
    assert other["less_whole"]["macro_average_precision_50"]["value"] == 0
    # Won c, lost b; before or after there are a, b, c of x and a of y.
    assert other["decisions"] == pytest.approx(
        {"changed_of_tags": 2 / 4, "changed_of_cells": 2 / 6, "films_changed": 0.5,
         "tags_a_film": 1.5}
    )  # fmt: skip
    # |0.9-1| + |0.8-1| + |0.7-1| + 0.2 + 0.1 + 0.1 = 1.0, halved P: 2.0.
    assert whole["metrics"]["expected_calibration_error"]["value"] == pytest.approx(1 / 6, abs=1e-3)
    error = other["less_whole"]["expected_calibration_error"]
    assert error["value"] == pytest.approx((2.0 - 1.0) / 6, abs=1e-3)
    assert error["low"] is error["high"] is None


def test_the_table(by_hand: tuple[Scores, Scores]) -> None:
    from robustness_scores import weigh
    from robustness_table import render

    variants = weigh(dict(zip(("whole", "other"), by_hand, strict=True)))
    for record in variants.values():
        record["plots_changed"] = 0.5
        record["metrics"]["macro_average_precision_50"] = dict.fromkeys(("value", "low", "high"))
    rows = [{"name": "1950s", "films": 2, "micro_f1": {"value": 1.0, "low": 0.9, "high": 1.0}}]
    model = {"variants": variants, "by_decade": rows, "by_length": []}
    facts = {"data": "films", "part": "test", "films": 2}
    text = render({**facts, "models": {"words": model}})
    assert "2 test films of `films`." in text
    assert "| whole | 1.000 | – |" in text
    assert "| other | 50% | -0.333 |" in text
    assert "| 50.0% | 50.0% |" in text
    assert "| decade | films | words |" in text
    assert "| 1950s | 2 | 1.000 (0.900–1.000) |" in text
    assert "words in the plot" not in text


def test_a_page_keeps_what_is_around_its_marks(tmp_path: Path) -> None:
    from pages import between_marks

    page, marks = tmp_path / "page.md", ("<begin>", "<end>")
    page.write_text("before\n<begin>\nold\n<end>\nafter\n")
    between_marks(page, marks, "new\n")
    assert page.read_text() == "before\n<begin>\nnew\n<end>\nafter\n"
    page.write_text("before\n<begin>\nold\nafter\n")
    with pytest.raises(SystemExit, match="expected the marks <begin> and <end>"):
        between_marks(page, marks, "new\n")
    assert "after" in page.read_text()


def test_the_readme_has_the_marks(robustness: ModuleType) -> None:
    page = robustness.README.read_text()
    assert all(page.count(mark) == 1 for mark in robustness.MARKS)
