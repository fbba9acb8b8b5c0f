"""The page of `plotgenre inspect`, as text and in a real browser."""

import pytest

from plotgenre.corpus import Corpus
from plotgenre.corpus.health import examine
from plotgenre.corpus.synonyms import find_synonyms
from plotgenre.doors.inspection import figures_of
from plotgenre.evaluation.report.health_page import write_health

pytest.importorskip("jinja2", reason="the report's templates need jinja2")

HOSTILE = "<script>window.stolen = 1</script>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    plots = [f"A {HOSTILE} film [bold]number[/nonsense] {i}, {{{{ 7 * 191 }}}}" for i in range(12)]
    rarer = [["Western"] if i < 3 else [] for i in range(12)]
    lists = [
        [*pair, *more]
        for pair, more in zip([[HOSTILE, f"{HOSTILE} film"], [HOSTILE]] * 6, rarer, strict=True)
    ]
    films = Corpus.from_lists(plots, lists, titles=[HOSTILE] * 12)
    first = {"film": HOSTILE, "split": "corpus"}
    near = {
        "splits": ["corpus", "test"], "count": 1, "straddling": 1,
        "pairs": [{"first": first, "second": first | {"split": "test"}, "similarity": 0.8}],
    }  # fmt: skip
    worst = [{"id": "1", "film": HOSTILE, "kind": "missing", "probability": 0.9}]
    genres = [{"genre": HOSTILE, "missing": 2, "wrong": 1, "worst": worst}]
    issues = {"warning": "Mind.", "account": [], "genres": genres}
    path = tmp_path_factory.mktemp("health") / "new folder" / "page.html"
    figures = figures_of(films, examine(films), find_synonyms(films), near, issues)
    write_health(figures, path)
    return path, path.read_text(encoding="utf-8")


def test_hostile_names_are_shown_and_not_run(hostile):
    _, page = hostile
    assert page.count("<script") == 1
    assert "1337" not in page
    assert "&lt;script&gt;window.stolen" in page
    assert 'id="labels"' in page
    assert "http://" not in page
    assert "https://" not in page


def test_in_a_browser(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("window.stolen") is None
    for link in page.locator("nav a").all():
        assert page.locator(f"section{link.get_attribute('href')} h2").count() == 1

    def genres():
        return page.locator("#genres tbody th").all_inner_texts()

    # The commonest first, until another order is asked for.
    assert genres() == [HOSTILE, f"{HOSTILE} film", "Western"]
    page.locator("#genres thead button", has_text="IRLbl").focus()
    page.keyboard.press("Enter")
    assert genres() == ["Western", f"{HOSTILE} film", HOSTILE]
    assert page.locator("#genres th[aria-sort=descending]").count() == 1
