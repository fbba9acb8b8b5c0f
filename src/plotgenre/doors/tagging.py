"""The tag command: where plots come from, and how their genres are written."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotgenre.corpus.films import Corpus
from plotgenre.doors.options import (
    Fast,
    Format,
    ModelEncoder,
    ModelName,
    PlotColumn,
    Quick,
    load_classifier,
)
from plotgenre.errors import CorpusError, InputError
from plotgenre.hub import DEFAULT_MODEL

if TYPE_CHECKING:
    from plotgenre.branches.branch import Progress
    from plotgenre.classifier import GenreClassifier

_OUTPUTS = ("auto", "table", "jsonl", "csv")
_TABLE_ENDINGS = {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".gz"}


def tag(
    plots: Annotated[
        list[str] | None,
        typer.Argument(help="A plot, files of plots, or - for standard input; by default -."),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    encoder: ModelEncoder = None,
    fast: Fast = False,
    quick: Quick = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File (.jsonl, .csv, .parquet) or folder to write."),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option(help="auto, table, jsonl or csv; with -o auto, jsonl, csv or parquet."),
    ] = "auto",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the sentences and words that speak for a genre.")
    ] = False,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    engine: Annotated[str, typer.Option(help="With -o: local, or ray.")] = "local",
    resume: Annotated[
        bool,
        typer.Option("--resume", help="With -o: be content with a complete output of the same."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="With -o: replace another output or file of its name."),
    ] = False,
    rows_per_part: Annotated[
        int, typer.Option(min=1, help="With -o: rows tagged and written at once.")
    ] = 10_000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --engine ray: processes; by default all cores.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="With --engine ray: an existing cluster, such as auto.")
    ] = None,
) -> None:
    """Genres of a plot, or of every plot in files; with -o into files, however many there are.

    With -o the input streams, every row keeps its columns, and a row that cannot be tagged has an
    error. After an interrupt, the same command goes on where it stopped.
    """
    if output is not None:
        if explain:
            raise InputError("explanations are not written to files; expected --explain without -o")
        from plotgenre.batch.ray import RaySettings
        from plotgenre.batch.run import BatchSettings
        from plotgenre.batch.worker import GenreWorker
        from plotgenre.doors.batch import tag_files

        tag_files(
            plots or [],
            BatchSettings(
                output=output,
                form=output_format,
                format=format,
                rows_per_part=rows_per_part,
                resume=resume,
                force=force,
            ),
            GenreWorker(
                model=model, fast=fast, quick=quick, encoder=encoder, plot_column=plot_column
            ),
            engine,
            RaySettings(address=ray_address, workers=workers),
        )
        return
    if engine != "local" or resume or force or workers is not None or ray_address is not None:
        raise InputError("an engine writes files; expected -o and where they are to be")
    shown = chosen_output(output_format, explain)
    films = read_films(plots or ["-"], format, plot_column)
    classifier = load_classifier(model, encoder, None, fast=fast, quick=quick)
    if explain:
        write_explanations(films, classifier, shown)
        return
    with progress(len(films)) as listeners:
        tags = classifier.tag_many(films.plots, listeners)
    write_tags(films, tags, shown)


def chosen_output(output: str, explain: bool) -> str:
    """The output format: a table on a terminal, JSON lines into a pipe, or as asked.

    Raises
    ------
    InputError
        If it is unknown, or has no room for explanations; before anything slow begins.
    """
    if output not in _OUTPUTS:
        raise InputError(f"unknown output format {output!r}; expected one of {', '.join(_OUTPUTS)}")
    if explain and output == "csv":
        raise InputError("csv has no room for explanations; expected auto, table or jsonl")
    if output == "auto":
        return "table" if sys.stdout.isatty() else "jsonl"
    return output


def read_films(plots: list[str], format: str, plot_column: str) -> Corpus:
    """Films to tag: one plot given as text, files of them, or standard input.

    Standard input is JSON lines if its first character is ``{``, else one plot as it stands.

    Raises
    ------
    CorpusError
        If there is nothing to tag or the file cannot be read.
    """
    if len(plots) > 1:
        return _read_table(plots, format, plot_column)
    (plot,) = plots
    if plot == "-":
        return _read_standard_input(plot_column)
    if not plot.strip():
        # As a path it would be the folder that one is in.
        return _one_plot(plot)
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
    """Write to standard output, in a format that `chosen_output` gave."""
    if output == "table":
        from plotgenre.doors import screen

        screen.show_tags(films, tags)
    elif output == "jsonl":
        for name, genres in zip(films.ids, tags, strict=True):
            _print_json(name, genres)
    else:
        writer = csv.writer(sys.stdout)
        writer.writerow(["id", "genres", "probabilities"])
        for name, genres in zip(films.ids, tags, strict=True):
            shown = "|".join(f"{p:.6f}" for p in genres.values())
            writer.writerow([name, "|".join(genres), shown])


def write_explanations(films: Corpus, classifier: GenreClassifier, output: str) -> None:
    """Write genres and why, film by film: explaining takes a while, and a pipe may end early."""
    from plotgenre.doors import highlighting

    for i, name in enumerate(films.ids):
        explanation = classifier.explain(films.plots[i])
        if output == "table":
            title = films[i].title or (name if len(films) > 1 else "")
            highlighting.show_explanation(explanation, title)
        else:
            _print_json(name, explanation.tags, explanation=explanation.as_dict())


def _print_json(name: str, genres: dict[str, float], **more: Any) -> None:
    rounded = {genre: round(p, 6) for genre, p in genres.items()}
    print(json.dumps({"id": name, "genres": rounded, **more}, ensure_ascii=False), flush=True)


def _is_path(plot: str) -> bool:
    try:
        return Path(plot).exists()
    except OSError:
        # Longer than any file name may be, counted in bytes.
        return False


def _read_table(source: str | list[str], format: Any, plot_column: str) -> Corpus:
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
