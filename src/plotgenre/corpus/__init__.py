"""Files to films: the corpus, its readers, its genres, splits and health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plotgenre.corpus.films import Corpus, Film

if TYPE_CHECKING:
    from plotgenre.corpus.readers import Columns, read_corpus

__all__ = ["Columns", "Corpus", "Film", "read_corpus"]


def __getattr__(name: str) -> Any:
    # A plot that is given as text needs no readers.
    if name not in ("Columns", "read_corpus"):
        raise AttributeError(f"module 'plotgenre.corpus' has no attribute {name!r}")
    from plotgenre.corpus import readers

    return getattr(readers, name)
