"""Kinds of error by hand: two synonyms, a subgenre, a genre that no plot tells."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

GENRES = ["Comedy", "Comedy film", "Romantic comedy", "Indie"]


@pytest.fixture
def cells(tmp_path):
    from remaining_error import Cells
    from scoring import Split

    for side in ("train", "validation", "test"):
        # Each genre once in each file; the fourth plot is short.
        table = {
            "id": [f"{side}{i}" for i in range(4)],
            "plot": ["word " * 60] * 3 + ["few words"],
            "genres": [[genre] for genre in GENRES],
        }
        pq.write_table(pa.table(table), tmp_path / f"{side}.parquet")
    split = Split.read(tmp_path)
    assert split.train.genres == ("Comedy", "Comedy film", "Indie", "Romantic comedy")
    D = np.zeros((4, 4), bool)
    comedy, film, indie, _ = range(4)
    D[0, film] = True  # its synonym is right
    D[1, film] = True  # right
    D[2, comedy] = True  # its subgenre is right
    D[2, indie] = True  # nothing to do with it
    return Cells(split, D)


def test_every_wrong_cell_has_one_kind(cells):
    from remaining_error import kinds_of_error

    kinds = kinds_of_error(cells)
    vain, missing = kinds["given in vain"], kinds["missing"]
    assert list(vain.values()) == [1, 1, 0, 1, 0]
    assert sum(vain.values()) == (cells.D & ~cells.Y).sum()
    # Comedy (synonym given), Romantic comedy (supergenre given), Indie (no plot tells it).
    assert list(missing.values())[:3] == [1, 1, 1]
    assert sum(missing.values()) == (cells.Y & ~cells.D).sum()


def test_a_source_of_error_taken_away(cells):
    from remaining_error import without_a_source

    f1 = {
        what: 2 * (Y & D).sum() / max(Y.sum() + D.sum(), 1)
        for what, (Y, D) in without_a_source(cells).items()
    }
    assert f1["all cells as they are"] == pytest.approx(2 * 1 / (4 + 4))
    assert f1["without genres that no plot tells"] == pytest.approx(2 * 1 / (3 + 3))
    assert f1["sure synonyms merged"] == pytest.approx(2 * 2 / (4 + 4))
    assert f1["plots of at least 50 words"] == pytest.approx(2 * 1 / (3 + 4))
