"""The one way to cut a plot into words."""

from plotgenre.lexicon.words import words


def test_lower_case_runs_of_two_or_more():
    assert words("A Ghost-house, in 1984: it's I!") == ["ghost", "house", "in", "1984", "it"]


def test_a_combining_accent_does_not_cut_a_word():
    assert words("cafe\u0301 noir") == words("caf\u00e9 noir") == ["caf\u00e9", "noir"]


def test_nothing_to_read():
    assert words("") == words("a . !") == []
