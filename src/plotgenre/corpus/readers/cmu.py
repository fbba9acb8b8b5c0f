"""The CMU Movie Summary Corpus: two files, joined by Wikipedia id, and the damage in its plots."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import repeat, takewhile
from pathlib import Path
from typing import Any

from plotgenre.corpus.readers.columns import Columns, film_table
from plotgenre.corpus.readers.delimited import Dialect, read_delimited
from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.sources import CMU_METADATA, CMU_PLOTS, Source
from plotgenre.corpus.readers.tables import FilmTable, Table, refuse_duplicate_ids
from plotgenre.errors import CorpusError

_METADATA = [
    *("id", "freebase_id", "title", "year", "revenue"),
    *("runtime", "languages", "countries", "genres"),
]
# A letter, as \\p{L} is elsewhere.
_LETTER = r"[^\W\d_]"
logger = logging.getLogger(__name__)


def _after_name(link: re.Match[str]) -> str:
    """What follows the capitalised words of a cut link."""
    words = link[1].split(" ")
    capitals = takewhile(lambda word: unicodedata.category(word[0]) == "Lu", words)
    rest = words[len(list(capitals)) :]
    return link[0] if rest == words else "".join(f" {word}" for word in rest)


def _without(pattern: str) -> Callable[[re.Match[str]], str]:
    """What is matched, with a space for each place of the pattern in it."""
    place = re.compile(pattern)
    return lambda match: place.sub(" ", match[0])


# What the corpus's makers left of Wikipedia's markup when they removed brackets and their contents.
# Applied in order; each is a pattern and its replacement.
MARKUP: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # {{quote box}}, {{plot}}; twice, for one within another.
    (re.compile(r"\{\{[^{}]*\}\}"), " "),
    (re.compile(r"\{\{[^{}]*\}\}"), " "),
    # <ref name=x/>, <ref>…</ref>, and a reference of which only "<ref name1991|…}}" is left.
    (re.compile(r"(?i)<ref\b[^<>]*/>"), " "),
    # Where none is closed any more, it would be sought to the end each time.
    (re.compile(r"(?is)\A.*</ref\s*>"), _without(r"(?is)<ref\b[^<>]*>.*?</ref\s*>")),
    (re.compile(r"(?i)<ref\b[^<>{}]*\}\}"), " "),
    (re.compile(r"(?m)^.*-->"), _without(r"<!--.*?-->")),
    (re.compile(r"(?i)</?[a-z][^<>]*>"), " "),
    # [[Image:x.jpg|thumb|A caption]], to its end, or to the caption's first sentence end if cut.
    (re.compile(r"(?i)\[\[(?:image|file):[^\[\]|]*(?:\|[^\[\]|.]*)*(?:\]\]|\.|\Z)"), " "),
    # [[Target|shown]] and [[shown]].
    (re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]"), r"\1"),
    # "Nirmal ([[Karthik teaches": an actor's link, cut: up to four capitalised words.
    (
        re.compile(
            rf"\(\[\[({_LETTER}(?:{_LETTER}|[.'’-])*(?: {_LETTER}(?:{_LETTER}|['’-])*){{0,3}})"
        ),
        _after_name,
    ),
    (re.compile(r"\[?https?://[^\s\]]+\]?"), " "),
    # == A heading ==, of 60 characters without its spaces.
    (re.compile(r"(?<!=)={2,}+(?: ++| *+[^= ](?:[^=]{0,58}[^= ])? *+)={2,}"), " "),
    (re.compile(r"'{2,}"), ""),
    (re.compile(r"\(\[\[|\[\[|\]\]|\{\{|\}\}|\( *\)"), " "),
)
ENTITIES = {
    "&mdash;": "—",
    "&ndash;": "–",
    "&nbsp;": " ",
    "&hellip;": "…",
    "&quot;": '"',
    "&apos;": "'",
    "&#39;": "'",
    "&lsquo;": "‘",
    "&rsquo;": "’",
    "&ldquo;": "“",
    "&rdquo;": "”",
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
}
_ENTITY = re.compile("|".join(ENTITIES))


def clean_markup(plot: str) -> str:
    """The plot without Wikipedia's markup, its entities and the gaps they leave."""
    plot = _ENTITY.sub(lambda entity: ENTITIES[entity[0]], plot)
    for pattern, replacement in MARKUP:
        plot = pattern.sub(replacement, plot)
    return re.sub(" (?=[.,;:!?])", "", " ".join(plot.split()))


def read_cmu(folder: Path) -> FilmTable:
    """The films of a CMU folder.

    A film without metadata has no genres. Metadata without a plot is ignored. A film whose plot is
    nothing but markup is left out, and the log says how many there were.

    Raises
    ------
    CorpusError
        If one of the two files is missing, empty or ragged, or an id stands twice in one of them.
    """
    plots = _read(folder, CMU_PLOTS, ["id", "plot"])
    films = film_table(_joined(plots, _metadata(folder)), Columns())
    refuse_duplicate_ids(films.placed_ids())
    cleaned = [replace(film, plot=clean_markup(film.plot)) for film in films.films]
    kept = [i for i, film in enumerate(cleaned) if film.plot]
    if left_out := len(cleaned) - len(kept):
        logger.warning("%d films of %s left out: their plots are only markup", left_out, folder)
    return FilmTable([cleaned[i] for i in kept], [films.rows[i] for i in kept], films.place)


def _joined(plots: Table, metadata: dict[str, tuple[Any, ...]]) -> Table:
    found = [metadata.get(name, (None, None, ())) for name in plots.columns["id"]]
    titles, years, genres = zip(*found, strict=True) if found else ((), (), ())
    columns = {**plots.columns, "title": titles, "year": years, "genres": genres}
    return Table(list(columns), columns, plots.rows, plots.place)


def _metadata(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Title, year and genres by id."""
    table = _read(folder, CMU_METADATA, _METADATA)
    ids, titles, years = (table.columns[name] for name in ("id", "title", "year"))
    refuse_duplicate_ids(zip(ids, repeat(table.place), table.rows))
    known = zip(titles, years, genre_names(table, "genres", ","), strict=True)
    return dict(zip(ids, known, strict=True))


def _read(folder: Path, name: str, names: list[str]) -> Table:
    path = folder / name
    if not path.is_file():
        raise CorpusError(f"{folder} has no {name}; expected {CMU_PLOTS} and {CMU_METADATA}")
    dialect = Dialect("\t", header=False, quoted=False)
    with closing(Source(path, name).lines()) as lines:
        table = read_delimited(lines, name, dialect)
    if len(table.names) != len(names):
        raise CorpusError(
            f"{name} has {len(table.names)} columns between TABs; expected {len(names)}"
        )
    columns = dict(zip(names, table.columns.values(), strict=True))
    return Table(names, columns, table.rows, table.place)
