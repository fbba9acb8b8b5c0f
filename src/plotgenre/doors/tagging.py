"""The tag command's two ends: where plots come from, and how their genres are written."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plotgenre.corpus.films import Corpus
from plotgenre.errors import CorpusError, InputError

if TYPE_CHECKING:
    from plotgenre.branches.branch import Progress

_OUTPUTS = ("auto", "table", "jsonl", "csv")
_TABLE_ENDINGS = {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".gz"}


def check_output(output: str) -> None:
    """Refuse an unknown output format before anything slow begins."""
    if output not in _OUTPUTS:
        raise InputError(f"unknown output format {output!r}; expected one of {', '.join(_OUTPUTS)}")


def read_films(plot: str, format: str, plot_column: str) -> Corpus:
    """Films to tag: one plot given as text, a file of them, or standard input.

    Standard input is JSON lines if its first character is ``{``, else one plot as it stands.

    Raises
    ------
    CorpusError
        If there is nothing to tag or the file cannot be read.
    """
    if plot == "-":
        return _read_standard_input(plot_column)
    if _is_path(plot):
        return _read_table(plot, format, plot_column)
    if "\n" not in plot and Path(plot).suffix.lower() in _TABLE_ENDINGS:
        raise CorpusError(f"no file {plot}; expected a file of plots, or a plot as text")
    return _one_plot(plot)


def progress(films: int) -> AbstractContextManager[Progress | None]:
    """Whom to tell how far a long call has come; nobody where there is one film."""
    if films == 1:
        return nullcontext()
    from plotgenre.doors import screen

    return screen.progress()


def write_tags(films: Corpus, tags: list[dict[str, float]], output: str) -> None:
    """Write to standard output: a table on a terminal, JSON lines into a pipe, or as asked."""
    if output == "auto":
        output = "table" if sys.stdout.isatty() else "jsonl"
    if output == "table":
        from plotgenre.doors import screen

        screen.show_tags(films, tags)
    elif output == "jsonl":
        for name, genres in zip(films.ids, tags, strict=True):
            rounded = {genre: round(p, 6) for genre, p in genres.items()}
            print(json.dumps({"id": name, "genres": rounded}, ensure_ascii=False))
    else:
        writer = csv.writer(sys.stdout)
        writer.writerow(["id", "genres", "probabilities"])
        for name, genres in zip(films.ids, tags, strict=True):
            shown = "|".join(f"{p:.6f}" for p in genres.values())
            writer.writerow([name, "|".join(genres), shown])


def _is_path(plot: str) -> bool:
    try:
        return Path(plot).exists()
    except OSError:
        # Longer than any file name may be, counted in bytes.
        return False


def _read_table(source: str, format: Any, plot_column: str) -> Corpus:
    # Imported only for a table: a plot given as text needs none of it.
    from plotgenre.corpus.readers import Columns, read_corpus

    return read_corpus(source, format, columns=Columns(plot=plot_column), labelled=False)


def _read_standard_input(plot_column: str) -> Corpus:
    if sys.stdin.isatty():
        raise CorpusError("nothing to tag; give a plot, a file, or plots on standard input")
    stream = sys.stdin.buffer
    head = stream.peek(64) if isinstance(stream, BufferedReader) else b""
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return _read_table("-", "auto", plot_column)
    try:
        return _one_plot(stream.read().decode("utf-8-sig"))
    except UnicodeDecodeError as broken:
        raise CorpusError(f"standard input is not UTF-8 text: {broken}") from None


def _one_plot(text: str) -> Corpus:
    if not text.strip():
        raise CorpusError("the plot is empty; expected a text")
    return Corpus.from_lists([text], [[]])
