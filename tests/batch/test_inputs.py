"""Inputs by what they are, not by what they are called; and those that hold nothing."""

import csv
import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.batch.manifest import MANIFEST
from plotgenre.errors import BatchError, CorpusError

PLOT = "A ghost haunts the cellar of an old house."


@pytest.fixture
def spelled(table, tmp_path, monkeypatch):
    """Other spellings of the table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.csv").symlink_to("films.csv")
    (tmp_path / "here").symlink_to(".")
    return ["films.csv", "./films.csv", "link.csv", "here/films.csv"]


def test_one_file_by_two_names_stands_twice(batch, table, tmp_path, spelled):
    (tmp_path / "hard.csv").hardlink_to(table)
    for other in [*spelled, "hard.csv", table.as_uri()]:
        with pytest.raises(CorpusError, match="stands twice among the inputs"):
            batch([table, other], "out")
    with pytest.raises(CorpusError, match=r"films.csv stands twice .*, also as link\.csv"):
        batch(["films.csv", "link.csv"], "out")
    assert not (tmp_path / "out").exists()


def test_a_batch_goes_on_whatever_its_input_is_called(batch, lines, table, spelled, stopped_after):
    # Without ids, which are then of the name.
    table.write_text("plot\n" + f"{PLOT}\n" * 12)
    whole = table.with_name("whole")
    batch([table], whole, rows_per_part=2)
    for number, other in enumerate(spelled):
        for first, then in ((str(table), other), (other, str(table))):
            out = table.with_name(f"out-{number}-{first == other}")
            with pytest.raises(KeyboardInterrupt):
                batch([first], out, rows_per_part=2, engine=stopped_after(3))
            assert batch([then], out, rows_per_part=2).rows == 12
            called = "link.csv" if first == "link.csv" else "films.csv"
            assert [row["id"] for row in lines(out)] == [f"{called}:{i}" for i in range(1, 13)]


@pytest.mark.parametrize("place", ["head", "tail", "time", "size"])
def test_an_input_that_changed_is_named(batch, table, place):
    out = table.with_name("out")
    # Longer than what is read of its ends.
    table.write_text("id,plot\n" + "".join(f"{i:06},{PLOT}\n" for i in range(6000)))
    batch([table], out)
    data = bytearray(table.read_bytes())
    facts = table.stat()
    if place == "size":
        data += b"6000,x\n"
    elif place != "time":
        data[20 if place == "head" else -20] = ord("z")
    table.write_bytes(data)
    later = 10**9 if place == "time" else 0
    os.utime(table, ns=(facts.st_atime_ns, facts.st_mtime_ns + later))
    with pytest.raises(BatchError, match=r"films\.csv has changed since"):
        batch([table], out, resume=True)


def test_another_format_is_named(batch, table):
    out = table.with_name("out")
    batch([table], out)
    with pytest.raises(BatchError, match="was read as csv, is tsv"):
        batch([table], out, resume=True, format="tsv", plot_column="id,plot")


EMPTY = {
    "nothing.csv": b"",
    "nothing.jsonl": b"",
    "blank.jsonl": b" \r\n\n\t\n",
    "mark.csv": b"\xef\xbb\xbf",
    "head.csv": b"id,plot\n",
    "head.tsv": b"id\ttext\r\n",
    "noplot.csv": b"a,b\n",
    "packed.csv.gz": gzip.compress(b"id,plot\n"),
    "packed.jsonl.gz": gzip.compress(b""),
}


@pytest.mark.parametrize("name", [*EMPTY, "schema.parquet"])
def test_an_input_without_a_row_is_zero_rows(batch, lines, tmp_path, name):
    path = tmp_path / name
    if name in EMPTY:
        path.write_bytes(EMPTY[name])
    else:
        pq.write_table(
            pa.table({"id": pa.array([], pa.int32()), "plot": pa.array([], pa.string())}), path
        )
    for output in ("out.jsonl", "out.csv", "out.parquet", "out"):
        summary = batch([path], tmp_path / output)
        assert (summary.rows, summary.unreadable, summary.without_rows) == (0, {}, [name])
        assert batch([path], tmp_path / output, resume=True).rows == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row[-3:] for row in csv.reader(file)] == [["genres", "probabilities", "error"]]
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["complete"]


def test_empty_inputs_change_nothing_for_the_others(batch, tmp_path):
    pq.write_table(
        pa.table({"id": pa.array([7], pa.int32()), "plot": [PLOT]}), tmp_path / "a.parquet"
    )
    (tmp_path / "b.csv").write_bytes(b"")
    (tmp_path / "c.csv").write_text("x,y\n")
    inputs = [tmp_path / "b.csv", tmp_path / "a.parquet", tmp_path / "c.csv"]
    summary = batch(inputs, tmp_path / "out.parquet")
    assert (summary.rows, summary.without_rows) == (1, ["b.csv", "c.csv"])
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.schema.field("id").type == pa.int32()
    assert read["id"].to_pylist() == [7]


def test_an_empty_parquet_file_is_damaged(batch, tmp_path):
    (tmp_path / "cut.parquet").write_bytes(b"")
    assert len(batch([tmp_path / "cut.parquet"], tmp_path / "out").unreadable) == 1
