"""What the service asks of a model: how long a plot is, its logits, and what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.branches.branch import Logits
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.classifier import GenreClassifier
from plotgenre.explaining.leaving_out import explained, readings
from plotgenre.learning.calibration import sigmoid
from plotgenre.model.fitted import Model
from plotgenre.serving.settings import ServiceSettings
from plotgenre.texts import cut_warning, read_part

# A token of prose has about four bytes of UTF-8, in English as in Chinese, or nine where an encoder
# skips words. Words alone are read at least 16 times as fast as by one that skips none, so that
# limits in tokens are about the same time for both.
_BYTES_PER_TOKEN_OF_WORDS = 64
_DIGITS = 6
_WARM_UP = "A retired detective returns to the harbour town. Nobody has waited for him."
_PROSE = (
    "Detective John Harper investigates the murder of a wealthy banker in Chicago. His partner "
    "Maria discovers a letter that connects the victim to a gang of smugglers. After the police "
    "arrest an innocent man, Harper returns to the warehouse, fights the killer and saves the girl."
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an answer has beside the genres; the fields are those of a request."""

    all: bool = False
    logits: bool = False
    explain: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A loaded model.

    Parameters
    ----------
    name
        What it was asked for by.
    model
        Reads plots.
    longest
        Tokens that a plot counts for at most: those that the encoder reads of it.
    bytes_per_token
        Of a plot.
    """

    name: str
    model: Model
    longest: int
    bytes_per_token: int

    def tokens(self, plot: str) -> int:
        """About how many tokens the model reads of a plot, without cutting it into any.

        The queue is filled by this count on the event loop, which real tokens would hold up.
        """
        count = len(plot.encode("utf-8", "replace")) // self.bytes_per_token
        return min(max(count, 1), self.longest)

    def logits(self, plots: Sequence[str]) -> Logits:
        """One logit per plot and genre, shape (n, g)."""
        return self.model.logits(plots)

    def texts(self, plot: str, wishes: Wishes) -> list[str]:
        """What must be read to answer for a plot: itself first, then without its sentences."""
        return readings(plot) if wishes.explain else [read_part(plot)]

    def answer(self, plot: str, logits: Logits, wishes: Wishes) -> dict[str, Any]:
        """What is said of a plot, given the logits (k, g) of its `texts`."""
        P = sigmoid(logits[:1])
        decided = self.model.decide(P)[0]
        genres, thresholds = self.model.genres, self.model.thresholds
        said: dict[str, Any] = {
            "genres": [
                {
                    "name": genres[j],
                    "probability": _rounded(P[0, j]),
                    "threshold": _rounded(thresholds[j]),
                }
                for j in np.argsort(-P[0], kind="stable")
                if decided[j]
            ]
        }
        if cut := cut_warning(plot):
            said["warning"] = f"the plot {cut}"
        if wishes.all:
            said["probabilities"] = dict(zip(genres, map(_rounded, P[0]), strict=True))
        if wishes.logits:
            said["logits"] = dict(zip(genres, map(_rounded, logits[0]), strict=True))
        if wishes.explain:
            said["explanation"] = explained(self.model, plot, logits).as_dict()
        return said


def load_reader(settings: ServiceSettings) -> Reader:
    """Load the settings' model, and have it read once, so that no one waits for what is lazy.

    Raises
    ------
    ArtefactError, EncoderError, InputError, MissingExtraError
        If it cannot be loaded.
    """
    classifier = GenreClassifier.from_pretrained(
        settings.model, fast=settings.fast, quick=settings.quick
    )
    place = Path(settings.model)
    # Where a folder lies is nobody's business.
    name = place.name if place.is_dir() else settings.model
    longest, bytes_per_token = _counting(classifier)
    reader = Reader(name, classifier.model_, int(min(longest, settings.share)), bytes_per_token)
    wishes = Wishes(explain=True)
    reader.answer(_WARM_UP, reader.logits(reader.texts(_WARM_UP, wishes)), wishes)
    return reader


def _counting(classifier: GenreClassifier) -> tuple[float, int]:
    """The longest plot in tokens, and bytes a token."""
    semantic = classifier.branches_.get("semantic")
    if isinstance(semantic, SemanticBranch):
        # Words are read to the plot's end, at next to no cost where an encoder reads too.
        # Some encoders skip every other word.
        (spans,) = semantic.embedder.encoder.token_spans([_PROSE])
        return semantic.embedder.longest, max(len(_PROSE) // max(len(spans), 1), 1)
    return math.inf, _BYTES_PER_TOKEN_OF_WORDS


def _rounded(number: np.floating[Any]) -> float:
    return round(float(number), _DIGITS)
