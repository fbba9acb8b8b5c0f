"""Nearly equal plots, against similarity counted over all pairs."""

import sys

import numpy as np
import pytest

from plotgenre.corpus.near_duplicates import near_duplicates
from plotgenre.errors import MissingExtraError


def shingles(plot):
    words = plot.split()
    return {tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1))}


def test_against_all_pairs():
    pytest.importorskip("datasketch")
    rng = np.random.default_rng(0)
    plots = [" ".join(map(str, rng.integers(0, 5000, 120))) for _ in range(40)]
    for i in range(6):
        words = plots[i].split()
        words[3 * i : 3 * i + i] = ["new"] * i
        plots.append(" ".join(words))
    found = {(pair.first, pair.second): pair.similarity for pair in near_duplicates(plots)}
    expected = {}
    for j, plot in enumerate(plots):
        for i in range(j):
            a, b = shingles(plots[i]), shingles(plot)
            if len(a & b) / len(a | b) >= 0.7:
                expected[i, j] = len(a & b) / len(a | b)
    assert len(expected) == 6
    assert found == pytest.approx(expected)


def test_short_and_equal_plots():
    pytest.importorskip("datasketch")
    plots = ["one two", "ONE, two!", "one three", "one two", "...", "…"]
    found = [(pair.first, pair.second, pair.similarity) for pair in near_duplicates(plots)]
    assert (0, 1, 1.0) in found
    assert (0, 3, 1.0) in found
    assert not any(2 in pair[:2] for pair in found)
    assert near_duplicates([]) == []


def test_the_missing_part_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(MissingExtraError, match=r"plotgenre\[inspect\]"):
        near_duplicates(["a", "b"])
