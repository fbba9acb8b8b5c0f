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


@pytest.fixture(scope="module")
def examples(request):
    return read_corpus(request.config.rootpath / "examples" / "films.csv").plots


@pytest.mark.parametrize("setting", ["longest", "minimum_films", "maximum_ngrams"])
def test_settings_out_of_range(setting):
    with pytest.raises(ValidationError, match=setting):
        VocabularySettings(**{setting: 0})
