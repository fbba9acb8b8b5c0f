"""The site builds without a warning, and its pages hold what they include."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material", reason="mkdocs-material is not installed; extra docs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def shown(site: Path, page: str) -> str:
    text = (site / page / "index.html").read_text(encoding="utf-8")
    return html.unescape(re.sub(r"<[^>]+>", "", text))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (".", "A transformer encoder turns slices of the plot into vectors"),
        ("quick-start", "plotgenre train examples/films.csv --recipe small"),
        ("your-own-corpus", "folder of the CMU Movie Summary Corpus"),
        ("choosing-a-recipe", "every genre weighs the windows in its own way"),
        ("reading-a-report", "What is not above it was not learned"),
        ("page", "choose an example"),
        ("deploying", "one ONNX file"),
        ("serving", "Plots of all requests wait in one queue"),
        ("hostile-inputs", "the first is named"),
        ("scale", "what breaks first"),
        ("architecture", "Rooms, from the ground up"),
        ("benchmarks", "What the figures are"),
    ],
)
def test_a_page_has_its_content(site, page, words):
    text = " ".join(shown(site, page).split())
    assert words.lower() in text.lower()
    assert "--8<--" not in text


def test_the_site_asks_no_other_server_for_anything(site):
    for page in site.rglob("*.html"):
        found = re.findall(
            r'<(?:link|script|img)[^>]+?(?:href|src)="(https?:[^"]+)"', page.read_text()
        )
        assert found == [], page


def test_every_command_of_the_pages_exists():
    from plotgenre.doors.cli import app

    known = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
    }
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for block in re.findall(
            r"```(?:bash|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL
        ):
            asked = re.findall(r"^(?:\$ )?(?:\S*/)?plotgenre ([a-z-]+)", block, re.MULTILINE)
            assert set(asked) <= known, page
