"""Progress on standard error, and scores with and without an interval."""

import re

import numpy as np

from plotgenre.doors import screen
from plotgenre.evaluation.comparison import compare
from plotgenre.evaluation.evaluation import evaluate
from plotgenre.evaluation.scores import Scores
from plotgenre.learning.sparse_fitting import GenresFitted
from plotgenre.lexicon.reading import PlotsRead


def test_the_lexical_branch_tells_how_far_it_is_in_plain_lines(capsys, monkeypatch):
    with screen.progress() as told:
        told.lexical(PlotsRead("words", 5, 1200))
        # Lines are ten seconds apart.
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(screen, "_SECONDS_BETWEEN_LINES", 0)
        told.lexical(PlotsRead("pairs", 1024, 1200))
        told.lexical(GenresFitted(3, 40))
    assert capsys.readouterr().err == "reading pairs 1,024/1,200\nfitting genres 3/40\n"


def test_on_a_terminal_each_kind_of_work_has_a_bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with screen.progress() as told:
        bars = told.lexical.bars
        for done in (1, 2):
            told.lexical(PlotsRead("words", done, 2))
        told.lexical(GenresFitted(1, 4))
        shown = [(bar.description, bar.completed, bar.total) for bar in bars.tasks]
    assert shown == [("reading words", 2, 2), ("fitting genres", 1, 4)]


def test_a_value_without_an_interval_stands_alone(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    rng = np.random.default_rng(0)
    Y = rng.random((200, 3)) < 0.5
    P = (rng.random(Y.shape) * 0.7 + 0.3 * Y).astype(np.float32)
    names, cuts, counts = ("a", "b", "c"), np.full(3, 0.5, np.float32), np.full(3, 60)

    screen.show_evaluation(evaluate(P, Y, cuts, names, counts, resamples=20))
    said = capsys.readouterr().out
    assert re.search(r"micro-F1 +│ 0\.\d{3} +│ 0\.\d{3} to 0\.\d{3} ", said)
    assert re.search(r"macro average precision +│ 0\.\d{3} +│ +│", said)

    ids = tuple(map(str, range(200)))
    runs = [Scores.of(ids, names, one, Y, cuts, counts) for one in (P, P / 2)]
    screen.show_comparison(compare(["x", "y"], runs, resamples=20))
    compared = capsys.readouterr().out
    assert re.search(r"micro-F1 .*│ -0\.\d{3} \(-0\.\d{3} to -0\.\d{3}\) worse", compared)
    assert re.search(r"macro average precision +│ 0\.\d{3} +│ [+-]0\.000 +│", compared)
    for shown in (said, compared):
        assert "nan" not in shown
        assert "no interval" in shown
