"""Takes the pictures of docs/reading-a-report.md: pages of the invented films in a real browser.

python docs/pictures/take.py WORK

WORK keeps the models and pages. Needs the dev extra, Pillow and Debian's chromium.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
FILMS = HERE.parents[1] / "examples" / "films.csv"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESK, PHONE = (1400, 1000), (400, 900)
# Name of the picture, page, size, colours, section at its top.
PICTURES = (
    ("report", "report", (1400, 1180), "light", "headline"),
    ("report-explorer", "report", DESK, "light", "explorer"),
    ("report-films", "report", DESK, "light", "films"),
    ("report-phone", "report", PHONE, "dark", "headline"),
    ("compare", "compare", (1400, 1660), "light", "headline"),
    ("inspect", "inspect", DESK, "light", "overview"),
    ("inspect-labels", "inspect", (1400, 620), "light", "labels"),
    ("inspect-phone", "inspect", PHONE, "dark", "overview"),
)


def main() -> None:
    work = Path(sys.argv[1])
    store = ["--store", str(work / "store")]
    runs = [str(work / name) for name in ("small", "start")]
    for run, more in zip(runs, ([], ["--set", "slicing.way=start"]), strict=True):
        plotgenre("train", FILMS, "--recipe", "small", *more, "-o", run, *store)
    model = f"{runs[0]}/model"
    plotgenre("evaluate", model, FILMS, "--report", work / "report.html", *store)
    plotgenre("compare", *runs, "--report", work / "compare.html")
    plotgenre("inspect", FILMS, "--model", model, "--report", work / "inspect.html", *store)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, page, (width, height), colours, section in PICTURES:
            view = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=colours
            )
            view.emulate_media(color_scheme=colours, reduced_motion="reduce")
            view.goto((work / f"{page}.html").resolve().as_uri())
            if section not in ("headline", "overview"):
                # Not by a link, whose page would glide there while the picture is taken.
                view.locator(f"#{section}").evaluate("e => e.scrollIntoView({behavior: 'instant'})")
            save(view, HERE / f"{name}.png")
        browser.close()


def save(view: Page, picture: Path) -> None:
    """What a browser shows, small: 64 colours are enough for text and lines."""
    view.screenshot(path=str(picture))
    palette = Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    palette.save(picture, optimize=True)


def plotgenre(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "plotgenre", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
