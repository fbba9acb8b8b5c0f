"""The adapt command: its settings, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
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
    StoreFolder,
    assigned,
    columns_of,
    default_store,
    read_films,
    read_recipe,
)
from plotgenre.errors import RecipeError

if TYPE_CHECKING:
    from plotgenre.learning.adapting_log import AdaptingLog


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
    store: StoreFolder = None,
) -> None:
    """Fine-tune the recipe's encoder on films with genres; train then reads it by encoder.name.

    After an interrupt, the same command goes on where it stopped.
    """
    from plotgenre.doors import screen
    from plotgenre.experiment import run_adaptation

    chosen = read_recipe(recipe, set or [], merges, groups)
    _refuse_unread(assigned(set or []))
    if minutes is not None:
        if chosen.adapting.steps is not None:
            raise RecipeError(
                f"--minutes does nothing where adapting.steps is {chosen.adapting.steps}: "
                "leave one of both out"
            )
        chosen = chosen.with_settings({"adapting.minutes": minutes})
    columns = columns_of(plot_column, genres_column, separator)
    films = read_films(corpus, format, columns, genres_file)
    held_out = (
        None if validation is None else read_films([validation], format, columns, genres_file)
    )
    with screen.progress() as progress:
        log = run_adaptation(
            chosen,
            films,
            output,
            validation=held_out,
            store=store or default_store(),
            progress=progress,
        )
    show_end(log, output)


def _refuse_unread(assignments: Iterable[str]) -> None:
    """Refuse assignments to parts that only training reads; a recipe may hold both."""
    from plotgenre.idle_settings import ADAPTATION

    for name in assignments:
        if name.partition(".")[0] not in ADAPTATION:
            raise RecipeError(
                f"--set {name} does nothing here: adapt reads {', '.join(ADAPTATION)} alone; "
                "leave it to train"
            )


def show_end(log: AdaptingLog, folder: Path) -> None:
    """Where the encoder is, and how it is used."""
    print(f"encoder after {log.step:,} steps: {folder}")
    print(f"train on it with --set encoder.name={folder}")
