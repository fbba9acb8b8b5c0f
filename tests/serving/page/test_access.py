"""Readable by everyone: axe-core finds nothing serious, and nothing is wider than a phone."""

import pytest

SERIOUS = {"serious", "critical"}
PLOT = "A ghost in the cellar discovers the old house. Two strangers share a taxi by morning."


@pytest.fixture(scope="module")
def axe():
    library = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    return library.Axe()


@pytest.fixture
def states(visit, films, find, tmp_path):
    """Each state of the page in turn, by name."""

    def states(size, colours):
        view = visit(films, size, colours)
        yield "start", view
        view.click("#find")
        view.wait_for_selector("#ask-error:not(:empty)")
        visit.last.expected("422")
        yield "error", view
        find(view, PLOT)
        view.locator("#given button").first.click()
        view.click("#near summary")
        yield "lit", view
        file = tmp_path / "films.csv"
        file.write_text(f'title,plot\nOne,"{PLOT}"\n{"Long" * 40},"{"x" * 400}"\nThree,\n')
        view.set_input_files("#file", file)
        view.wait_for_selector('#many[data-state="done"]')
        yield "file", view
        view.click("#open-figures")
        view.wait_for_selector("#figures-body:not([hidden])")
        yield "figures", view

    return states


@pytest.mark.parametrize(("size", "colours"), [("desk", "light"), ("phone", "dark")])
def test_axe_finds_nothing_serious(states, axe, size, colours):
    for name, view in states(size, colours):
        found = axe.run(view).response["violations"]
        assert [(name, one["id"]) for one in found if one["impact"] in SERIOUS] == []
        if size == "phone":
            wider = view.eval_on_selector_all(
                "html, dialog[open]", "all => all.filter(one => one.scrollWidth > one.clientWidth)"
            )
            assert wider == [], name


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_what_belongs_together_is_seen_together(visit, hostile, find, size):
    view = visit(hostile, size)

    def box(selector):
        found = view.locator(selector).bounding_box()
        return found["x"], found["y"], found["width"], found["height"]

    def beside(one, other):
        return box(other)[0] >= box(one)[0] + box(one)[2] and box(other)[1] <= box(one)[1] + 10

    assert beside("#ask", ".note") == (size == "desk")
    find(view, PLOT)
    # On a phone the genres stand above the plot, and the plot's first lines below them.
    assert beside("#bar", "#answer") == (size == "desk")
    assert box("#text")[1] < view.viewport_size["height"]


def test_everything_moves_less_where_that_is_asked_for(visit, hostile):
    view = visit(hostile)
    assert view.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    view.emulate_media(reduced_motion="no-preference")
    assert view.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"
