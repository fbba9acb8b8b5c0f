"""The adapt command: its settings, and its evaluations in a line each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plotgenre.doors.options import (
    Format,
    GenresColumn,
    GenresFile,
    Groups,
    Merges,
    Paths,
    PlotColumn,
    Separator,
    columns_of,
    read_films,
    read_recipe,
)

if TYPE_CHECKING:
    from plotgenre.learning.adapting_log import AdaptingLog, Evaluated


def adapt(
    corpus: Paths,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the encoder.")],
    recipe: Annotated[str | None, typer.Option(help="Name of a recipe, or a TOML file.")] = None,
    set: Annotated[
        list[str] | None, typer.Option(help="Change a setting, as adapting.films=16.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Time for training.")] = None,
    validation: Annotated[str | None, typer.Option(help="Films to evaluate on.")] = None,
    merges: Merges = None,
    groups: Groups = None,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    genres_column: GenresColumn = "genres",
    separator: Separator = None,
    genres_file: GenresFile = None,
) -> None:
    """Fine-tune the recipe's encoder on films with genres; train then reads it by encoder.name.

    After an interrupt, the same command goes on where it stopped.
    """
    from plotgenre.experiment import run_adaptation

    chosen = read_recipe(recipe, set or [], merges, groups)
    if minutes is not None:
        chosen = chosen.with_settings({"adapting.minutes": minutes})
    columns = columns_of(plot_column, genres_column, separator)
    films = read_films(corpus, format, columns, genres_file)
    held_out = (
        None if validation is None else read_films([validation], format, columns, genres_file)
    )
    log = run_adaptation(chosen, films, output, validation=held_out, progress=show_evaluated)
    show_end(log, output)


def show_evaluated(evaluated: Evaluated) -> None:
    """One line on standard error."""
    loss, scores = evaluated.train_loss, evaluated.validation
    trained = (
        f"loss {loss:.4f}  {evaluated.tokens_per_second:,.0f} tokens/s  "
        if loss is not None
        else ""
    )
    steps = f"/{evaluated.steps:,}" if evaluated.steps else ""
    print(
        f"step {evaluated.step:,}{steps}  {evaluated.seconds / 60:.1f} min  {trained}"
        f"validation loss {scores.loss:.4f}  micro-F1 {scores.micro_f1:.3f}  "
        f"macro average precision {scores.macro_average_precision:.3f}",
        file=sys.stderr,
        flush=True,
    )


def show_end(log: AdaptingLog, folder: Path) -> None:
    """Where the encoder is, and how it is used."""
    print(f"encoder after {log.step:,} steps: {folder}")
    print(f"train on it with --set encoder.name={folder}")
