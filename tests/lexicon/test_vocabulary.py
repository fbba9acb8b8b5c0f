"""The vocabulary, on toy plots whose rows are counted by hand."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from plotgenre.errors import ArtefactError
from plotgenre.lexicon import vocabulary as module
from plotgenre.lexicon.characters import Characters
from plotgenre.lexicon.vocabulary import Vocabulary

# Words 0 ghost, 1 house, 2 old; pairs 3 "house ghost" (1·3+0), 4 "old house" (2·3+1).
TOY = Vocabulary(
    ("ghost", "house", "old"),
    np.array([3, 7]),
    np.array([1.0, 2.0, 3.0, 4.0, 5.0], dtype=np.float32),
)
# The same, and character n-grams 5 " ho" and 6 "ous".
SPELT = Vocabulary(
    TOY.words,
    TOY.pairs,
    np.array([*TOY.idf, 6.0, 7.0], dtype=np.float32),
    Characters(3, 3, (" ho", "ous")),
)


def dense(rows):
    whole = np.zeros((len(rows), rows.width))
    for film in range(len(rows)):
        values, columns = rows.row(film)
        whole[film, columns] = values
    return whole


def test_a_row_by_hand():
    # old ×1, house ×2, "old house" ×1; "house house" is no n-gram.
    raw = np.array([0, (1 + math.log(2)) * 2, 3, 0, 5])
    np.testing.assert_allclose(
        dense(TOY.rows(["The old house. House!"])), [raw / np.linalg.norm(raw)], rtol=1e-6
    )


def test_a_row_with_characters_by_hand():
    # Each half has length 1 of its own before both are joined. A mouse is known by letters alone.
    plots = ["The old house. House!", "a mouse", "old", "xx"]
    word = np.array([0, (1 + math.log(2)) * 2, 3, 0, 5])
    spelt = np.array([6, 7]) * (1 + math.log(2))
    halves = [word / np.linalg.norm(word), spelt / np.linalg.norm(spelt)]
    expected = np.zeros((4, 7))
    expected[0] = np.concatenate(halves) / math.sqrt(2)
    expected[1, 6] = expected[2, 2] = 1
    rows = SPELT.rows(plots)
    np.testing.assert_allclose(dense(rows), expected, rtol=1e-6)
    assert rows.row(0)[1].tolist() == [1, 2, 4, 5, 6]
    assert rows.offsets.tolist() == [0, 5, 6, 7, 7]


def test_an_unknown_word_and_the_end_of_a_film_part_a_pair():
    rows = TOY.rows(["old haunted house", "old", "house"])
    assert [rows.row(film)[1].tolist() for film in range(3)] == [[1, 2], [2], [1]]


def test_a_film_without_known_words_is_empty():
    rows = TOY.rows(["", "ghost", "nothing here"])
    assert rows.offsets.tolist() == [0, 0, 1, 1]
    assert len(TOY.rows([])) == 0
    assert TOY.rows(["nothing here"]).values.size == 0


@pytest.mark.parametrize("vocabulary", [TOY, SPELT])
def test_a_row_does_not_depend_on_other_plots(vocabulary, monkeypatch):
    plots = ["old house ghost", "ghost", "", "house ghost old house old", "spouse house"] * 3
    alone = np.concatenate([dense(vocabulary.rows([plot])) for plot in plots])
    together = dense(vocabulary.rows(plots))
    monkeypatch.setattr(module, "BLOCK", 4)
    blocks = dense(vocabulary.rows(plots))
    assert (alone == together).all()
    assert (together == blocks).all()


def test_words_without_pairs():
    alone = Vocabulary(("ghost",), np.zeros(0, np.int64), np.ones(1, np.float32))
    alone.check()
    assert dense(alone.rows(["ghost ghost", "x"])).tolist() == [[1], [0]]


def test_texts():
    first = ["ghost", "house", "old", "house ghost", "old house"]
    assert [TOY.text(ngram) for ngram in range(5)] == first
    assert [SPELT.text(ngram) for ngram in range(7)] == [*first, " ho", "ous"]


@pytest.mark.parametrize("vocabulary", [TOY, SPELT])
def test_through_tensors_and_back(vocabulary):
    back = Vocabulary.of_tensors(vocabulary.tensors())
    assert back.words == vocabulary.words
    plots = ["the old house", "ghost house ghost", "mouse"]
    assert (dense(back.rows(plots)) == dense(vocabulary.rows(plots))).all()


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_same_row_in_another_process(seed):
    code = (
        "import numpy as np; from plotgenre.lexicon.choosing import *;"
        "v = choose_vocabulary(['old house ghost', 'old house', 'Ghost'] * 3, "
        "VocabularySettings(maximum_ngrams=4));"
        "print(v.words, v.pairs.tolist(), v.rows(['old house']).values.tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    # All occur 6 times, so words come first and the pair "old house" (2·3+1) is the fourth.
    half = np.float32(1 / math.sqrt(3))
    assert done.stdout.startswith("('ghost', 'house', 'old') [7] ")
    np.testing.assert_allclose(json.loads(done.stdout.split("] ", 1)[1]), [half] * 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("words", None, "'words' is missing"),
        ("words", np.frombuffer(b"ghost\nghost\nold", np.uint8), "'words' has a word twice"),
        ("words", np.frombuffer(b"\xff", np.uint8), "'words' is not UTF-8"),
        ("pairs", np.array([3.0, 7.0]), r"'pairs' must be int64 .*, found float64 of shape \(2,\)"),
        ("pairs", np.array([7, 3]), "'pairs' must rise from 0 to below 3²"),
        ("pairs", np.array([3, 9]), "'pairs' must rise from 0 to below 3²"),
        ("pairs", np.array([-1, 3]), "'pairs' must rise"),
        ("idf", np.ones(4, np.float32), r"3 words, 2 pairs and 0 characters, found .*\(4,\)"),
        ("idf", np.full(5, np.nan, np.float32), "'idf' has NaN"),
        ("idf", np.zeros(5, np.float32), "'idf' has NaN, infinity or a number not above 0"),
    ],
)
def test_tensors_that_cannot_be_right(name, value, sentence):
    tensors = {**TOY.tensors(), name: value}
    if value is None:
        del tensors[name]
    with pytest.raises(ArtefactError, match=sentence):
        Vocabulary.of_tensors(tensors)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("lengths", None, "'lengths' is missing"),
        ("characters", None, "'characters' is missing"),
        (
            "lengths",
            np.array([3.0, 3.0]),
            "'lengths' must be int64 of one dimension, found float64",
        ),
        ("lengths", np.array([3, 2]), "'lengths' must be 1 or more and not fall"),
        ("idf", np.ones(5, np.float32), r"2 pairs and 2 characters, found shape \(5,\)"),
    ],
)
def test_tensors_of_characters_that_cannot_be_right(name, value, sentence):
    tensors = {**SPELT.tensors(), name: value}
    if value is None:
        del tensors[name]
    with pytest.raises(ArtefactError, match=sentence):
        Vocabulary.of_tensors(tensors)
