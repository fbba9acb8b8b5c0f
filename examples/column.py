"""A column of genres beside a column of plots, in polars and in pandas.

python examples/column.py MODEL examples/untagged.jsonl
"""

import sys
from typing import Any

import polars as pl

from plotgenre import GenreClassifier


def tagged_polars(films: pl.DataFrame, model: GenreClassifier) -> pl.DataFrame:
    """The films with a column of lists, and a column of probabilities for every genre."""
    P = model.predict_proba(films["plot"])
    return films.with_columns(
        pl.Series("genres", model.predict(films["plot"]), dtype=pl.List(pl.String)),
        *(pl.Series(f"p_{genre}", P[:, j]) for j, genre in enumerate(model.classes_)),
    )


def tagged_pandas(films: Any, model: GenreClassifier) -> Any:
    """The same in pandas; films without a plot are left without genres."""
    import pandas

    known = films.loc[films["plot"].str.strip().fillna("") != "", "plot"]
    # With the rows' own index, so that genres stay beside their plots whatever was filtered.
    return films.assign(genres=pandas.Series(model.predict(known), index=known.index))


if __name__ == "__main__":
    model = GenreClassifier.from_pretrained(sys.argv[1])
    print(tagged_polars(pl.read_ndjson(sys.argv[2]), model))
