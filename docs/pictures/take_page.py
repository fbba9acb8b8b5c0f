"""Takes the pictures of docs/page.md: the service's page with the model `films`, in a real browser.

python docs/pictures/take_page.py

Needs the extras serve and dev, Pillow and Debian's chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright
from take import FILMS, FLAGS, HERE, save

DESK, PHONE = (1280, 900), (360, 780)
SLOW = 300_000


def lit(view: Any) -> None:
    view.get_by_role("button", name="A lighthouse").click()
    view.wait_for_selector("#given:not([aria-busy]) button")
    view.locator("#given button").first.click()
    view.wait_for_selector("#text mark")


def misses(view: Any) -> None:
    lit(view)
    view.locator("#near summary").click()


def error(view: Any) -> None:
    view.get_by_role("button", name="Find genres").click()
    view.wait_for_selector("#ask-error:not(:empty)")


def file(view: Any) -> None:
    view.set_input_files("#file", FILMS)
    view.wait_for_selector('#many[data-state="done"]')
    view.locator("#many").evaluate("e => e.scrollIntoView()")


def figures(view: Any) -> None:
    view.get_by_role("button", name="How good is it?").click()
    view.wait_for_selector("#figures-body:not([hidden])")


# Name of the picture, what is done before, size, colours.
PICTURES: tuple[tuple[str, Callable[[Any], None], tuple[int, int], str], ...] = (
    ("page", lit, DESK, "light"),
    ("page-dark", misses, DESK, "dark"),
    ("page-phone", lit, PHONE, "light"),
    ("page-phone-error", error, PHONE, "dark"),
    ("page-file", file, DESK, "light"),
    ("page-figures", figures, PHONE, "light"),
)


def main() -> None:
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, prepare, (width, height), colours in PICTURES:
            view = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme=colours,
                reduced_motion="reduce",
            )
            view.set_default_timeout(SLOW)
            view.goto(address)
            view.wait_for_selector("#model-line:not(:empty)")
            prepare(view)
            save(view, HERE / f"{name}.png")
        browser.close()


@contextmanager
def served() -> Any:
    """The address of a service that lasts as long as the block."""
    command = [sys.executable, "-m", "plotgenre", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            where = re.search(r"http://\S+", process.stderr.readline())
            assert where, "the service has not said where it is"
            yield where.group()
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
