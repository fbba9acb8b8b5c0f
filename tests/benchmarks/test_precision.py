"""The loss of a rounded encoder: its figure by hand, and the whole command on a tiny model."""

import sys

import numpy as np
import pytest

from plotgenre import Corpus

pytest.importorskip("onnx")


class _TwoGenres:
    classes_ = np.array(["A", "B"], dtype=object)


def test_macro_average_precision_by_hand():
    import precision

    # A: films 0 and 2, ranked 1st and 3rd: (1 + 2/3) / 2. B: no film, left out.
    corpus = Corpus.from_lists(["a", "b", "c"], [["A"], [], ["A"]])
    P = np.array([[0.9, 0.1], [0.5, 0.1], [0.2, 0.1]], dtype=np.float32)
    assert precision.macro_average_precision(P, corpus, _TwoGenres()) == pytest.approx(5 / 6)


@pytest.fixture
def printed(film_lists, tmp_path, monkeypatch, capsys):
    """What the command prints of a model on 30 of 90 films."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import precision

    table = {"id": [str(i) for i in range(90)], "plot": film_lists[0], "genres": film_lists[1]}
    pq.write_table(pa.table(table), tmp_path / "test.parquet")

    def printed(model):
        arguments = ["precision.py", str(model), str(tmp_path), "--films", "30"]
        monkeypatch.setattr(sys, "argv", arguments)
        precision.main()
        return capsys.readouterr().out.splitlines()

    return printed


def test_every_way_is_a_row(saved_model, printed):
    rows = printed(saved_model)
    assert rows[0].startswith("30 films")
    assert [row[:32].strip() for row in rows[2:]] == [
        "float32",
        "float32, kept in half precision",
        "bfloat16",
        "float16 weights",
        "int8 weights",
        "int8 weights, bfloat16",
        "int8 weights, products in int8",
    ]
    assert "0.00000" in rows[2]
    assert rows[2].split()[-1] == "+0.0000"


def test_rounded_weights_leave_what_they_are_computed_in(saved_model, printed, tmp_path):
    from plotgenre.model.bundling import bundle_model

    bundle_model(saved_model, tmp_path / "rounded", "int8")
    rows = printed(tmp_path / "rounded")
    assert [row[:32].strip() for row in rows[2:]] == [
        "int8 weights",
        "int8 weights, bfloat16",
        "int8 weights, products in int8",
    ]
    assert rows[2].split()[-1] == "+0.0000"
