"""The pages in a real browser, at two widths."""

import pytest


@pytest.fixture(params=[400, 1400], ids=["phone", "desk"])
def page(request, browser, hostile):
    """The file of the module's `hostile` fixture; what the console says fails the test."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda sent: said.append(sent.url) if "file:" not in sent.url else None)
    page.goto(hostile[0].as_uri())
    yield page
    page.close()
    assert [text for text in said if not text.startswith("data:")] == []


@pytest.fixture
def column(page):
    """Texts of one column of the rows that the genre table shows."""

    def texts(index):
        return page.eval_on_selector_all(
            "#genre-table tbody tr:not([hidden])",
            "(rows, i) => rows.map((row) => row.cells[i].textContent)",
            index,
        )

    return texts
