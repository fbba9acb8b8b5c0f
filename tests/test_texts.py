"""How much of a text is read: every reading is cut and warned of, and no text takes too long."""

import itertools
import unicodedata
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from plotgenre import GenreClassifier
from plotgenre.corpus.labels import cleaned
from plotgenre.corpus.plots import normalised_plot
from plotgenre.corpus.readers.cmu import clean_markup
from plotgenre.corpus.synonyms import normalised_name
from plotgenre.errors import PlotgenreWarning
from plotgenre.explaining.sentences import spans
from plotgenre.lexicon.words import words
from plotgenre.texts import LONGEST_PLOT, cut_warning, normalised, read_part

SOURCE = Path(__file__).resolve().parents[1] / "src" / "plotgenre"
FORMS = ("NFC", "NFD", "NFKC")
# Marks in falling order, one alone, marks only once they are taken apart, and two once they are.
MARKS = ("\u0315\u0300", "\u0301", "\uff9e", "\u0f73", "\u0f81", "\U0001d165\u0300")


def longest_run(text: str) -> int:
    """Marks on end that normalising has to sort."""
    apart = unicodedata.normalize("NFKD", text)
    runs = itertools.groupby(apart, lambda one: unicodedata.combining(one) > 0)
    return max((len(list(run)) for is_marks, run in runs if is_marks), default=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", MARKS)
def test_few_marks_on_end_are_sorted(form, marks):
    text = normalised(form, f"a{marks * 400}b {marks * 3}")
    # A mark may be two once it is taken apart.
    assert longest_run(text) <= 60
    assert text.startswith(unicodedata.normalize(form, f"a{marks}")[0])
    assert text.endswith(unicodedata.normalize(form, f"b {marks * 3}"))


def test_every_character_that_is_sorted_is_counted():
    codes = itertools.chain(range(0xD800), range(0xE000, 0x110000))
    sorted_ones = [
        mark for mark in map(chr, codes) if unicodedata.combining(mark) or mark in "\u0f73\u0f75"
    ]
    assert len(sorted_ones) > 900
    # Each run ends at the letter before it.
    text = normalised("NFC", "".join(f"x{mark * 70}" for mark in sorted_ones))
    assert longest_run(text) <= 60


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text",
    [
        "A café, a cafe\u0301; ﬁlm № 5",
        "क्षत्रिय और राजकुमारी की प्रेम कहानी है जो युद्ध के समय में घटित होती है",
        "彼は家に帰る。「誰だ？」" * 9,
        "e" + "\u0315\u0300" * 15,
        "👩\u200d👩\u200d👧" * 40,
        "\ud800 lone",
        "",
    ],
)
def test_other_texts_are_normalised_as_ever(form, text):
    assert normalised(form, text) == unicodedata.normalize(form, text)


def test_nothing_else_normalises():
    users = {
        path.name
        for path in SOURCE.rglob("*.py")
        if "unicodedata.normalize" in path.read_text(encoding="utf-8")
    }
    assert users == {"texts.py"}


READERS: dict[str, Callable[[str], object]] = {
    "words": words,
    "normalised plot": normalised_plot,
    "genre name": normalised_name,
    "label": cleaned,
    "sentences": spans,
    "markup": clean_markup,
}
PIECES = (
    *("\u0315\u0300", "\u0f73", ".", ".'", '?!"', " .", "a. ", "a", "a,", "7 ", "\0", "\n"),
    *("[", "(", "[(", "{{", "[[", "([[A ", "[[file:", "]", "<ref>", "<ref ", "<!--", "<a ", "</"),
    *("=", "== ", "==a", "=a", "'", "http://", "&amp", "彼", "。」", "👩\u200d", "שלום ", "Σ'"),
)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_time_grows_with_the_length(name, piece):
    read = READERS[name]

    def seconds(size: int) -> float:
        # A heading that does not end is only looked for behind its beginning.
        text = "==" + (piece * size)[:size]
        began = process_time()
        read(text)
        return process_time() - began

    # Four times the length takes 16 times as long where time grows with its square; whatever takes
    # less than a fifth of a second is no matter.
    if (long := seconds(20_000)) > 0.2:
        assert long < 10 * min(seconds(5_000) for _ in range(3))


def test_a_plot_is_read_up_to_the_most_characters(words_model):
    long = "a ghost haunts the house. " * 3_846 + "\n" * 5 + "war soldiers love " * 9
    assert len(read_part(long)) == LONGEST_PLOT == 100_000
    assert cut_warning(read_part(long)) is None
    said = f"plot 1 .counting from 0. has {len(long):,} characters, of which the first 100,000"
    with pytest.warns(PlotgenreWarning, match=said):
        found = words_model.predict_proba(["a war", long])
    assert found.tolist() == words_model.predict_proba(["a war", read_part(long)]).tolist()
    with pytest.warns(PlotgenreWarning, match="has 100,158|characters") as told:
        explanation = words_model.explain(long)
    assert len(told) == 1
    assert explanation.best.sentences[-1].end <= LONGEST_PLOT


def test_fitting_warns_of_what_it_does_not_read():
    plots = ["a ghost in the house", "a war of soldiers", "a ghost " * 12_501, "a war " * 16_667]
    genres = [["Horror"], ["War"]] * 2
    settings = GenreClassifier("lexical").settings()
    settings = settings.with_settings({"genres.minimum_films": 1, "lexical.minimum_films": 1})
    with pytest.warns(PlotgenreWarning, match=r"train plot 2 .*\(and 1 more are too long\)"):
        GenreClassifier(settings).fit(plots, genres, validation=(plots[:2], genres[:2]))


@pytest.fixture(scope="module")
def words_model():
    return GenreClassifier.from_pretrained("films", fast=True)
