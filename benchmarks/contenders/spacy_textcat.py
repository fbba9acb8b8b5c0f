"""spaCy's textcat_multilabel: bag of words, or a convolutional encoder that is averaged."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation

# Wall-clock minutes of updates, tokenising not counted; the last epoch is cut off there.
MINUTES = {"bow": 3.0, "cnn": 4.0}
# The cnn reads only the beginning, so that its minutes hold more epochs.
TOKENS = {"bow": 3000, "cnn": 250}
BATCH = {"bow": 64, "cnn": 64}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "bow": {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": False,
        "ngram_size": 1,
        "length": 262144,
        "no_output_layer": False,
    },
    "cnn": {
        "@architectures": "spacy.TextCatReduce.v1",
        "exclusive_classes": False,
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": True,
        "use_reduce_mean": True,
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 96,
            "depth": 2,
            "embed_size": 2000,
            "window_size": 1,
            "maxout_pieces": 3,
            "subword_features": True,
            "pretrained_vectors": None,
        },
    },
}


class SpacyTextcat(Contender):
    """A blank English pipeline with one component, trained for a stated time."""

    library = f"spacy {spacy.__version__}"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.genres = list(genres)
        spacy.util.fix_random_seed(0)
        self.nlp = spacy.blank("en")
        textcat = self.nlp.add_pipe(
            "textcat_multilabel", config={"model": ARCHITECTURES[self.kind], "threshold": 0.5}
        )
        for j in range(len(genres)):
            textcat.add_label(str(j))
        docs = [self._doc(plot) for plot in plots]
        examples = [
            Example(doc, _gold(doc, row)) for doc, row in zip(docs, Y.astype(float), strict=True)
        ]
        optimizer = self.nlp.initialize(lambda: examples[:256])
        epochs = self._train(examples, optimizer)
        self.notes = (
            f"textcat_multilabel {self.kind}, {MINUTES[self.kind]:g} minutes of updates = "
            f"{epochs:.1f} epochs, the first {TOKENS[self.kind]} tokens"
        )

    def _train(self, examples: list[Example], optimizer: Any) -> float:
        order, seen, end = random.Random(0), 0, time.monotonic() + 60 * MINUTES[self.kind]
        while True:
            order.shuffle(examples)
            for batch in minibatch(examples, BATCH[self.kind]):
                if time.monotonic() > end:
                    return seen / len(examples)
                self.nlp.update(batch, sgd=optimizer, drop=0.2)
                seen += len(batch)

    def _doc(self, plot: str) -> Doc:
        return self.nlp.make_doc(plot)[: TOKENS[self.kind]].as_doc()

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        P = np.empty((len(plots), len(self.genres)), dtype=np.float32)
        docs = self.nlp.pipe((self._doc(plot) for plot in plots), batch_size=128)
        for row, doc in zip(P, docs, strict=True):
            row[:] = [doc.cats[str(j)] for j in range(len(self.genres))]
        return np.clip(P, 0, 1)

    @override
    def save(self, folder: Path) -> None:
        self.nlp.to_disk(folder / "pipeline")


def _gold(doc: Doc, row: Any) -> Doc:
    gold = Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
    gold.cats = {str(j): value for j, value in enumerate(row.tolist())}
    return gold


def make(variant: str, store: Path | None) -> SpacyTextcat:
    return SpacyTextcat(variant)
