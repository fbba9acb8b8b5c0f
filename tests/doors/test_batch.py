"""Tagging files into files on the command line: what it says, and its exit statuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from plotgenre.batch.run import BatchProgress
from plotgenre.doors import batch

FILMS = Path(__file__).resolve().parents[2] / "examples" / "films.csv"
PLOT = "A ghost haunts the cellar of an old house."


def test_a_file_into_a_file(main, tmp_path):
    status, out, err = main("tag", FILMS, "-o", "out.csv", "--fast")
    assert (status, out) == (0, "")
    assert err.startswith("out.csv: 120 rows; 120 tagged now, ")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 120
    status, _, err = main("tag", FILMS, "-o", "out.csv", "--fast")
    assert status == 2
    assert err == (
        "plotgenre: out.csv is complete already; expected another name, or --resume to be content "
        "with it\n"
    )
    status, _, err = main("tag", FILMS, "-o", "out.csv", "--fast", "--resume")
    assert (status, err) == (0, "out.csv is complete: nothing to do\n")


def test_an_unreadable_file_is_named_and_is_status_1(main, tmp_path):
    (tmp_path / "a.jsonl").write_text(f'{{"plot": "{PLOT}"}}\n{{"plot": ""}}\n')
    (tmp_path / "b.parquet").write_text("no")
    status, out, err = main("tag", "*.jsonl", "b.parquet", "-o", "tagged", "--fast")
    assert (status, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith("tagged: 2 rows, 1 with an error; 2 tagged now, ")
    assert second.startswith(f"could not be read: {tmp_path / 'b.parquet'}: b.parquet cannot be")
    # Nothing is new, and the file still cannot be read.
    status, _, err = main("tag", "*.jsonl", "b.parquet", "-o", "tagged", "--fast", "--resume")
    assert status == 1
    assert "could not be read" in err


def test_options_reach_the_batch(main, tmp_path):
    (tmp_path / "a.tab").write_text(f"id\tstory\n1\t{PLOT}\n2\t{PLOT}\n3\t{PLOT}\n")
    status, _, err = main(
        "tag", "a.tab", "-o", "out", "--fast", "--format", "tsv", "--plot-column", "story",
        "--rows-per-part", "2", "--output-format", "csv", "-m", "standard",
    )  # fmt: skip
    assert status == 0, err
    told = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert list(told["parts"]) == ["part-00000-000000.csv", "part-00000-000001.csv"]
    assert told["settings"]["model"] == "standard"
    assert told["settings"]["plot_column"] == "story"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("tag - -o out", "standard input cannot be read again"),
        ("tag -o out", "standard input cannot be read again"),
        ("tag x.csv -o out --explain", "explanations are not written to files"),
        ("tag x.csv -o out --engine dask", "unknown engine 'dask'; expected local or ray"),
        ("tag x.csv -o out --workers 2", "--workers and --ray-address are of ray"),
        ("tag x.csv -o out --output-format table", "unknown form of output 'table'"),
        ("tag x.csv -o out --rows-per-part 0", "rows-per-part"),
        ("tag x.csv --resume", "expected -o and where they are to be"),
        ("tag x.csv --engine ray", "expected -o and where they are to be"),
        ("tag x.csv -o out", "there is no file or folder x.csv"),
        ("tag x.csv y.csv", "there is no file or folder x.csv"),
    ],
)
def test_refusals_are_one_sentence(main, arguments, sentence, tmp_path):
    status, out, err = main(*arguments.split())
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert sentence in err
    assert [path for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_a_cluster_that_does_not_answer_is_one_sentence(main, tmp_path):
    pytest.importorskip("ray", reason="ray is not installed; extra ray")
    options = ("--engine", "ray", "--ray-address", "127.0.0.1:1")
    status, _, err = main("tag", FILMS, "-o", "out", "--fast", *options)
    assert status == 2
    assert err.startswith("plotgenre: there is no Ray at 127.0.0.1:1: ")
    assert len(err.splitlines()) == 1


def test_several_files_without_an_output_go_to_the_terminal(main, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"id,plot\n{name},{PLOT}\n")
    status, out, _ = main("tag", "a.csv", "b.csv", "--fast")
    assert status == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["a", "b"]


def test_a_line_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(batch.time, "monotonic", lambda: now[0])
    lines = batch._Lines()
    lines(BatchProgress(rows=10, total=100, errors=0, rate=10.0))
    now[0] = 10.0
    lines(BatchProgress(rows=1_500, total=9_500, errors=3, rate=100.0))
    now[0] = 20.0
    lines(BatchProgress(rows=2_500, total=None, errors=0, rate=100.0))
    assert capsys.readouterr().err.splitlines() == [
        "tagging 1,500/9,500 rows, 100 a second, 3 with an error, 80 s left",
        "tagging 2,500 rows, 100 a second",
    ]


def test_planning_a_batch_without_ray_or_parquet_loads_neither(tmp_path):
    probe = f"""
import sys
sys.argv = ["plotgenre", "tag", {str(FILMS)!r}, "-o", "out.jsonl", "--fast", "--format", "csv"]
from plotgenre.doors.cli import main
main()
print(sorted({{"torch", "onnxruntime", "sklearn", "ray", "pandas", "pyspark"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
