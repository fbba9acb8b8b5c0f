"""A batch from files to files by the local engine: every row once, with all that it came with."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.batch import parts
from plotgenre.batch.forms import JsonLines
from plotgenre.batch.manifest import MANIFEST
from plotgenre.batch.storage import LocalFolder, unfinished_name
from plotgenre.errors import BatchError, CorpusError, InputError, MissingExtraError

PLOT = "A ghost haunts the cellar of an old house."


def write_csv(path, rows, header=("id", "plot")):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


# ---------------------------------------------------------- what comes out


def test_rows_keep_their_order_their_columns_and_get_genres(batch, lines, table, films, words):
    out = table.with_name("out.jsonl")
    seen = []
    summary = batch([table], out, rows_per_part=50, listener=seen.append)
    rows = lines(out)
    assert [row["id"] for row in rows] == [film["id"] for film in films]
    for row, tags in zip(rows, words.tag_many([film["plot"] for film in films]), strict=True):
        assert row["genres"] == list(tags)
        assert row["probabilities"] == [round(p, 6) for p in tags.values()]
        assert row["error"] is None
    assert (summary.rows, summary.tagged, summary.errors) == (120, 120, 0)
    assert summary.unreadable == {}
    # Three parts, then the end of the file, which was counted when it was looked at.
    assert [one.rows for one in seen] == [50, 100, 120, 120]
    assert {one.total for one in seen} == {120}
    assert seen[0].left > 0 == seen[-1].left
    left = ["_out.jsonl.manifest.json", "films.csv", "out.jsonl"]
    assert sorted(path.name for path in table.parent.iterdir()) == left


def test_all_that_a_csv_can_hold_is_carried(batch, tmp_path):
    odd = [
        ["1", f'{PLOT}\r\nOn two\nlines, "quoted".', "愛 🎬", "a,b"],
        ["", PLOT, " spaces ", ""],
        ["3", "", "no plot", "x"],
    ]
    table = write_csv(tmp_path / "odd.csv", odd, ("id", "plot", "título", "genres"))
    batch([table], tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    carried = ["id", "plot", "título", "input_genres"]
    assert list(rows[0]) == [*carried, "genres", "probabilities", "error"]
    assert [[row[name] for name in carried] for row in rows] == odd
    assert "Horror" in rows[0]["genres"].split("|")
    shares = [float(p) for p in rows[0]["probabilities"].split("|")]
    assert shares == sorted(shares, reverse=True)
    assert rows[2]["error"] == "the plot is empty; expected a text"
    assert rows[2]["genres"] == ""


def test_json_keeps_every_key_and_value(batch, lines, tmp_path):
    rows = [
        {"id": 1, "plot": PLOT, "cast": [{"name": "Ana", "age": None}], "rating": 7.5},
        {"plot": PLOT, "late": True, "error": "mine"},
        {"id": "x", "plot": 5},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n\n[1]\n{broken\n")
    summary = batch([path], tmp_path / "out.jsonl")
    told = lines(tmp_path / "out.jsonl")
    assert summary.errors == 3
    added = {"genres", "probabilities", "error"}
    assert {k: v for k, v in told[0].items() if k not in added} == rows[0]
    assert told[1]["input_error"] == "mine"
    assert told[2]["error"] == "the plot is 5 (int); expected a text"
    assert told[3]["error"].startswith("in.jsonl, line 7: a JSON list; expected one object")
    assert told[4]["error"].startswith("in.jsonl, line 8: not JSON")


def test_rows_without_ids_are_called_by_file_and_row(batch, lines, tmp_path):
    (tmp_path / "a.csv").write_text(f"plot\n{PLOT}\n\n{PLOT}\n")
    batch([tmp_path / "a.csv"], tmp_path / "out.jsonl")
    assert [row["id"] for row in lines(tmp_path / "out.jsonl")] == ["a.csv:1", "a.csv:3"]


def test_parquet_to_parquet_keeps_types(batch, tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, None], pa.int32()),
            "overview": [PLOT, None],
            "when": pa.array([0, 86_400_000], pa.timestamp("ms")),
            "cast": [[{"name": "Ana"}], []],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    batch([tmp_path / "in.parquet"], tmp_path / "out.parquet", rows_per_part=1)
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.select(table.column_names).cast(table.schema).equals(table)
    assert read.schema.field("id").type == pa.int32()
    assert read.schema.field("genres").type == pa.list_(pa.string())
    assert read["error"].to_pylist() == [None, "there is no plot; expected a text"]
    assert "Horror" in read["genres"][0].as_py()


def test_a_value_that_a_column_cannot_hold_is_told(batch, tmp_path):
    rows = [{"id": i, "plot": PLOT, "year": 1990} for i in range(1100)]
    rows[1050] |= {"year": "unknown", "late": 1}
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = batch([path], tmp_path / "out.parquet", rows_per_part=400)
    read = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["year"] for row in read] == [1990] * 1050 + [None] + [1990] * 49
    assert summary.errors == 1
    assert read[1050]["error"] == (
        "the column 'late' was not seen when the batch was planned: left out; "
        "the column 'year' holds 'unknown', expected int64"
    )
    assert read[1050]["genres"] == read[0]["genres"] != []


def test_many_forms_at_once_into_a_folder(batch, lines, tmp_path):
    source = tmp_path / "dump"
    source.mkdir()
    pq.write_table(pa.table({"id": ["p"], "plot": [PLOT]}), source / "c.parquet")
    (source / "b.tsv").write_text(f"id\tPlot\nt\t{PLOT}\n")
    (source / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps({"plot": PLOT}).encode()))
    (source / "notes.txt").write_text("no films")
    batch([source], tmp_path / "tagged")
    rows = lines(tmp_path / "tagged")
    assert [row["id"] for row in rows] == ["a.jsonl.gz:1", "t", "p"]
    assert len({str(row["genres"]) for row in rows}) == 1
    assert json.loads((tmp_path / "tagged" / MANIFEST).read_text())["complete"]


def test_a_folder_of_parquet_parts_is_one_dataset(batch, table):
    batch([table], table.with_name("out"), rows_per_part=50, form="parquet")
    parts = sorted(table.with_name("out").glob("*.parquet"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [50, 50, 20]
    assert pq.read_table(table.with_name("out")).num_rows == 120


# ------------------------------------------------------ interrupted and resumed


def test_an_interrupted_batch_goes_on_where_it_stopped(batch, lines, table, stopped_after):
    out, whole = table.with_name("out.jsonl"), table.with_name("whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        batch([table], out, rows_per_part=25, engine=stopped_after(2))
    parts = out.with_name("out.jsonl.parts")
    assert not out.exists()
    told = json.loads((parts / MANIFEST).read_text())
    assert not told["complete"]
    assert [(one["first"], one["rows"]) for one in told["parts"].values()] == [(0, 25), (25, 25)]
    summary = batch([table], out, rows_per_part=25)
    assert (summary.rows, summary.tagged) == (120, 70)
    batch([table], whole)
    assert out.read_bytes() == whole.read_bytes()
    assert not parts.exists()


def test_a_part_that_is_not_recorded_is_written_again(batch, lines, table, stopped_after):
    out = table.with_name("out")
    with pytest.raises(KeyboardInterrupt):
        batch([table], out, rows_per_part=25, engine=stopped_after(2))
    (out / "part-00000-000003.jsonl").write_text('{"half": \n')
    (out / unfinished_name()).write_text('{"half": \n')
    batch([table], out, rows_per_part=25)
    assert len(lines(out)) == 120
    assert [path.name for path in out.glob(".*")] == []


def test_a_kill_while_parts_are_joined_leaves_nothing_beside_the_file(
    batch, lines, table, monkeypatch
):
    beside = []
    whole = JsonLines.join

    def join(self, parts, out):
        whole(self, parts, out)
        beside.extend(table.parent.iterdir())

    out = table.with_name("out.jsonl")
    monkeypatch.setattr(JsonLines, "join", join)
    batch([table], out)
    # The half-written file is among the parts, which the next run removes.
    assert sorted(path.name for path in beside) == ["films.csv", "out.jsonl.parts"]
    assert len(lines(out)) == 120


def test_a_complete_folder_is_tidied_too(batch, table):
    out = table.with_name("out")
    batch([table], out)
    (out / unfinished_name()).write_text("")
    batch([table], out, resume=True)
    assert [path.name for path in out.glob(".*")] == []


def test_rows_that_fill_the_last_part_to_the_brim(batch, lines, table):
    out = table.with_name("out")
    batch([table], out, rows_per_part=40)
    assert len(list(out.glob("part-*"))) == 3
    assert batch([table], out, rows_per_part=40, resume=True).tagged == 0
    assert len(lines(out)) == 120


def test_huge_rows_make_parts_of_fewer(batch, lines, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_LARGEST_CHUNK", 20_000)
    table, out = tmp_path / "huge.jsonl", tmp_path / "out"
    plots = ["a ghost " * (2_000 if i % 5 == 0 else 1) for i in range(30)]
    table.write_text("".join(json.dumps({"plot": plot}) + "\n" for plot in plots))

    def stop(progress):
        if progress.rows > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch([table], out, listener=stop, rows_per_part=8)
    assert batch([table], out, rows_per_part=8).tagged < 20
    sizes = [len(one.read_text().splitlines()) for one in sorted(out.glob("part-*"))]
    assert sizes == [6, 8, 7, 8, 1]
    assert [row["plot"] for row in lines(out)] == plots


@pytest.mark.parametrize("name", ["out", "out.jsonl"])
def test_a_complete_output_is_refused_but_with_resume(batch, table, name):
    out = table.with_name(name)
    batch([table], out)
    with pytest.raises(BatchError, match="is complete already; expected another name, or --resume"):
        batch([table], out)
    summary = batch([table], out, resume=True)
    assert (summary.tagged, summary.unreadable) == (0, {})


# The manifest goes first, then the parts.
@pytest.mark.parametrize("survived", [0, 1, 2])
def test_killed_after_the_file_was_made_and_while_the_parts_went(
    batch, lines, table, monkeypatch, survived
):
    out, parts = table.with_name("out.jsonl"), table.with_name("out.jsonl.parts")
    remove = LocalFolder.remove
    gone = []

    def removed(folder, name):
        if len(gone) == survived:
            raise KeyboardInterrupt
        gone.append(name)
        remove(folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "remove", removed)
        with pytest.raises(KeyboardInterrupt):
            batch([table], out, rows_per_part=50)
    assert out.exists()
    assert len(list(parts.glob("*.jsonl"))) == 3 - max(survived - 1, 0)
    assert batch([table], out, rows_per_part=50, resume=survived > 0).tagged == 0
    assert len(lines(out)) == 120
    assert not parts.exists()


def test_what_changed_is_named(batch, table, tmp_path, stopped_after):
    out = table.with_name("out")
    other = write_csv(tmp_path / "other.csv", [["a", PLOT]])
    with pytest.raises(KeyboardInterrupt):
        batch([table, other], out, rows_per_part=50, engine=stopped_after(1))

    def refused(inputs, match, **options):
        before = sorted(path.name for path in out.iterdir())
        with pytest.raises(BatchError, match=match):
            batch(inputs, out, **({"rows_per_part": 50} | options))
        assert sorted(path.name for path in out.iterdir()) == before

    refused([table, other], "the rows per part was 50, is 60", rows_per_part=60)
    refused([table, other], "the plot column was plot, is id", plot_column="id")
    refused([table, other], "the form was jsonl, is csv", form="csv")
    refused([table], f"{other} is gone")
    refused([table, other, write_csv(tmp_path / "new.csv", [])], "new.csv is new")
    refused([other, table], "the inputs stand in another order")
    manifest = json.loads((out / MANIFEST).read_text())
    manifest["settings"]["fingerprint"] = "another"
    (out / MANIFEST).write_text(json.dumps(manifest))
    refused([table, other], "the model is another one")
    write_csv(other, [["a", PLOT], ["b", PLOT]])
    refused([table, other], f"{other} has changed since")


# -------------------------------------------------- what cannot be read, and refusals


def test_unreadable_files_are_named_and_the_rest_goes_on(batch, lines, table, tmp_path):
    rows = "".join(f'{{"id": "{i}", "plot": "{PLOT}"}}\n' for i in range(30))
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(rows.encode())[:-12])
    (tmp_path / "noplot.csv").write_text("id,text2\n1,x\n")
    (tmp_path / "noise.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "thing.bin").write_bytes(b"x")
    inputs = [tmp_path / "noise.parquet", broken, tmp_path / "noplot.csv", tmp_path / "thing.bin"]
    out = tmp_path / "out.jsonl"
    summary = batch([*inputs, table], out, rows_per_part=20)
    assert list(summary.unreadable) == [str(one) for one in inputs]
    for path, why in summary.unreadable.items():
        assert path.rpartition("/")[2] in why
    assert "no plot column 'plot'; found 'id', 'text2'" in summary.unreadable[str(inputs[2])]
    assert len([row for row in lines(out) if row["id"].startswith("film-")]) == 120
    # Put right, they alone are read; what could be read of one before is not there twice.
    broken.write_bytes(gzip.compress(rows.encode()))
    (tmp_path / "noplot.csv").write_text(f"id,plot\n1,{PLOT}\n")
    inputs[0].unlink()
    pq.write_table(pa.table({"id": ["p"], "plot": [PLOT]}), inputs[0])
    again = batch([*inputs, table], out, rows_per_part=20)
    assert list(again.unreadable) == [str(inputs[3])]
    assert again.tagged == 32
    ids = [row["id"] for row in lines(out)]
    assert ids == ["p", *map(str, range(30)), "1", *(f"film-{i:03}" for i in range(1, 121))]


def test_a_file_that_breaks_late_gives_the_rows_before(batch, lines, tmp_path):
    rows = "".join(f'{{"id": {i}, "plot": "{PLOT} {i * i}"}}\n' for i in range(5000))
    data = rows.encode()
    (tmp_path / "late.jsonl").write_bytes(data[:-9] + b"\xff" + data[-9:])
    summary = batch([tmp_path / "late.jsonl"], tmp_path / "out", rows_per_part=1500)
    assert [row["id"] for row in lines(tmp_path / "out")] == list(range(4999))
    (why,) = summary.unreadable.values()
    assert "line 5000: byte 0xff" in why


@pytest.mark.parametrize(
    ("inputs", "options", "error", "sentence"),
    [
        (["nothing.csv"], {}, CorpusError, "no file or folder .*nothing.csv"),
        (["*.parquet"], {}, CorpusError, "no table in .*parquet"),
        (["films.csv", "films.csv"], {}, CorpusError, "stands twice among the inputs"),
        (["films.csv"], {"format": "cmu"}, InputError, "'cmu' is not read row by row"),
        (["films.csv"], {"form": "xml"}, BatchError, "unknown form of output 'xml'"),
        (["films.csv"], {"form": "csv"}, BatchError, r"ends in \.jsonl, but csv is asked for"),
    ],
)
def test_refusals(batch, table, inputs, options, error, sentence):
    with pytest.raises(error, match=sentence):
        batch([table.with_name(one) for one in inputs], table.with_name("out.jsonl"), **options)
    assert [path.name for path in table.parent.iterdir()] == ["films.csv"]


def test_standard_input_cannot_be_resumed(batch, tmp_path):
    with pytest.raises(InputError, match="standard input cannot be read again"):
        batch(["-"], tmp_path / "out")


def test_without_pyarrow_text_goes_and_parquet_is_named(batch, lines, table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    batch([table], table.with_name("out.jsonl"))
    assert len(lines(table.with_name("out.jsonl"))) == 120
    for inputs, output in (
        ([table], "out.parquet"),
        (["s3://b/films.csv"], "x"),
        ([table], "s3://b/x"),
    ):
        with pytest.raises(MissingExtraError, match=r"plotgenre\[parquet\]"):
            batch(inputs, output if "//" in output else table.with_name(output))
