"""Files to films: the corpus, its readers, its genres, splits and health."""

from plotgenre.corpus.films import Corpus, Film
from plotgenre.corpus.readers import Columns, read_corpus

__all__ = ["Columns", "Corpus", "Film", "read_corpus"]
