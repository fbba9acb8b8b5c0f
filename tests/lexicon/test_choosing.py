"""Choosing the vocabulary: by hand, and against scikit-learn's vectorizer."""

import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre import read_corpus
from plotgenre.errors import InputError
from plotgenre.lexicon import choosing
from plotgenre.lexicon.choosing import VocabularySettings, choose_vocabulary
from plotgenre.lexicon.reading import PlotsRead
from plotgenre.lexicon.words import words

PLOTS = ["old house, old house", "the old house", "house ghost", "ghost old"]


def texts(vocabulary):
    return [vocabulary.text(ngram) for ngram in range(len(vocabulary))]


def test_minimum_films_counts_films_not_occurrences():
    # "house old" occurs once, "house ghost" and "ghost old" in one film each.
    chosen = choose_vocabulary(PLOTS, VocabularySettings(minimum_films=2))
    assert texts(chosen) == ["ghost", "house", "old", "old house"]
    expected = [math.log(5 / (1 + films)) + 1 for films in (2, 3, 3, 2)]
    np.testing.assert_allclose(chosen.idf, expected, rtol=1e-6)


def test_longest_1_reads_no_pairs():
    chosen = choose_vocabulary(PLOTS, VocabularySettings(minimum_films=2, longest=1))
    assert texts(chosen) == ["ghost", "house", "old"]


def test_maximum_ngrams_keeps_the_most_frequent():
    # old 4, house 4, "old house" 3, ghost 2: the pair goes before the rarer word.
    chosen = choose_vocabulary(PLOTS, VocabularySettings(minimum_films=2, maximum_ngrams=3))
    assert texts(chosen) == ["house", "old", "old house"]


def test_words_come_before_pairs_as_frequent():
    chosen = choose_vocabulary(["bb aa"] * 3, VocabularySettings(maximum_ngrams=2))
    assert texts(chosen) == ["aa", "bb"]


def test_characters_by_hand():
    # All pairs of letters of ghost, house and old; "th", "he" and those of xx are in one film each.
    settings = VocabularySettings(minimum_films=2, longest=1, characters=(2, 2))
    chosen = choose_vocabulary([*PLOTS, "xx xx"], settings)
    spelt = [" g", " h", " o", "d ", "e ", "gh", "ho", "ld", "ol", "os", "ou", "se", "st", "t "]
    assert texts(chosen) == ["ghost", "house", "old", *sorted([*spelt, "us"])]
    films = {"ho": 4, "os": 2, "ou": 3, "ld": 3}
    for text, count in films.items():
        idf = chosen.idf[texts(chosen).index(text)]
        assert idf == pytest.approx(math.log(6 / (1 + count)) + 1), text


def test_maximum_characters_keeps_the_most_frequent_beside_all_words():
    settings = VocabularySettings(
        minimum_films=2, longest=1, characters=(2, 2), maximum_characters=2
    )
    # "ho" is in house and ghost, 4 + 2 times; "e " in house and the, 4 + 1; all others 4 or fewer.
    assert texts(choose_vocabulary(PLOTS, settings)) == ["ghost", "house", "old", "e ", "ho"]


def test_progress_of_each_kind_of_ngram(monkeypatch):
    monkeypatch.setattr(choosing, "_BLOCK", 3)
    monkeypatch.setattr(choosing, "BLOCK", 2)
    heard = []
    settings = VocabularySettings(minimum_films=2, characters=(2, 2))
    choose_vocabulary(PLOTS, settings, heard.append)
    assert heard == [
        *(PlotsRead("words", done, 4) for done in (3, 4)),
        *(PlotsRead("pairs", done, 4) for done in (3, 4)),
        *(PlotsRead("characters", done, 4) for done in (2, 4)),
    ]


@pytest.mark.parametrize("plots", [[], ["rare words"], [""] * 5])
def test_no_word_in_enough_films(plots):
    with pytest.raises(InputError, match=f"no word occurs in minimum_films 3 of {len(plots)}"):
        choose_vocabulary(plots, VocabularySettings())


def test_one_word_a_film_has_no_pairs():
    assert texts(choose_vocabulary(["ghost"] * 3, VocabularySettings())) == ["ghost"]


@pytest.mark.parametrize("block", [7, 4096])
def test_as_scikit_learns_vectorizer(examples, block, monkeypatch):
    """The same n-grams, and the same rows to float32's last digit."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    monkeypatch.setattr(choosing, "_BLOCK", block)

    def analyzer(plot):
        found = words(plot)
        return found + [f"{a} {b}" for a, b in pairwise(found)]

    theirs = TfidfVectorizer(analyzer=analyzer, min_df=3, sublinear_tf=True)
    expected = theirs.fit_transform(examples)
    ours = choose_vocabulary(examples, VocabularySettings())
    assert set(texts(ours)) == set(theirs.vocabulary_)
    assert len(ours) > len(ours.words) > 100
    rows = ours.rows(examples)
    columns = [theirs.vocabulary_[text] for text in texts(ours)]
    found = np.zeros(expected.shape)
    for film in range(len(rows)):
        values, own = rows.row(film)
        found[film, own] = values
    np.testing.assert_allclose(found, expected[:, columns].toarray(), atol=1e-6)


@pytest.mark.parametrize("lengths", [(3, 5), (5, 6)])
def test_as_scikit_learns_vectorizer_of_characters(examples, lengths):
    """The same n-grams and counts; joined as a union of two vectorizers, of length 1 again."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def wordwise(plot):
        return " ".join(words(plot))

    same = {"min_df": 3, "sublinear_tf": True, "preprocessor": wordwise}
    spelt = TfidfVectorizer(analyzer="char_wb", ngram_range=lengths, **same)
    word = TfidfVectorizer(**same)
    expected = np.hstack([part.fit_transform(examples).toarray() for part in (word, spelt)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    settings = VocabularySettings(longest=1, characters=lengths, maximum_characters=10**6)
    ours = choose_vocabulary(examples, settings)
    names = [*sorted(word.vocabulary_), *sorted(spelt.vocabulary_)]
    assert texts(ours) == names
    assert len(ours.characters) > 1000
    rows = ours.rows(examples)
    found = np.zeros(expected.shape)
    for film in range(len(rows)):
        values, own = rows.row(film)
        found[film, own] = values
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.fixture(scope="module")
def examples(request):
    return read_corpus(request.config.rootpath / "examples" / "films.csv").plots


@pytest.mark.parametrize(
    "setting", ["longest", "minimum_films", "maximum_ngrams", "maximum_characters"]
)
def test_settings_out_of_range(setting):
    with pytest.raises(ValidationError, match=setting):
        VocabularySettings(**{setting: 0})


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [((5, 3), "shortest and longest, got 5 and 3"), ((0, 3), "characters"), ((3,), "characters")],
)
def test_lengths_of_characters_out_of_range(lengths, sentence):
    with pytest.raises(ValidationError, match=sentence):
        VocabularySettings(characters=lengths)
