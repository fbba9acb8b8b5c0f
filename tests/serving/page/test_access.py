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
            wider = view.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, name


def test_everything_moves_less_where_that_is_asked_for(visit, hostile):
    view = visit(hostile)
    assert view.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    view.emulate_media(reduced_motion="no-preference")
    assert view.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"
