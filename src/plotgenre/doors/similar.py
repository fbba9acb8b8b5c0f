"""The similar command: which film is asked about, where the index lies, what was found."""

from __future__ import annotations

import hashlib
import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotgenre.doors.options import (
    Format,
    ModelName,
    Paths,
    PlotColumn,
    StoreFolder,
    columns_of,
    default_store,
    load_classifier,
)
from plotgenre.errors import InputError
from plotgenre.hub import DEFAULT_MODEL
from plotgenre.user_cache import cache_folder

if TYPE_CHECKING:
    from plotgenre.classifier import GenreClassifier
    from plotgenre.corpus import Corpus
    from plotgenre.similar import SimilarFilm, SimilarFilms


def similar(
    corpus: Paths,
    model: ModelName = DEFAULT_MODEL,
    plot: Annotated[str | None, typer.Option(help="Plot to find films like.")] = None,
    id: Annotated[str | None, typer.Option(help="Id of a film of the corpus, likewise.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many films.")] = 10,
    index: Annotated[
        Path | None, typer.Option(help="File of the films' logits; by default in the cache.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON a film.")] = False,
    format: Format = "auto",
    plot_column: PlotColumn = "plot",
    store: StoreFolder = None,
) -> None:
    """Films of a corpus whose mix of genres is like that of a plot or of one of them.

    The corpus is read once for each model; its logit vectors are kept in the index.
    """
    if (plot is None) == (id is None):
        raise InputError("give either --plot or --id: what should the films be like?")
    films = _films(corpus, format, plot_column)
    classifier = load_classifier(model, None, store or default_store())
    index = index or _cached(classifier, films)
    fitted = _fitted(classifier, films, index)
    found = fitted.query(plot, k) if plot is not None else fitted.query_film(id or "", k)
    _show(films, found, json)


def _films(paths: list[str], format: str, plot_column: str) -> Corpus:
    """The films; their genres are not asked for, as none are read."""
    from plotgenre.corpus import read_corpus

    source: Any = paths[0] if len(paths) == 1 else paths
    chosen: Any = format
    columns = columns_of(plot_column, "genres", None)
    return read_corpus(source, chosen, columns=columns, labelled=False)


def _cached(classifier: GenreClassifier, films: Corpus) -> Path:
    told = json_format.dumps([classifier.model_.fingerprint(), films.ids, films.plots])
    name = hashlib.sha256(told.encode()).hexdigest()[:32]
    return cache_folder() / "similar" / f"{name}.safetensors"


def _fitted(classifier: GenreClassifier, films: Corpus, index: Path) -> SimilarFilms:
    from plotgenre.doors import screen
    from plotgenre.similar import SimilarFilms

    if index.exists():
        return SimilarFilms.load(index, classifier, films.plots, films.ids)
    with screen.progress() as progress:
        fitted = SimilarFilms(classifier).fit(films.plots, films.ids, progress)
    fitted.save(index)
    return fitted


def _show(films: Corpus, found: list[SimilarFilm], json: bool) -> None:
    rows = [
        {
            "id": one.id,
            "title": films[one.row].title,
            "year": films[one.row].year,
            "likeness": round(one.likeness, 6),
            "genres": list(one.genres),
        }
        for one in found
    ]
    if json:
        for row in rows:
            print(json_format.dumps(row, ensure_ascii=False), file=sys.stdout)
        return
    from plotgenre.doors import screen

    screen.show_similar(rows)
