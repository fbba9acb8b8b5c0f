"""Options that commands share, and what is read by them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotgenre.errors import RecipeError
from plotgenre.user_cache import cache_folder

if TYPE_CHECKING:
    from plotgenre.classifier import GenreClassifier
    from plotgenre.corpus import Corpus
    from plotgenre.recipe import Recipe

Paths = Annotated[list[str], typer.Argument(help="Files, folders or globs; - is JSONL on stdin.")]
PlotColumn = Annotated[str, typer.Option(help="Column of the plot.")]
GenresColumn = Annotated[str, typer.Option(help="Column of the genres.")]
Separator = Annotated[str | None, typer.Option(help="What separates genres in a text column.")]
ModelName = Annotated[
    str,
    typer.Option("--model", "-m", help="Model folder, Hub id, films or standard."),
]
ModelEncoder = Annotated[
    str | None, typer.Option("--encoder", help="Exported folder of the model's encoder.")
]
Fast = Annotated[
    bool, typer.Option("--fast", help="Read words alone, with no encoder: much faster.")
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Read a long plot's beginning, middle and end alone.")
]
Format = Annotated[
    str, typer.Option("--format", help="auto, onehot, cmu, csv, tsv, jsonl or parquet.")
]
Merges = Annotated[Path | None, typer.Option(help="TOML map of genres to merge.")]
Groups = Annotated[
    Path | None, typer.Option(help="TOML map of the genres to learn, and what belongs to each.")
]
GenresFile = Annotated[
    Path | None, typer.Option(help="Names of one-hot columns, one a line.", exists=True)
]

StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="Folder where encoded slices are kept.")
]


def default_store() -> Path:
    """Where encoded slices are kept unless said otherwise."""
    return cache_folder() / "store"


def load_classifier(
    model: str,
    encoder: str | None,
    store: Path | None,
    *,
    fast: bool = False,
    quick: bool = False,
) -> GenreClassifier:
    """The model of a folder or Hub id, its encoder run from an exported folder if one is given."""
    from plotgenre.classifier import GenreClassifier
    from plotgenre.embedding.encoders import EncoderSettings

    settings = None if encoder is None else EncoderSettings(kind="onnx", name=encoder)
    return GenreClassifier.from_pretrained(
        model, encoder=settings, store=store, fast=fast, quick=quick
    )


def columns_of(plot: str, genres: str, separator: str | None) -> Any:
    """Which columns of a table hold plot and genres."""
    from plotgenre.corpus.readers import Columns

    return Columns(plot=plot, genres=genres, separator=separator)


def read_films(paths: list[str], format: str, columns: Any, genres_file: Path | None) -> Corpus:
    """The films of the paths."""
    from plotgenre.corpus import read_corpus

    source: Any = paths[0] if len(paths) == 1 else paths
    chosen: Any = format
    return read_corpus(source, chosen, columns=columns, genres_file=genres_file)


def read_recipe(
    source: str | None, assignments: list[str], merges: Path | None, groups: Path | None
) -> Recipe:
    """The recipe by name or path, with the assignments of ``--set`` and files of genre names."""
    from plotgenre.corpus.genres import read_groups, read_merges
    from plotgenre.recipe import DEFAULT_RECIPE, Recipe

    recipe = Recipe.load(source or DEFAULT_RECIPE)
    settings = assigned(assignments)
    if merges is not None:
        settings["genres.merges"] = read_merges(merges)
    if groups is not None:
        settings["genres.groups"] = read_groups(groups)
    return recipe.with_settings(settings)


def assigned(assignments: list[str]) -> dict[str, Any]:
    """Settings by dotted name of assignments such as ``head.kind=linear``.

    Raises
    ------
    RecipeError
        If there is no equals sign.
    """
    import tomllib

    settings: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise RecipeError(f"--set {assignment!r}: expected PART.NAME=VALUE")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = value.strip()
    return settings
