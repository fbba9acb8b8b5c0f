"""The command line: parses, calls, presents. Everything heavy is imported inside the commands."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from plotgenre.doors.adapting import adapt
from plotgenre.doors.encoders import bundle, export_encoder
from plotgenre.doors.exporting import export_onnx
from plotgenre.doors.info import info
from plotgenre.doors.options import (
    Fast,
    Format,
    GenresColumn,
    GenresFile,
    Groups,
    Merges,
    ModelEncoder,
    Paths,
    PlotColumn,
    Quick,
    Separator,
    StoreFolder,
    columns_of,
    default_store,
    load_classifier,
    read_films,
    read_recipe,
)
from plotgenre.doors.serving import serve
from plotgenre.doors.similar import similar
from plotgenre.doors.tagging import tag
from plotgenre.errors import PlotgenreError, PlotgenreWarning, RecipeError
from plotgenre.user_cache import cache_folder
from plotgenre.whole_files import write_whole

if TYPE_CHECKING:
    from plotgenre.corpus import Corpus

_INTERRUPTED = 130
# Its own class typer keeps private: the parent of every mistake on the command line.
_UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="plotgenre",
    help="Reads film plots and says which genres they belong to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures here as JSON.")]
ReportFile = Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)]


@app.command()
def inspect(
    corpus: Paths,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    genres_column: GenresColumn = "genres",
    separator: Separator = None,
    genres_file: GenresFile = None,
    validation: Annotated[
        str | None, typer.Option(help="Films that must not repeat the corpus.")
    ] = None,
    test: Annotated[str | None, typer.Option(help="Likewise.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that is asked for suspicious labels.")
    ] = None,
    near: Annotated[
        bool, typer.Option("--near-duplicates/--no-near-duplicates", help="Look for them.")
    ] = True,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Count tokens of all-MiniLM-L6-v2, not estimate.")
    ] = False,
    merges_out: Annotated[
        Path | None, typer.Option(help="Write synonyms here, as train --merges reads.")
    ] = None,
    store: StoreFolder = None,
    json: JsonFile = None,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)
    ] = None,
) -> None:
    """What a corpus is like: imbalance, lengths, synonyms, duplicates, suspicious labels."""
    from plotgenre.corpus.health import examine
    from plotgenre.corpus.synonyms import find_synonyms, write_merges
    from plotgenre.doors import inspection, screen

    columns = columns_of(plot_column, genres_column, separator)
    films = read_films(corpus, format, columns, genres_file)
    splits = {"corpus": films}
    for name, path in (("validation", validation), ("test", test)):
        if path is not None:
            splits[name] = read_films([path], format, columns, genres_file)
    issues = None
    if model is not None:
        classifier = load_classifier(model, None, store or default_store())
        with screen.progress() as progress:
            issues = inspection.issue_figures(classifier, films, progress)
    pairs, skipped = inspection.near_figures(splits) if near else (None, None)
    health, synonyms = examine(films), find_synonyms(films)
    figures = inspection.figures_of(films, health, synonyms, pairs, issues, tokens=tokens)
    screen.show_health(health, inspection.summary(figures, skipped))
    _write_json(json, figures)
    if merges_out is not None:
        write_merges(synonyms, merges_out)
    if report is not None:
        from plotgenre.evaluation.report.health_page import write_health

        write_health(figures, report)


@app.command()
def train(
    corpus: Paths,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    recipe: Annotated[str | None, typer.Option(help="Name of a recipe, or a TOML file.")] = None,
    set: Annotated[
        list[str] | None, typer.Option(help="Change a setting, as head.kind=linear.")
    ] = None,
    validation: Annotated[str | None, typer.Option(help="Films to tune on.")] = None,
    test: Annotated[str | None, typer.Option(help="Films to score on.")] = None,
    merges: Merges = None,
    groups: Groups = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or mps: runs the encoder, trains the head.")
    ] = None,
    bundle_encoder: Annotated[
        bool, typer.Option("--bundle-encoder", help="Put the encoder into the model's folder.")
    ] = False,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    genres_column: GenresColumn = "genres",
    separator: Separator = None,
    genres_file: GenresFile = None,
    store: StoreFolder = None,
) -> None:
    """Fit a model on films with genres, tune it, score it, and write it down.

    After an interrupt, the same command goes on where it stopped.
    """
    from plotgenre.doors import screen
    from plotgenre.experiment import run_experiment

    columns = columns_of(plot_column, genres_column, separator)
    settings = read_recipe(recipe, set or [], merges, groups)
    if device is not None:
        settings = settings.with_settings({"encoder.device": device, "training.device": device})
        if device not in ("auto", "cpu") and not settings.branches.semantic:
            raise RecipeError(
                f"the recipe reads words alone, on the processor; --device {device} is for "
                "recipes with an encoder"
            )

    def read(one: str | None) -> Corpus | None:
        return None if one is None else read_films([one], format, columns, genres_file)

    films = read_films(corpus, format, columns, genres_file)
    held_out = {"validation": read(validation), "test": read(test)}
    with screen.progress() as progress:
        experiment = run_experiment(
            settings,
            films,
            output,
            **held_out,
            store=store or default_store(),
            bundle_encoder=bundle_encoder,
            progress=progress,
        )
    screen.show_experiment(experiment)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder or Hub id.")],
    corpus: Paths,
    encoder: ModelEncoder = None,
    fast: Fast = False,
    quick: Quick = False,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    genres_column: GenresColumn = "genres",
    separator: Separator = None,
    genres_file: GenresFile = None,
    store: StoreFolder = None,
    json: JsonFile = None,
    report: ReportFile = None,
) -> None:
    """Score a model on films with genres, with 95 % intervals."""
    from plotgenre.doors import screen
    from plotgenre.experiment import history_beside, score_classifier

    columns = columns_of(plot_column, genres_column, separator)
    films = read_films(corpus, format, columns, genres_file)
    classifier = load_classifier(model, encoder, store or default_store(), fast=fast, quick=quick)
    # Read before the long work, for it may be refused.
    history = None if report is None else history_beside(model)
    with screen.progress() as progress:
        scored = score_classifier(classifier, films, progress)
    evaluation = scored.evaluate()
    screen.show_evaluation(evaluation)
    _write_json(json, evaluation.as_dict())
    if report is not None:
        scored.write_report(evaluation, report, history)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Folders that train wrote, reference first.")],
    json: JsonFile = None,
    report: ReportFile = None,
) -> None:
    """How runs differ from the first one on the same test films, with 95 % intervals."""
    from plotgenre.doors import screen
    from plotgenre.experiment import compare_runs

    comparison = compare_runs(runs)
    screen.show_comparison(comparison)
    _write_json(json, comparison.as_dict())
    if report is not None:
        from plotgenre.evaluation.report import write_comparison

        write_comparison(comparison, report)


app.command()(tag)
app.command()(adapt)
app.command()(similar)
app.command()(bundle)
app.command("export-encoder")(export_encoder)
app.command("export-onnx")(export_onnx)
app.command()(info)
app.command()(serve)


def main() -> None:
    """Run the command line: errors are one sentence on standard error and exit status 2."""
    with suppress(RuntimeError):
        # Where matplotlib keeps its list of fonts; else in a folder of its own in the user's home.
        os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            # Typer keeps an interrupt to itself, and hands it on as this status.
            status = app(standalone_mode=False)
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout.flush()
        if status:
            raise SystemExit(status)
    except (KeyboardInterrupt, typer.Abort):
        _exit(_INTERRUPTED, "interrupted; the same command goes on where it stopped")
    except BrokenPipeError:
        # The reader of the pipe, such as head, has had enough; nor may the exit flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (PlotgenreError, OSError) as error:
        _exit(2, str(error))
    except _UsageError as error:
        # Without any argument the help was shown, and is the message too.
        message = error.format_message().rstrip(".")
        _exit(2, f"{message}; see plotgenre --help" if message else None)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Our own warnings are one line as errors are; others look as Python shows them."""
    shown = warnings.formatwarning(message, category, filename, lineno, line)
    if issubclass(category, PlotgenreWarning):
        shown = f"plotgenre: warning: {message}\n"
    (file or sys.stderr).write(shown)


def _exit(status: int, message: str | None) -> NoReturn:
    if message is not None:
        print(f"plotgenre: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(status)


def _write_json(path: Path | None, figures: dict[str, Any]) -> None:
    if path is not None:
        import json

        write_whole(path, json.dumps(figures, indent=2, ensure_ascii=False).encode())
