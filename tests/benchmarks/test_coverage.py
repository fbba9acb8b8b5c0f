"""How often intervals hold what they are about is counted as the script says."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from plotgenre.evaluation.intervals import Interval
from plotgenre.evaluation.scores import Scores

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    # By its path: a well-known package has the same name.
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_coverage_by_hand(script: ModuleType) -> None:
    nothing = Interval(0.5, np.nan, np.nan)
    undefined = Interval(np.nan, np.nan, np.nan)
    drawn = [Interval(0.4, 0.3, 0.5), Interval(0.6, 0.55, 0.7), nothing, undefined]
    found = script.counted(drawn, 0.5, 1.0)
    assert found["mean"] == pytest.approx(0.5)
    assert found["given"] == pytest.approx(2 / 3, abs=1e-3)
    assert (found["covered"], found["covered_mean"]) == (0.5, 0.5)
    # Half of the films are in the test set: its intervals are too wide by the root of 2.
    assert script.counted(drawn, 0.5, np.sqrt(0.5))["covered"] == 0
    assert script.counted([nothing], 0.5, 1.0)["covered"] is None


def test_only_what_reports_print_of_a_group_is_counted(script: ModuleType) -> None:
    names = ["micro_f1", "head_micro_f1", "head_macro_f1", "top20_micro_f1", "top20_brier"]
    metrics = dict.fromkeys(names, Interval(0.5, 0.4, 0.6))
    kept = ["micro_f1", "head_macro_f1", "top20_micro_f1"]
    assert [name for name, _ in script.printed(metrics)] == kept


def test_scores_of_the_films_are_drawn_and_kept(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    rng = np.random.default_rng(0)
    Y = rng.random((500, 3)) < [0.5, 0.4, 0.02]
    for suffix, strength in (("", 0.3), ("-fast", 0.2)):
        P = np.clip(rng.random(Y.shape) * 0.6 + strength * Y, 0, 1).astype(np.float32)
        ids = tuple(f"film {i}" for i in range(500))
        cuts, counts = np.full(3, 0.5, np.float32), np.array([600, 500, 5])
        run = tmp_path / "runs" / f"mine{suffix}-validation-test"
        run.mkdir(parents=True)
        Scores.of(ids, ("a", "b", "c"), P, Y, cuts, counts).save(run)
    out = tmp_path / "coverage.json"
    arguments = ["coverage.py", "mine", str(tmp_path), "--draws", "4", "--resamples", "20"]
    arguments += ["--runs", str(tmp_path / "runs"), "--out", str(out), "--films", "200"]
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    said = capsys.readouterr().out
    assert "| `mine`, 500 films | all | mean of 200 | held, 200 | difference held, 200 |" in said
    mine = json.loads(out.read_text())["models"]["mine"]["sizes"]
    assert list(mine) == ["20", "200"]
    systems = mine["200"]["systems"]
    assert list(systems) == [
        "mine", "mine --fast", "baseline", "mine --fast less mine", "baseline less mine"
    ]  # fmt: skip
    for found in systems.values():
        assert found["micro_f1"]["given"] == 1
        assert found["head_macro_f1"]["given"] == 1
        # Four of a hundred films have the genre c: too few in every draw.
        assert found["macro_f1_supported"]["given"] == 0
        assert found["macro_average_precision"]["given"] == 0
    whole, other = systems["mine"]["micro_f1"], systems["mine --fast"]["micro_f1"]
    less = systems["mine --fast less mine"]["micro_f1"]
    assert less["population"] == pytest.approx(other["population"] - whole["population"], abs=1e-5)
    # What stands is kept.
    written = out.stat().st_mtime_ns
    script.main()
    assert out.stat().st_mtime_ns == written
