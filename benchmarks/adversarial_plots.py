"""What plots cost that are written to cost much: processor time by length, and memory.

    python benchmarks/adversarial_plots.py MODEL --readme

Each plot is read with 25,000 and with 100,000 characters, by words alone and by the whole model,
and explained by words alone. Where time grows with the length, the second takes four times the
first.
Then come plots of 1 MB and 50 MB, of which 100,000 characters are read.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import warnings
from pathlib import Path
from statistics import median
from time import process_time

from plotgenre import GenreClassifier
from plotgenre.errors import PlotgenreWarning
from plotgenre.version import __version__

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "adversarial_plots.json"
SHORT, LONG = 25_000, 100_000
TIMES = 3
_BEGIN, _END = "<!-- adversarial: begin -->", "<!-- adversarial: end -->"
PROSE = "A retired detective returns to the harbour town where his partner vanished. "
# What is repeated up to the length.
PIECES = {
    "prose": PROSE,
    "one word": "a",
    "one word of several letters": "abcdefghij",
    "marks in falling order": "\u0315\u0300",
    "marks that are two": "\u0f73",
    "halfwidth marks": "\uff9e",
    "letters with 29 marks": "a" + "\u0315\u0300" * 14 + "\u0301",
    "opening brackets": "[(",
    "link brackets": "([[A ",
    "unclosed tags": "<ref>",
    "full stops": ".",
    "stops and quotes": '."',
    "sentences of one letter": "a. ",
    "commas": "a,",
    "emoji with joiners": "👩\u200d",
    "digits": "7",
    "Chinese": "彼女は家に帰る",
    "mixed scripts": "aбγ彼א ",
    "right to left": "בלש חוזר אל העיר ",
    "direction marks": "\u202e\u202c",
    "NUL": "\0",
    "spaces": " ",
    "line ends": "\n",
    "one pair of words": "ghost house ",
    "capital sigma": "Σ'",
}


def plot(piece: str, characters: int) -> str:
    """The piece over and over, between letters, since a plot of spaces is none."""
    return f"a{piece * (characters // len(piece) + 1)}"[: characters - 1] + "b"


def seconds(work: object, text: str) -> float:
    """Processor seconds of all threads, median of a few calls."""
    taken = []
    for _ in range(TIMES):
        began = process_time()
        work(text)  # type: ignore[operator]
        taken.append(process_time() - began)
    return round(median(taken), 4)


def peak() -> int:
    """MB that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measured(model: str) -> dict[str, object]:
    """Seconds of each plot and way, and the peak of memory after each step."""
    ways = {}
    memory = {}
    fast = GenreClassifier.from_pretrained(model, fast=True)
    whole = GenreClassifier.from_pretrained(model)
    for one in (fast, whole):
        one.tag(PROSE)
    memory["loaded"] = peak()
    for name, piece in PIECES.items():
        short, long = plot(piece, SHORT), plot(piece, LONG)
        reading = {"fast": fast.tag, "whole": whole.tag, "explain": fast.explain}
        ways[name] = {
            way: [seconds(work, short), seconds(work, long)] for way, work in reading.items()
        }
        print(name, ways[name], flush=True)
    memory["all plots"] = peak()
    huge = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlotgenreWarning)
        for size in (1_000_000, 50_000_000):
            for name, text in (("prose", plot(PROSE, size)), ("one word", plot("a", size))):
                huge[f"{name}, {size:,}"] = [seconds(fast.tag, text), seconds(whole.tag, text)]
    memory["50 MB"] = peak()
    return {"version": __version__, "seconds": ways, "huge": huge, "peak_mb": memory}


def table(found: dict[str, object]) -> str:
    """Markdown."""
    lines = [
        "| plot | fast, 25,000 | fast, 100,000 | whole, 25,000 | whole, 100,000 "
        "| explained by words, 100,000 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, ways in found["seconds"].items():  # type: ignore[attr-defined]
        shown = [*ways["fast"], *ways["whole"], ways["explain"][1]]
        lines.append(f"| {name} | {' | '.join(f'{one:.3f}' for one in shown)} |")
    lines += ["", "| plot, characters | fast | whole |", "| --- | --- | --- |"]
    for name, both in found["huge"].items():  # type: ignore[attr-defined]
        lines.append(f"| {name} | {' | '.join(f'{one:.3f}' for one in both)} |")
    held = ", ".join(f"{name} {mb:,} MB" for name, mb in found["peak_mb"].items())  # type: ignore[attr-defined]
    return "\n".join([*lines, "", f"Peak memory of the process, after: {held}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="films")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    found = measured(arguments.model) | {"cores": os.cpu_count(), "model": arguments.model}
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(found))
    if arguments.readme:
        page = HERE / "README.md"
        before, rest = page.read_text(encoding="utf-8").split(_BEGIN)
        after = rest.split(_END)[1]
        page.write_text(f"{before}{_BEGIN}\n{table(found)}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
