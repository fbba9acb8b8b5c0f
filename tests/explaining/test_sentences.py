"""Where sentences end, which are weighed together, and what is left without one."""

from itertools import pairwise

import pytest

from plotgenre.explaining.sentences import MOST_SPANS, sentences, spans, without


def texts(plot, places):
    return [plot[begin:end] for begin, end in places]


def test_sentences_are_all_of_the_text():
    plot = "Anna leaves.  Bert stays.\nWho\n"
    assert texts(plot, sentences(plot)) == ["Anna leaves.", "  Bert stays.", "\n", "Who\n"]


@pytest.mark.parametrize(
    ("plot", "expected"),
    [
        ("Dr. Anna E. Weiss leaves St. Ives! Bert stays.", ["Dr. Anna E. Weiss leaves St. Ives!"]),
        ("So do I. Bert stays.", ["So do I."]),
        ('"Who goes there?" asks Anna. He goes.', ['"Who goes there?" asks Anna.']),
        ('She says "Go." He goes.', ['She says "Go."']),
        ("It costs 1.50 a day… Bert pays.", ["It costs 1.50 a day…"]),
        ("彼は家に帰る。「誰だ？」と彼女は言う。", ["彼は家に帰る。", "「誰だ？」"]),
        ("no end at all", []),
    ],
)
def test_where_a_sentence_ends(plot, expected):
    assert texts(plot, sentences(plot))[:-1] == expected


def test_spans_have_no_outer_space_and_short_ones_go_with_the_next():
    plot = "  He knows. The ghost is down in the cellar.\n\nA soldier walks home alone. End."
    assert texts(plot, spans(plot)) == [
        "He knows. The ghost is down in the cellar.",
        "A soldier walks home alone. End.",
    ]


def test_a_long_plot_has_no_more_spans_than_allowed():
    # 3,500 words in 250 sentences of 14 words.
    plot = " ".join(
        "The crew of a cargo ship finds an alien signal on the moon." for _ in range(250)
    )
    found = spans(plot)
    assert 30 <= len(found) <= MOST_SPANS
    assert (found[0][0], found[-1][1]) == (0, len(plot))
    for (_, end), (begin, _) in pairwise(found):
        assert plot[end:begin] == " "
    sizes = [end - begin for begin, end in found]
    assert max(sizes) <= 2 * min(sizes)
    assert len(spans(plot, most=3)) <= 3


@pytest.mark.parametrize(("plot", "count"), [("", 0), (" \n", 0), ("love", 1), ("No! No! No!", 1)])
def test_plots_of_next_to_nothing(plot, count):
    assert len(spans(plot)) == count


def test_without_a_span_the_space_behind_it_goes_too():
    plot = "One. Two.\n\nThree."
    assert without(plot, (0, 4)) == "Two.\n\nThree."
    assert without(plot, (5, 9)) == "One. Three."
    assert without(plot, (11, 17)) == "One. Two.\n\n"
    assert without("One.", (0, 4)) == ""
