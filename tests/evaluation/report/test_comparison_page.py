"""The page of a comparison, as text and in a real browser."""

import re

import numpy as np
import pytest

from plotgenre.evaluation.comparison import compare
from plotgenre.evaluation.report import write_comparison
from plotgenre.evaluation.scores import Scores

pytest.importorskip("jinja2", reason="the report's templates need jinja2")

HOSTILE = (
    "<script>window.stolen = 1</script>",
    "\"><img src=x onerror='window.stolen = 1'>",
    "{{ 7 * 191 }} <!--",
)


def written(path, genres, names, films=40, resamples=5):
    rng = np.random.default_rng(0)
    Y = rng.random((films, len(genres))) < 0.9 / np.arange(1, len(genres) + 1)
    ids = tuple(f"f{i}" for i in range(films))
    scores = [
        Scores.of(
            ids,
            tuple(genres),
            np.clip(rng.random(Y.shape) * 0.6 + Y * strength, 0, 1).astype(np.float32),
            Y,
            np.full(len(genres), 0.5, np.float32),
            np.arange(len(genres), 0, -1) * 5,
        )
        for strength in (0.1, 0.3, 0.2)[: len(names)]
    ]
    write_comparison(compare(names, scores, resamples=resamples), path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("comparison") / "new folder" / "compare.html"
    genres = [*HOSTILE, *(f"Genre {j}" for j in range(9))]
    return path, written(path, genres, ["first", HOSTILE[0], HOSTILE[1]])


def test_hostile_names_are_shown_and_not_run(hostile):
    _, page = hostile
    assert page.count("<script") == 1
    assert "<img" not in page
    assert "1337" not in page
    assert "&lt;script&gt;window.stolen" in page
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_a_large_page_stays_small_and_alone(tmp_path):
    genres = [f"{j} {'x' * 500}" for j in range(1100)]
    page = written(tmp_path / "compare.html", genres, ["a", "b", "c"], resamples=0)
    assert len(page.encode()) < 3_000_000
    assert "1000 of 1100 genres with most test films" in page
    assert not re.search(r"(?:src|action)\s*=|https?://|url\(|@import", page)


def test_differences_have_signs_and_clear_ones_are_marked(tmp_path):
    page = written(tmp_path / "compare.html", ["Drama", "War"], ["a", "b"], 200, 100)
    assert re.search(
        r'class="clear">\+0\.\d{3}</span> <small>\+0\.\d{3} to \+[\d.]+</small> better', page
    )
    # The second run is the surer and the more often right: less of an error, and better.
    brier = page[page.index("Brier score (lower is better)") :]
    assert re.search(r'class="clear">-0\.\d{5}</span> <small>[^<]*</small> better', brier)
    assert "Reference: <bdi>a</bdi>" in page
    # Its value changes with the number of films: no interval, and so nothing that is clear.
    ranked = page[page.index("macro average precision</th>") :].split("</tr>")[0]
    assert re.search(r"<td>0\.\d{3}</td><td>0\.\d{3}</td><td><span>\+0\.\d{3}</span></td>$", ranked)
    assert "nan" not in page


def test_in_a_browser(page, column):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("window.stolen") is None
    page.locator("#genre-table thead button", has_text="Difference").first.click()
    falling = [float(text) for text in column(5) if text != "–"]
    assert len(falling) > 5
    assert falling == sorted(falling, reverse=True)
    page.fill("#filter", "genre 3")
    assert column(0) == ["Genre 3"]
    assert page.inner_text("#filtered") == "1 of 12 genres"
