"""An explanation on the terminal."""

import pytest

from plotgenre.doors import highlighting
from plotgenre.explaining.explanation import Explanation, GenreExplanation, Sentence, Word

PLOT = "A ghost. A [b]house[/b].\nA wedding. A taxi."
SENTENCES = (
    Sentence(0, 8, "A ghost.", 1.0),
    Sentence(9, 24, "A [b]house[/b].", 0.25),
    Sentence(25, 35, "A wedding.", -0.75),
    Sentence(36, 43, "A taxi.", 0.1),
)
WORDS = (Word("ghost", 2.0), Word("the [red]", 0.5), Word("wedding", -0.5))


@pytest.fixture
def horror():
    return GenreExplanation("Horror", 0.75, 1.1, 0.5, True, SENTENCES, WORDS)


def test_telling_sentences_are_marked_by_colour_and_number(horror):
    text = highlighting.marked_plot(PLOT, horror)
    assert text.plain == ("A ghost. (+1.00) A [b]house[/b]. (+0.25)\nA wedding. (−0.75) A taxi.")
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert styles["A ghost."] == "bold green"
    assert styles["A [b]house[/b]."] == "green"
    assert styles["A wedding."] == "bold red"
    assert "A taxi." not in styles


def test_a_plot_without_evidence_stays_as_it_is():
    nothing = GenreExplanation(
        "Horror", 0.1, -2.0, 0.5, False, (Sentence(0, 8, "A ghost.", 0),), ()
    )
    assert highlighting.marked_plot(PLOT, nothing).plain == PLOT


def test_what_is_shown_of_each_genre(horror, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    war = GenreExplanation("War", 0.1, -2.0, 0.5, False, (), ())
    highlighting.show_explanation(Explanation(PLOT, (horror, war)), "The [i]House")
    shown = capsys.readouterr().out
    assert shown.startswith("The [i]House\nA ghost. (+1.00)")
    assert "Marked for Horror" in shown
    assert "Horror  0.750 (threshold 0.500)\n" in shown
    assert "sentence       A ghost. (+1.00)" in shown
    assert "words for      ghost +2.00, the [red] +0.50" in shown
    assert "words against  wedding −0.50" in shown
    assert "War  0.100 (threshold 0.500, not predicted)\n" in shown


def test_a_long_sentence_is_quoted_in_part(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    plot = "ghost " * 60
    told = GenreExplanation("H", 0.7, 1.0, 0.5, True, (Sentence(0, 359, plot[:359], 1.0),), ())
    highlighting.show_explanation(Explanation(plot, (told,)), "")
    line = next(x for x in capsys.readouterr().out.splitlines() if "sentence  " in x)
    assert line.rstrip().endswith("ghost… (+1.00)")
