"""TF-IDF of words and word pairs, one logistic regression a genre, in scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
import sklearn
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, Validation

FEATURES = 100_000
STRENGTHS = (3.0, 10.0)
# C is chosen on this many of the commonest genres only, then all are fitted once.
TUNED_ON = 6


class TfidfLogistic(Contender):
    """liblinear's dual solver; C is one for all genres."""

    library = f"scikit-learn {sklearn.__version__}"

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        self.words = TfidfVectorizer(
            ngram_range=(1, 2), min_df=3, sublinear_tf=True, max_features=FEATURES, dtype=np.float32
        )
        X, held_out = self.words.fit_transform(plots), self.words.transform(validation[0])
        common = np.argsort(-Y.sum(axis=0))[:TUNED_ON]
        # Processes, since two of liblinear in one process end it ("terminate called"), and each
        # with a copy of the matrix, since liblinear refuses joblib's read-only map.
        with joblib.parallel_config("loky", max_nbytes=None):
            self._fit_best(X, Y, (held_out, validation[1]), common)

    def _fit_best(
        self, X: csr_matrix, Y: Targets, validation: tuple[csr_matrix, Targets], common: Targets
    ) -> None:
        scores = {
            C: average_precision_score(
                validation[1][:, common],
                _one_vs_rest(C).fit(X, Y[:, common]).predict_proba(validation[0]),
                average="micro",
            )
            for C in STRENGTHS
        }
        best = max(scores, key=lambda C: scores[C])
        self.notes = (
            f"uni- and bigrams, {len(self.words.vocabulary_):,} features, C = {best:g} of "
            f"{STRENGTHS} by validation"
        )
        self.model = _one_vs_rest(best).fit(X, Y)

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        return self.model.predict_proba(self.words.transform(plots)).astype(np.float32)

    @override
    def save(self, folder: Path) -> None:
        joblib.dump((self.words, self.model), folder / "tfidf.joblib")


def _one_vs_rest(C: float) -> OneVsRestClassifier:
    one = LogisticRegression(C=C, solver="liblinear", dual=True, tol=1e-2, max_iter=200)
    return OneVsRestClassifier(one, n_jobs=2)


def make(variant: str, store: Path | None) -> TfidfLogistic:
    return TfidfLogistic()
