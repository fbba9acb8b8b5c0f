"""What each disturbance makes of texts that are short enough to disturb by hand."""

from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def disturbances() -> ModuleType:
    import disturbances

    return disturbances


def test_first_and_last_words_keep_the_text_between(disturbances: ModuleType) -> None:
    plot = "One  two\nthree, four."
    assert disturbances.first_words(plot, 3) == "One  two\nthree,"
    assert disturbances.last_words(plot, 3) == "two\nthree, four."
    for count in (4, 50):
        assert disturbances.first_words(plot, count) == plot
        assert disturbances.last_words(plot, count) == plot


@pytest.mark.parametrize(
    ("plot", "first"),
    [
        ("Anna leaves. Bert stays.", "Anna leaves."),
        ("Dr. Anna E. Weiss leaves St. Ives! Bert stays.", "Dr. Anna E. Weiss leaves St. Ives!"),
        ("So do I. Bert stays.", "So do I."),
        ('"Who goes there?" asks Anna. Bert stays.', '"Who goes there?" asks Anna.'),
        ('She says "Go." He goes.', 'She says "Go."'),
        ("It costs 1.50 a day… Bert pays.", "It costs 1.50 a day…"),
        ("Part one\nAnna leaves.", "Part one"),
        ("... 1984. \nAnna leaves. Bert stays.", "Anna leaves."),
        ("no end at all", "no end at all"),
        ("1984", "1984"),
    ],
)
def test_the_first_sentence(disturbances: ModuleType, plot: str, first: str) -> None:
    assert disturbances.first_sentence(plot) == first


@pytest.mark.parametrize(
    ("plot", "left"),
    [
        # Anna is known from the second sentence, Bert only ever begins one, The is no name.
        ("Anna leaves. The sea takes Anna. Bert stays.", "leaves. The sea takes . Bert stays."),
        ("Anna's boat sinks and Anna swims.", "boat sinks and swims."),
        ("He meets Jean-Luc O’Brien in Rome.", "He meets in ."),
        ("When I met Dr. Weiss, I’m sure, I ran.", "When I met . , I’m sure, I ran."),
        ("Nobody has  a name.", "Nobody has  a name."),
        ("Alone", "Alone"),
    ],
)
def test_names_are_removed_by_their_capitals(
    disturbances: ModuleType, plot: str, left: str
) -> None:
    assert disturbances.names_removed(plot) == left


def test_every_kind_of_typo_and_no_other(disturbances: ModuleType) -> None:
    # One of two letters: dropped, doubled, swapped, or a key that touches it on the keyboard.
    expected = {"n", "o", "oon", "onn", "no"}
    expected |= {f"{key}n" for key in "ipkl"} | {f"o{key}" for key in "bmhj"}
    found = {disturbances.typos("on", 0.5, seed) for seed in range(400)}
    assert found == expected


def test_a_typo_keeps_the_capital_and_what_is_no_letter(disturbances: ModuleType) -> None:
    found = {disturbances.typos("1 P.", 1, seed) for seed in range(100)}
    assert found == {"1 .", "1 PP.", "1 O.", "1 L."}
    assert {disturbances.typos("é", 1, seed) for seed in range(50)} == {"", "éé"}


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_the_share_is_that_of_the_letters(disturbances: ModuleType, share: float) -> None:
    # Lone letters without a key: each error drops or doubles exactly one.
    plot = "é " * 500
    changed = [word != "é" for word in disturbances.typos(plot, share).split(" ")[:-1]]
    assert sum(changed) == share * 500
    assert disturbances.typos("few", share) == "few"


def test_the_same_text_and_seed_make_the_same_errors(disturbances: ModuleType) -> None:
    plot = "The crew of a cargo ship finds an alien signal on a dead moon."
    # Written down so that errors stay the same from one version and machine to the next.
    assert disturbances.typos(plot, 0.1) == disturbances.typos(plot, 0.1, disturbances.SEED)
    assert disturbances.typos(plot, 0.1) == (
        "The ctew of a carp ship finds n lien signal on a dead moon."
    )
    assert disturbances.typos(plot, 0.1, 1) != disturbances.typos(plot, 0.1, 2)


def test_plain_letters(disturbances: ModuleType) -> None:
    plain = disturbances.plain_letters
    assert plain("“Amélie’s” naïve Søren — «Ça va…»") == '"Amelie\'s" naive Søren - "Ca va..."'
    # Scripts whose letters are made of parts stay whole.
    assert plain("기생충 फिल्म") == "기생충 फिल्म"


def test_a_plot_of_which_nothing_is_left_stays(disturbances: ModuleType) -> None:
    assert disturbances.names_removed("Anna Anna") == ""
    assert disturbances.disturb("Anna Anna", "names removed") == "Anna Anna"
    assert disturbances.disturb("to Anna", "names removed") == "to"


def test_the_whole_plot_comes_first_and_is_not_touched(disturbances: ModuleType) -> None:
    assert next(iter(disturbances.VARIANTS)) == disturbances.WHOLE
    assert disturbances.disturb(" Ünruly  text ", disturbances.WHOLE) == " Ünruly  text "
