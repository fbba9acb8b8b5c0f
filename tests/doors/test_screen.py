"""Progress on standard error."""

from plotgenre.doors import screen
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
