"""The mutants are made, judged and counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plotgenre import GenreClassifier

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz_models.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each mutant is loaded in a fork")
def test_a_few_mutants(words_recipe, film_lists, tmp_path):
    GenreClassifier(words_recipe).fit(*film_lists).save(tmp_path / "model")
    command = [sys.executable, str(BENCHMARK), "--model", str(tmp_path / "model")]
    command += ["--mutants", "26"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("mutants") == 26
    assert sum(found.values()) == 26
    assert found["refused in one sentence"] > 10


def test_what_must_not_be_is_in_capitals():
    from fuzz_models import judged

    before = {"kind": "answer", "P": "1", "tags": []}
    other = before | {"P": "2"}
    assert judged(before, before, fitted=False) == "same answer"
    assert judged(other, before, fitted=False).isupper()
    assert not judged(other, before, fitted=True).isupper()
    assert judged({"kind": "refused", "said": "one"}, before, fitted=False).islower()
    for wrong in ({"kind": "refused", "said": "a\nb"}, {"kind": "hung"}, {"kind": "traceback"}):
        assert judged(wrong, before, fitted=False).isupper()
