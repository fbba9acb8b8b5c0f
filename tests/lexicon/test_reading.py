"""Plots in blocks, and who is told."""

from plotgenre.lexicon.reading import PlotsRead, blocks


def test_blocks_in_order_and_progress_after_each():
    heard = []
    plots = ["a", "b", "c", "d", "e"]
    for block in blocks(plots, 2, "pairs", heard.append):
        heard.append(block)
    assert heard == [
        ["a", "b"],
        PlotsRead("pairs", 2, 5),
        ["c", "d"],
        PlotsRead("pairs", 4, 5),
        ["e"],
        PlotsRead("pairs", 5, 5),
    ]


def test_nothing_to_read_and_no_one_to_tell():
    heard = []
    assert list(blocks([], 2, "words", heard.append)) == heard == []
    assert list(blocks(["a"], 2, "rows")) == [["a"]]
