"""Sparse rows."""

import numpy as np

from plotgenre.lexicon.sparse_rows import SparseRows, joined


def rows(*films: list[int]) -> SparseRows:
    columns = np.array([column for film in films for column in film], dtype=np.int32)
    offsets = np.cumsum([0, *(len(film) for film in films)])
    return SparseRows(columns.astype(np.float32) / 10, columns, offsets, 9)


def test_row():
    values, columns = rows([1, 5], [], [7]).row(2)
    assert columns.tolist() == [7]
    np.testing.assert_allclose(values, [0.7])
    assert rows([1, 5], [], [7]).row(1)[0].size == 0


def test_joined():
    both = joined([rows([1, 5], []), rows([7])], 9)
    assert len(both) == 3
    assert both.columns.tolist() == [1, 5, 7]
    assert both.offsets.tolist() == [0, 2, 2, 3]
    assert len(joined([], 9)) == 0


def test_films_of_few_ngrams_are_shortened():
    short = rows([1, 5], [], [1, 2, 3, 4], [8]).shortened(4)
    # By √(2 / 4), not at all, and by √(1 / 4).
    np.testing.assert_allclose(short.row(0)[0], np.array([0.1, 0.5]) * np.sqrt(0.5), rtol=1e-6)
    np.testing.assert_allclose(short.row(2)[0], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    np.testing.assert_allclose(short.row(3)[0], [0.4], rtol=1e-6)
