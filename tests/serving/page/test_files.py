"""A file of films: sent, followed, looked at, cancelled, downloaded."""

import csv
import json

import pytest

PLOTS = (
    'A "ghost" in the cellar, says the old woman, discovers the house.',
    "Two strangers share a taxi; both are there\nby morning.",
    "",
    "A soldier walks through the ruins of the war.",
)
ROWS = [
    {"title": f"Film {i}, the {i}th", "plot": plot, "genres": "Drama|War"}
    for i, plot in enumerate(PLOTS, start=1)
]


@pytest.fixture
def written(tmp_path):
    def written(rows, name="my films.csv"):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return written


def ended(view, state="done"):
    view.wait_for_selector(f'#many[data-state="{state}"]')


def downloaded(view, button):
    with view.expect_download() as download:
        view.get_by_role("button", name=button).click()
    return download.value.suggested_filename, download.value.path()


def test_a_file_by_keyboard_comes_back_with_genres(visit, films, written):
    view = visit(films)
    sent = written(ROWS)
    # Listened to from the start: Chromium is told late, and opens the first chooser itself.
    view.on("filechooser", lambda chooser: chooser.set_files(sent))
    view.focus("#choose-file")
    view.keyboard.press("Enter")
    ended(view)
    assert view.text_content("#run-count") == "4 films read. 1 could not be tagged."
    assert view.text_content("#run-name") == "my films.csv"
    assert view.locator("#preview > li .title").all_text_contents() == [
        row["title"] for row in ROWS
    ]
    assert view.locator("#preview > li").nth(2).locator(".error").count() == 1
    expected = [films.tag(plot)["genres"] if plot else [] for plot in PLOTS]

    # The file's own genres stay where they were.
    name, path = downloaded(view, "Download CSV")
    assert name == "my films-genres.csv"
    with path.open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [{key: row[key] for key in ROWS[0]} for row in read] == ROWS
    for row, genres in zip(read, expected, strict=True):
        assert row["plotgenre_genres"].split("|") == ([one["name"] for one in genres] or [""])
        numbers = [float(one) for one in row["probabilities"].split("|") if one]
        assert numbers == [pytest.approx(one["probability"], abs=1e-4) for one in genres]
    assert [bool(row["error"]) for row in read] == [False, False, True, False]

    name, path = downloaded(view, "Download JSON lines")
    assert name == "my films-genres.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["plotgenre_genres"] for line in lines] == [
        [one["name"] for one in genres] for genres in expected
    ]
    assert [{key: line[key] for key in ROWS[0]} for line in lines] == ROWS


def test_progress_is_seen_and_can_be_cancelled(visit, films, written):
    many = [{"id": i, "plot": f"{PLOTS[3]} {i} times. " * 20} for i in range(2_000)]
    view = visit(films)
    view.set_input_files("#file", written(many))
    # After more than one film, for one is told in other words.
    view.wait_for_selector('#run-progress[value]:not([value="0"]):not([value="1"])')
    assert view.locator("#run-progress").get_attribute("max") == "2000"
    assert " of 2,000 films" in view.text_content("#run-count")
    assert view.evaluate("document.activeElement.id") == "cancel"
    view.keyboard.press("Enter")
    ended(view, "stopped")

    view.locator("#said", has_text="Cancelled. ").wait_for(state="attached")
    said = view.text_content("#run-count")
    rows = int(said.split()[3].replace(",", ""))
    assert said == f"Cancelled. The first {rows:,} films have genres."
    assert 0 < rows < 2_000
    _, path = downloaded(view, "Download JSON lines")
    ids = [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]
    assert [int(one) for one in ids] == list(range(rows))
    view.click("#next-file")
    assert view.locator("#choose-file").is_visible()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("films.jsonl", '{"plot": "A ghost in the cellar."}\n{"plot": "A taxi."}\n'),
        ("FILMS.TSV", "title\tplot\nOne\tA ghost in the cellar.\nTwo\tA taxi.\n"),
    ],
)
def test_a_file_may_be_dropped_anywhere(visit, hostile, name, text):
    view = visit(hostile)
    drag = view.evaluate_handle(
        """([name, text]) => {
          const drag = new DataTransfer();
          drag.items.add(new File([text], name));
          return drag;
        }""",
        [name, text],
    )
    view.dispatch_event("h1", "dragenter", {"dataTransfer": drag})
    assert view.locator("#drop").is_visible()
    view.dispatch_event("h1", "drop", {"dataTransfer": drag})
    assert view.locator("#drop").is_hidden()
    ended(view)
    assert view.text_content("#run-count") == "2 films read."


def test_what_is_wrong_with_a_file_is_one_sentence_beside_it(visit, hostile, written, tmp_path):
    view = visit(hostile)
    view.set_input_files("#file", written([{"title": "One", "story": "A ghost."}]))
    view.wait_for_selector("#file-error:not(:empty)")
    said = view.text_content("#file-error")
    assert said == (
        "The file has no column of the name given by plot_column; its columns are title, story."
    )
    assert view.locator("#file-error").get_attribute("role") == "alert"
    assert view.evaluate("document.activeElement.id") == "choose-file"
    visit.last.expected("422")

    view.set_input_files("#file", {"name": "a.docx", "mimeType": "", "buffer": b"x"})
    assert "a.docx is of no kind that is read here" in view.text_content("#file-error")

    # More than the service takes is not even sent.
    sent = []
    view.on("request", lambda asked: sent.append(asked.url))
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(65_000_000)
    view.set_input_files("#file", tmp_path / "large.csv")
    view.locator("#file-error", has_text="large").wait_for()
    assert view.text_content("#file-error") == "large.csv has 65 MB; at most 64 MB are read here."
    assert sent == []
