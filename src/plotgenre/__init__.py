"""plotgenre reads film plots and says which genres they belong to, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plotgenre.telemetry import opt_out as _opt_out
from plotgenre.version import __version__ as __version__

if TYPE_CHECKING:
    from plotgenre.classifier import GenreClassifier
    from plotgenre.corpus import Corpus, Film, read_corpus
    from plotgenre.errors import PlotgenreError
    from plotgenre.experiment import run_experiment
    from plotgenre.recipe import Recipe

__all__ = [
    "Corpus",
    "Film",
    "GenreClassifier",
    "PlotgenreError",
    "Recipe",
    "read_corpus",
    "run_experiment",
]

_ROOM = {
    "Corpus": "corpus",
    "Film": "corpus",
    "GenreClassifier": "classifier",
    "PlotgenreError": "errors",
    "Recipe": "recipe",
    "read_corpus": "corpus",
    "run_experiment": "experiment",
}

# Libraries read their settings when they are imported, which is after this.
_opt_out()


def __getattr__(name: str) -> Any:
    # Names are resolved at first use, so that `plotgenre --help` need not load tables or models.
    if name not in _ROOM:
        raise AttributeError(f"module 'plotgenre' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"plotgenre.{_ROOM[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
