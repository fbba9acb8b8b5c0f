"""The scripts that touch no document, in a real browser, on cases counted by hand."""

import csv
import io

import pytest


@pytest.fixture(scope="module")
def view(browser, hostile):
    view = browser.new_page()
    view.goto(hostile.address)
    yield view
    view.close()


@pytest.fixture
def run(view):
    def run(module, name, *arguments):
        code = (
            "async ([module, name, given]) => (await import(`/page/${module}.js`))[name](...given)"
        )
        return view.evaluate(code, [module, name, arguments])

    return run


def marked(run, plot, sentences, words=()):
    """Each run as (side, depth, [(text, side of the word)])."""
    keys = ("start", "end", "contribution")
    why = {
        "sentences": [dict(zip(keys, one, strict=True)) for one in sentences],
        "words": [dict(zip(("text", "contribution"), one, strict=True)) for one in words],
    }
    return [
        (one["side"], one["depth"], [(part["text"], part["side"]) for part in one["words"]])
        for one in run("marks", "runs", plot, why)
    ]


def test_sentences_are_marked_by_their_share_of_the_largest(run):
    plot = "Aa. Bb. Cc. Dd."
    found = marked(run, plot, [(0, 3, 2.0), (4, 7, -0.8), (8, 11, 0.29), (12, 15, 0.4)])
    assert found == [
        ("for", "deep", [("Aa.", None)]),
        (None, None, [(" ", None)]),
        ("against", "middle", [("Bb.", None)]),
        (None, None, [(" ", None)]),
        # 0.29 / 2 is below 0.15: plain.
        (None, None, [("Cc.", None)]),
        (None, None, [(" ", None)]),
        ("for", "faint", [("Dd.", None)]),
    ]


def test_a_plot_without_any_evidence_is_plain(run):
    assert marked(run, "Aa bb.", [(0, 6, 0.0)]) == [(None, None, [("Aa bb.", None)])]


def test_places_are_characters_where_a_browser_counts_units(run):
    # Two emojis are two characters and four units.
    found = marked(run, "🚀🚀 go. Home.", [(0, 6, 1.0), (7, 12, -1.0)])
    assert [(side, "".join(text for text, _ in parts)) for side, _, parts in found] == [
        ("for", "🚀🚀 go."),
        (None, " "),
        ("against", "Home."),
    ]


def test_words_and_pairs_are_found_as_the_model_cuts_them(run):
    plot = "The OLD house. An old, mad house!"
    words = [("old house", 1.0), ("mad", -0.9), ("the", 0.1)]
    [(_, _, first), (_, _, _), (_, _, second)] = marked(
        run, plot, [(0, 14, 1.0), (15, 33, 1.0)], words
    )
    # "the" has a tenth of the strongest: too little to show; "old, mad house" is no "old house".
    assert first == [("The ", None), ("OLD", "for"), (" ", None), ("house", "for"), (".", None)]
    assert second == [("An old, ", None), ("mad", "against"), (" house!", None)]


def test_of_two_that_meet_the_stronger_word_wins(run):
    found = marked(run, "dead sea", [(0, 8, 1.0)], [("dead", 1.0), ("dead sea", -0.5)])
    assert found[0][2] == [("dead", "for"), (" ", None), ("sea", "against")]


def test_csv_is_read_back_as_it_was(run):
    columns = ["title", "genres", "note"]
    values = {"title": 'He said "no", twice', "genres": "Drama|War", "note": "line\nbreak"}
    genres = [{"name": "Film noir", "probability": 0.5}, {"name": "A, b", "probability": 0.25}]
    rows = [
        {"row": 1, "values": values, "genres": genres, "error": None},
        {"row": 2, "values": {"title": None}, "genres": [], "error": "the plot is empty"},
    ]
    text = "".join(run("rows", "csv", columns, rows))
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    # The file's own genres stay, and the new ones stand beside them.
    assert read[0] == values | {
        "plotgenre_genres": "Film noir|A, b",
        "probabilities": "0.5|0.25",
        "error": "",
    }
    assert (read[1]["title"], read[1]["error"]) == ("", "the plot is empty")


def test_lines_are_joined_where_pieces_cut_them(view):
    code = """async () => {
      const { lines } = await import('/page/rows.js');
      const bytes = new TextEncoder().encode('{"row": 1, "a": "é"}\\n\\n{"row": 9007199254740993}');
      const stream = new ReadableStream({ start(control) {
        for (const byte of bytes) control.enqueue(new Uint8Array([byte]));
        control.close();
      } });
      const found = [];
      for await (const line of lines(stream)) found.push(JSON.stringify(line));
      return found;
    }"""
    # The number has a digit more than a browser's numbers hold.
    assert view.evaluate(code) == ['{"row":1,"a":"é"}', '{"row":9007199254740993}']
