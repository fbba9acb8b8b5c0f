"""The CMU Movie Summary Corpus: two files, joined by Wikipedia id, and the damage in its plots."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from plotgenre.corpus.readers.columns import (
    SOURCE,
    UNIT,
    Columns,
    films_frame,
    refuse_duplicate_ids,
)
from plotgenre.corpus.readers.delimited import Dialect, read_delimited
from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.corpus.readers.sources import CMU_METADATA, CMU_PLOTS, Source
from plotgenre.errors import CorpusError

_METADATA = [
    *("id", "freebase_id", "title", "year", "revenue"),
    *("runtime", "languages", "countries", "genres"),
]
logger = logging.getLogger(__name__)

# What the corpus's makers left of Wikipedia's markup when they removed brackets and their contents.
# Applied in order; each is (pattern, replacement) in the syntax of Rust's regex.
MARKUP: tuple[tuple[str, str], ...] = (
    # {{quote box}}, {{plot}}; twice, for one within another.
    (r"\{\{[^{}]*\}\}", " "),
    (r"\{\{[^{}]*\}\}", " "),
    # <ref name=x/>, <ref>…</ref>, and a reference of which only "<ref name1991|…}}" is left.
    (r"(?i)<ref\b[^<>]*/>", " "),
    (r"(?is)<ref\b[^<>]*>.*?</ref\s*>", " "),
    (r"(?i)<ref\b[^<>{}]*\}\}", " "),
    (r"<!--.*?-->", " "),
    (r"(?i)</?[a-z][^<>]*>", " "),
    # [[Image:x.jpg|thumb|A caption]], to its end, or to the caption's first sentence end if cut.
    (r"(?i)\[\[(?:image|file):[^\[\]|]*(?:\|[^\[\]|.]*)*(?:\]\]|\.|$)", " "),
    # [[Target|shown]] and [[shown]].
    (r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", "${1}"),
    # "Nirmal ([[Karthik teaches": an actor's link, cut: up to four capitalised words.
    (r"\(\[\[\p{Lu}[\p{L}.'’-]*(?: \p{Lu}[\p{L}'’-]*){0,3}", ""),
    (r"\[?https?://[^\s\]]+\]?", " "),
    (r"={2,} *[^=]{1,60}? *={2,}", " "),
    (r"'{2,}", ""),
    (r"\(\[\[|\[\[|\]\]|\{\{|\}\}|\( *\)", " "),
    # The gaps that all these removals leave.
    (r"\s+", " "),
    (r" ([.,;:!?])", "${1}"),
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


def clean_markup(plot: pl.Expr) -> pl.Expr:
    """A text expression without Wikipedia's markup, its entities and the gaps they leave."""
    plot = plot.str.replace_many(list(ENTITIES), list(ENTITIES.values()))
    for pattern, replacement in MARKUP:
        plot = plot.str.replace_all(pattern, replacement)
    return plot.str.strip_chars()


def read_cmu(folder: Path) -> pl.DataFrame:
    """The films of a CMU folder, as `films_frame` has them.

    A film without metadata has no genres. Metadata without a plot is ignored. A film whose plot is
    nothing but markup is left out, and the log says how many there were.

    Raises
    ------
    CorpusError
        If one of the two files is missing, empty or ragged, or an id stands twice in one of them.
    """
    plots = _read(folder, CMU_PLOTS, ["id", "plot"])
    metadata = _read_metadata(folder)
    films = films_frame(
        plots.join(metadata, on="id", how="left", maintain_order="left"),
        Place(CMU_PLOTS),
        Columns(),
    )
    refuse_duplicate_ids(films)
    cleaned = films.with_columns(clean_markup(pl.col("plot")))
    kept = cleaned.filter(pl.col("plot") != "")
    if left_out := cleaned.height - kept.height:
        logger.warning("%d films of %s left out: their plots are only markup", left_out, folder)
    return kept


def _read_metadata(folder: Path) -> pl.DataFrame:
    place = Place(CMU_METADATA)
    table = _read(folder, CMU_METADATA, _METADATA).with_columns(
        pl.lit(place.source).alias(SOURCE), pl.lit(place.unit).alias(UNIT)
    )
    refuse_duplicate_ids(table)
    genres = genre_names(table["genres"], ",", place, table[ROW])
    return table.select("id", "title", "year", genres)


def _read(folder: Path, name: str, names: list[str]) -> pl.DataFrame:
    path = folder / name
    if not path.is_file():
        raise CorpusError(f"{folder} has no {name}; expected {CMU_PLOTS} and {CMU_METADATA}")
    dialect = Dialect("\t", header=False, quoted=False)
    frame = read_delimited(Source(path, name).text(), name, dialect)
    if frame.width != len(names) + 1:
        raise CorpusError(
            f"{name} has {frame.width - 1} columns between TABs; expected {len(names)}"
        )
    frame.columns = [ROW, *names]
    return frame
