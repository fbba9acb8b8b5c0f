"""Files and folders are written whole: what else writes does so into what is put in place whole."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "plotgenre"
WRITES = {"fsync", "rename", "write_bytes", "write_text", "savefig"}
WRITES |= {"mkstemp", "NamedTemporaryFile"}
ALLOWED = {
    "whole_files.py": {"fsync", "rename", "write_bytes"},
    # Into the folder, or the file, that they are given.
    "artefact.py": {"write_bytes", "write_text"},
    "branches/adapting.py": {"write_bytes"},
    "embedding/encoders/export.py": {"write_text"},
    "embedding/encoders/static.py": {"write_text"},
    "evaluation/history_chart.py": {"savefig"},
    # Into memory.
    "evaluation/report/charts.py": {"savefig"},
    # One file that grows; which of its parts count stands in a checkpoint.
    "learning/frozen_states.py": {"fsync"},
    # From parts, and larger than memory.
    "batch/outputs.py": {"fsync"},
    "batch/storage.py": {"fsync"},
}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_is_written_in_a_way_of_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    name = path.relative_to(SOURCE).as_posix()
    assert called & WRITES <= ALLOWED.get(name, set()), f"{name}: use plotgenre.whole_files"
