"""Memory over time: a table of any size, and what the kernel says of who tags it."""

import json
import sys

import pytest


def test_a_table_has_as_many_rows_as_asked(tmp_path):
    from batch_films import write_table

    size = write_table(tmp_path / "a.jsonl", ["one", "two"], 5)
    assert size == (tmp_path / "a.jsonl").stat().st_size
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[2]["plot"] == "one\n2"
    write_table(tmp_path / "a.csv", ["one"], 2)
    assert (tmp_path / "a.csv").read_bytes() == b'id,plot\r\n0,"one\n0"\r\n1,"one\n1"\r\n'


def test_memory_is_what_the_process_holds():
    from batch_memory import watched

    code = "import time; held = bytearray(80_000_000); time.sleep(0.3)"
    result = watched([sys.executable, "-c", code], every=0.05)
    assert 80 < max(mb for _, mb in result["samples"]) <= result["peak_mb"]
    with pytest.raises(SystemExit, match="no such thing"):
        watched([sys.executable, "-c", "raise SystemExit('no such thing')"], every=0.05)
