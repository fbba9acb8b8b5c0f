"""Scaling and the plan that is made of it."""

import json
import subprocess
import sys

import pytest


def results():
    runs = [
        {"engine": "local", "workers": 1, "threads": 1, "rows_per_second": 60.0},
        {"engine": "ray", "workers": 1, "threads": 1, "rows_per_second": 55.0},
        {"engine": "ray", "workers": 2, "threads": 1, "rows_per_second": 100.0},
    ]
    for one in runs:
        one["seconds_to_first_part"] = 2.0
    tier = {"rows": 1000, "bytes": 500_000, "output_bytes": 600_000, "runs": runs}
    return {"machine": "m", "tokens_per_plot": 200.0, "tiers": {"whole": tier}}


def test_a_plan_by_hand():
    from plan import Plan

    plan = Plan(plots=100e6, rate=50.0, workers=31)
    assert plan.core_hours == pytest.approx(555.56, abs=0.01)
    assert plan.nodes(1) == 18
    assert plan.nodes(24) == 1


def test_the_table_of_a_plan():
    from plan import table

    text = table(results(), 100e6, 32, [1, 24], price=0.05)
    # 555.56 core-hours of 32 / 31 cores, at 0.05 each.
    assert text.splitlines()[-1] == "| whole | 50 | 10,000 | 556 | 18 | 1 | 50 | 60 | 29 |"
    assert "cost" not in table(results(), 100e6, 32, [1], price=None)


def test_plots_of_another_length_cost_as_they_are_long():
    from plan import of_length, table

    # Half as long: twice the plots a second, the same tokens, half the bytes and half the hours.
    text = table(of_length(results(), 100.0), 100e6, 32, [1], price=None)
    assert text.splitlines()[-1] == "| whole | 100 | 10,000 | 278 | 9 | 25 | 30 |"


def test_the_table_of_scaling():
    from scaling import table

    lines = table(results()).splitlines()
    assert lines[2] == "| whole | local | 1 x 1 | 60 | 12,000 | 1.00 | 2.0 |"
    assert lines[4] == "| whole | ray | 2 x 1 | 100 | 20,000 | 1.67 | 2.0 |"


def test_a_run_is_measured(tmp_path):
    from batch_films import plots_of, write_table
    from scaling import run

    write_table(tmp_path / "films.jsonl", plots_of(), 400)
    job = {"source": str(tmp_path / "films.jsonl"), "output": str(tmp_path / "out.jsonl")}
    job |= {"fast": True, "engine": "local", "workers": 1, "rows_per_part": 100}
    found = run(job, threads=1)
    assert found["rows_per_second"] > 100
    assert 0 < found["seconds_to_first_part"] < found["seconds"]
    with pytest.raises(SystemExit, match=r"(?s)local failed: .*complete already"):
        run(job, threads=1)


def test_a_node_of_one_core_is_refused(tmp_path):
    from plan import __file__ as script

    (tmp_path / "r.json").write_text(json.dumps(results()))
    command = [sys.executable, script, "--cores", "1", "--results", str(tmp_path / "r.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "expected 2 or more" in done.stderr
