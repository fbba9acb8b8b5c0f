"""Plots, cells and genre names that would be scripts: all are shown as they stand."""

import csv

import pytest

SCRIPTS = (
    "<script>alert('plot')</script> A ghost in the cellar discovers the old house. <img src=x "
    "onerror=alert('plot')> Two strangers share a taxi by morning. <svg/onload=alert('plot')> "
    "[link](javascript:alert(1)) \u202e\x00 </p></article></main>"
)


@pytest.fixture(autouse=True)
def nothing_new(visit):
    """No element of the page is of another's making; that no dialog opens, `visit` looks at."""
    yield
    if hasattr(visit, "last"):
        view = visit.last.view
        assert view.locator("img, svg, iframe, object, embed, base, style").count() == 0
        assert view.locator("script").count() == 1
        assert view.locator("[onerror], [onload], [href^='javascript']").count() == 0


def test_a_plot_and_genre_names_stay_text(visit, hostile, hostile_names, find):
    view = visit(hostile)
    find(view, SCRIPTS)
    answer = hostile.tag(SCRIPTS)
    given = [one["name"] for one in answer["genres"]]
    assert given
    assert view.locator("#given .name").all_text_contents() == given
    view.click("#near summary")
    shown = given + view.locator("#missed .name").all_text_contents()
    assert sorted(shown) == sorted(hostile_names)

    for button in view.locator("#given button").all():
        button.click()
        assert (
            view.locator("#words dt")
            .first.text_content()
            .endswith(button.locator(".name").text_content())
        )
    heard = "document.querySelectorAll('#text .unseen').forEach(one => one.remove())"
    view.evaluate(heard)
    # A browser replaces the character that HTML has no place for, in the field already.
    assert view.text_content("#text") == view.input_value("#plot")
    assert "<script>alert('plot')</script>" in view.text_content("#text")


def test_the_table_of_genres_shows_names_as_they_stand(visit, hostile, hostile_names):
    view = visit(hostile)
    view.click("#open-figures")
    view.wait_for_selector("#figures-body:not([hidden])")
    shown = view.locator("#figures-rows th").all_text_contents()
    assert sorted(shown) == sorted(hostile_names)
    assert view.text_content("#headline").startswith("There are no test scores")


def test_cells_and_columns_of_a_file_stay_text(visit, hostile, tmp_path):
    rows = [
        {"title": "<img src=x onerror=alert('cell')>", "plot": SCRIPTS.replace("\x00", "")},
        {"title": "</li></ol><script>alert('cell')</script>", "plot": " "},
    ]
    path = tmp_path / "<img src=x onerror=alert('name')>.csv".replace("/", "")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["title", "plot", "<b>column</b>"])
        writer.writeheader()
        writer.writerows(rows)
    view = visit(hostile)
    view.set_input_files("#file", path)
    view.wait_for_selector('#many[data-state="done"]')
    assert view.text_content("#run-name") == path.name
    assert view.locator("#preview .title").all_text_contents() == [one["title"] for one in rows]
    assert view.locator("#preview .clipped").first.text_content() == rows[0]["plot"]
    with view.expect_download() as download:
        view.click("#save-csv")
    with download.value.path().open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [{key: row[key] for key in ("title", "plot")} for row in read] == rows
    # So named, a script cannot be reached by the file's name either.
    assert "<" not in download.value.suggested_filename


def test_the_policy_forbids_what_is_not_the_pages_own(visit, hostile):
    view = visit(hostile)
    view.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.hit = true';
          document.body.append(script);
          const image = document.createElement('b');
          image.innerHTML = '<i style="color: red">x</i>';
          document.body.append(image);
        }"""
    )
    assert view.evaluate("window.hit") is None
    visit.last.wrong = [one for one in visit.last.wrong if "Content Security Policy" not in one]
    view.evaluate("document.body.lastChild.remove(); document.body.lastChild.remove()")
