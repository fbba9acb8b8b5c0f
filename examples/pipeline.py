"""A classifier as a step of scikit-learn: its logits are features, and it is cross-validated.

python examples/pipeline.py examples/films.csv [RECIPE]
"""

import sys

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plotgenre import GenreClassifier, read_corpus


def main(path: str, recipe: str = "lexical") -> None:
    """Score a classifier, and another model that reads the logits of one."""
    films = read_corpus(path)
    # Films as scikit-learn splits them: a list of plots and a matrix (n, g) of 0 and 1.
    plots, Y = films.plots, films.Y.astype(int)
    predicted = cross_val_predict(GenreClassifier(recipe), plots, Y, cv=3)
    print(f"classifier, all films: micro-F1 {f1_score(Y, predicted, average='micro'):.3f}")

    # The logits of films that a classifier learned from flatter it, and a model on top would
    # believe them. So it learns from one half of the films, and is frozen for the other half.
    half = len(plots) // 2
    genres = GenreClassifier(recipe).fit(plots[:half], Y[:half])
    pipeline = make_pipeline(
        FrozenEstimator(genres),
        StandardScaler(),
        MultiOutputClassifier(LogisticRegression(C=0.1, class_weight="balanced")),
    )
    predicted = cross_val_predict(pipeline, plots[half:], Y[half:], cv=3)
    score = f1_score(Y[half:], predicted, average="micro")
    print(f"regression on logits, half of the films: micro-F1 {score:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
