"""Speed and start-up: operations by hand, groups, heads of more genres, tables; one whole run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plotgenre import GenreClassifier

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def words(film_lists, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words") / "model"
    recipe = GenreClassifier("lexical").settings().with_settings({"genres.minimum_films": 5})
    GenreClassifier(recipe).fit(*film_lists).save(folder)
    return folder


@pytest.fixture(scope="module")
def best(saved_model, tmp_path_factory):
    from plotgenre.model.bundling import bundle_model

    folder = tmp_path_factory.mktemp("best") / "model"
    bundle_model(saved_model, folder, "int8")
    return folder


def test_operations_by_hand(tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    from operations import exported, operations
    from plotgenre.embedding.encoders.compression import compress_file

    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["tokens", 40])
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["found"]),
        helper.make_node("MatMul", ["found", "weight"], ["wide"]),
        helper.make_node("Softmax", ["wide"], ["out"]),
    ]
    constants = {"table": np.ones((64, 32)), "weight": np.ones((32, 40))}
    kept = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "graph", [ids], [out], kept)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "model.onnx")
    (tmp_path / "encoder.json").write_text('{"dimension": 32}')
    # 5 tokens through 32 x 40 numbers, and one layer of attention over texts of 2 and of 3 tokens.
    expected = 2 * 32 * 40 * 5 + 4 * 32 * (2**2 + 3**2)
    assert operations(exported(tmp_path), np.array([2, 3])) == expected
    compress_file(tmp_path / "model.onnx", "int8")
    assert operations(exported(tmp_path), np.array([2, 3])) == expected


def test_operations_of_an_encoder_by_its_shapes(best):
    from operations import exported, operations, transformer

    # Two layers of 4 x 32 x 32 and 2 x 32 x 64; RoBERTa's own table is looked up, not multiplied.
    per_token = 2 * 2 * (4 * 32 * 32 + 2 * 32 * 64)
    shape = exported(best / "encoder")
    assert operations(shape, np.array([10])) == per_token * 10 + 4 * 32 * 2 * 100
    assert transformer(layers=2, width=32, inner=64) == shape


def test_evenly_keeps_the_ends():
    from speed import evenly

    assert evenly(list("abcdefg"), 3) == ["a", "d", "g"]
    assert evenly(["a"], 3) == ["a"]


def test_a_wider_head_has_the_same_genres_again(words, best, film_lists):
    from speed_child import widened

    chosen = np.array([2, 0, 2, 1, 3])
    for folder in (words, best):
        (branch,) = GenreClassifier.load(folder).branches_.values()
        read = (
            branch.vocabulary.rows(film_lists[0][:5])
            if folder == words
            else branch.embedder.embed(film_lists[0][:5])
        )
        wider = widened(branch.head, chosen)
        assert wider.n_genres == 5
        np.testing.assert_allclose(
            wider.logits(read), branch.head.logits(read)[:, chosen], rtol=1e-5, atol=1e-6
        )


def test_tables_by_hand():
    from speed_table import tables

    def result(plots, seconds, **rest):
        figures = {"plots": plots, "seconds": seconds, "tokens": plots * 200, "cold_seconds": 1.5}
        return figures | {"peak_mb": 300.0, "precision": "float32"} | rest

    text = tables(
        {
            "peak": {"float32": 100e9},
            "yardsticks": {"to the origin": "origin", "to batched": "batched"},
            "contenders": {
                "origin": result(10, 2.0, operations=40e9),
                "batched": result(10, 1.0, operations=40e9),
                "best": result(40, 1.0, operations=80e9, precision="bfloat16"),
                "fast": result(100, 0.5),
            },
            "scaling": {
                "length": {"best": {"short": 0.001, "long": 0.01}, "fast": {"short": 0.0001}},
                "films": {},
                "genres": {"fast": {"lexical": {"10": 0.0002}}},
            },
        }
    )
    assert "| best | bfloat16 | 40.0 | 8,000 | 200 | 8.0x | 4.0x | 1.50 | 300 |" in text
    assert "| fast | float32 | 200.0 | 40,000 | 200 | 40.0x | 20.0x | 1.50 | 300 |" in text
    assert "| batched | 4.00 | 40 | 100 | 40% |" in text
    # No peak was measured in its precision.
    assert "| best | 2.00 | 80 | – | – |" in text
    assert "| best, ms a film, all of it | 1 | 10 |" in text
    assert "| fast, lexical, ms a film, its head alone | 0.2 |" in text


def test_a_child_tags_scales_and_widens(words, best, film_lists, tmp_path, monkeypatch):
    import speed

    plots = film_lists[0][:20]
    job = speed.contender("ours", plots) | {"times": 1}
    fast = speed.run(job | {"way": "scaling", "model": str(words), "runtime": None,
                            "groups": {"1": plots[:1], "20": plots}})  # fmt: skip
    assert set(fast) == {"1", "20"}
    assert min(fast.values()) > 0
    tagged = speed.run(job | {"model": str(best), "runtime": "onnxruntime"})
    assert tagged["precision"] == "float32"
    assert (tagged["plots"], len(tagged["tokens"])) == (20, 20)
    assert tagged["cold_seconds"] > 0
    quick = speed.run(job | {"model": str(best), "runtime": "onnxruntime", "quick": True})
    assert sum(quick["tokens"]) <= sum(tagged["tokens"])
    eight = speed.run(job | {"model": str(best), "runtime": "onnxruntime", "precision": "int8"})
    assert (eight["precision"], eight["tokens"]) == ("int8", tagged["tokens"])
    wider = {"way": "genres", "model": str(words), "plots": plots, "times": 1}
    found = speed.run(wider | {"genres": {"lexical": [3, 30]}})
    assert set(found["lexical"]) == {"3", "30"}
    with pytest.raises(SystemExit, match="tagging failed"):
        speed.run(job | {"model": str(tmp_path), "runtime": None})


@pytest.mark.parametrize(
    ("encoder", "batched", "read"), [("minilm", True, 256), ("origin", False, 350)]
)
def test_theirs_read_a_plot_or_its_slices(encoder, batched, read):
    pytest.importorskip("sentence_transformers")
    import speed

    plots = [["word " * 400], ["a slice of three", "a slice"]]
    job = speed.contender("theirs", plots) | {"encoder": encoder, "batched": batched}
    found = speed.run(job | {"times": 1, "n_genres": 3})
    # Each text begins and ends with a token of its own.
    assert found["tokens"] == [read, 4 + 2, 2 + 2]
    assert found["plots"] == 2


def test_a_plot_of_two_slices_is_the_mean_of_their_vectors():
    pytest.importorskip("sentence_transformers")
    import torch

    from speed_child import theirs

    job = {"threads": 1, "encoder": "minilm", "n_genres": 3, "batched": True, "plots": []}
    torch.manual_seed(0)
    answer, _ = theirs(job)
    same, other = (answer([texts]) for texts in (["a heist", "a heist"], ["a heist", "a wedding"]))
    torch.testing.assert_close(same, answer([["a heist"]]))
    assert (same - other).abs().max() > 1e-4


def test_startup_measures_a_command_of_its_own():
    import startup
    from startup import measured

    code = "import time; b = bytearray(80_000_000); t = time.process_time()\n"
    code += "while time.process_time() - t < 0.2: pass"
    # From a small process, as the script is: a child's peak is no less than its parent's.
    outer = f"import startup, sys; print(*startup.measured([sys.executable, '-c', {code!r}]))"
    room = Path(startup.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", outer], cwd=room, capture_output=True, text=True, check=True
    )
    wall, cpu, peak = map(float, done.stdout.split())
    assert wall >= 0.2
    assert 0.2 <= cpu < 5
    assert 80 < peak < 150
    with pytest.raises(SystemExit, match="oh no"):
        measured([sys.executable, "-c", "raise SystemExit('oh no')"])


def test_startup_knows_which_ways_a_model_has(words, best):
    from startup import commands

    assert list(commands(words)) == ["plotgenre tag"]
    assert "onnxruntime" in commands(best)


def test_without_an_encoder_the_way_to_one_is_named(saved_model, tmp_path, monkeypatch):
    import speed

    arguments = ["speed.py", str(saved_model), str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="make one with plotgenre bundle"):
        speed.main()


def test_results_are_written_whole(tmp_path):
    import speed

    speed.write(tmp_path / "results" / "speed.json", {"peak": {"float32": 1.0}})
    assert json.loads((tmp_path / "results" / "speed.json").read_text())["peak"]["float32"] == 1.0
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["speed.json"]
