"""The info command: the machine, and a model without loading its encoder."""

import json
import shutil
import subprocess
import sys

import pytest

from plotgenre import GenreClassifier
from plotgenre.devices import torch_device
from plotgenre.doors.info import machine_facts, model_facts
from plotgenre.embedding.encoders import runtime_check
from plotgenre.errors import ArtefactError
from plotgenre.json_files import write_digested
from plotgenre.model.bundling import bundle_model


def run(*arguments):
    command = [sys.executable, "-m", "plotgenre", "info", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_machine(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    facts = machine_facts()
    assert facts["threads"] == 3
    assert facts["onnx encoders run by"].startswith(("openvino 20", "onnxruntime 1"))


def test_the_machine_with_openvino_and_without_bfloat16(monkeypatch):
    from plotgenre.embedding.encoders import graph

    pytest.importorskip("openvino")
    monkeypatch.setattr(graph, "openvino_has_bfloat16", lambda: False)
    facts = machine_facts()
    assert facts["onnx encoders run by"].startswith("onnxruntime 1")
    assert facts["with --quick by"].startswith("openvino 20")


def test_a_model_whose_encoder_is_elsewhere(saved_model):
    facts = model_facts(saved_model)
    assert facts["branches"] == ["semantic"]
    assert facts["genres"] == ["Comedy", "Horror", "Romance", "War"]
    assert facts["encoder"]["dimensions"] == 32
    assert facts["encoder"]["run by"].startswith("torch 2")
    assert facts["encoder"]["size in MB"] is None


def test_a_bundled_model_as_json_and_as_text(saved_model, tmp_path):
    pytest.importorskip("onnx")
    bundle_model(saved_model, tmp_path / "small", "int8")
    done = run(tmp_path / "small", "--json")
    assert done.returncode == 0, done.stderr
    encoder = json.loads(done.stdout)["model"]["encoder"]
    assert (encoder["weights"], encoder["bundled"]) == ("int8", True)
    assert (encoder["device"], encoder["prompt"], encoder["query prompt"]) == ("cpu", "", "")
    assert encoder["run by"].startswith(("openvino", "onnxruntime"))
    files = (tmp_path / "small" / "encoder").iterdir()
    size = sum(file.stat().st_size for file in files) / 1e6
    assert encoder["size in MB"] == pytest.approx(size, abs=0.01)
    loaded = GenreClassifier.load(tmp_path / "small").branches_["semantic"].embedder.encoder.card
    # The fixture's recipe asks for float32.
    assert encoder["precision"] == loaded.precision == "float32"
    assert (encoder["distance from float32"], encoder["passed over"]) == (0, [])
    shown = run(tmp_path / "small").stdout
    assert "genres: 4\n" in shown
    assert "    weights: int8\n" in shown


def test_prompts_and_device(saved_model, tmp_path):
    model = shutil.copytree(saved_model, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config["encoder"] |= {"prompt": "The plot: ", "query_prompt": "A ghost: "}
    write_digested(model / "config.json", config)
    encoder = model_facts(model)["encoder"]
    assert (encoder["prompt"], encoder["query prompt"]) == ("The plot: ", "A ghost: ")
    assert encoder["device"] == torch_device("auto", "encoder.device").type
    assert "    query prompt: A ghost: \n" in run(model).stdout
    config["recipe"]["encoder"] |= {"kind": "static", "device": "cuda"}
    write_digested(model / "config.json", config)
    assert model_facts(model)["encoder"]["device"] == "cpu"


def test_a_model_that_the_fastest_way_reads_wrongly(saved_model, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    bundle_model(saved_model, tmp_path / "small", "int8")
    config = json.loads((tmp_path / "small" / "config.json").read_text())
    config["recipe"]["encoder"] |= {"precision": "int8", "runtime": "onnxruntime"}
    write_digested(tmp_path / "small" / "config.json", config)
    # Nothing is as close as this, so that whatever runs in 8 bits is refused.
    monkeypatch.setattr(runtime_check, "MOST_DISTANCE", 1e-9)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    encoder = model_facts(tmp_path / "small")["encoder"]
    assert (encoder["run by"].split()[0], encoder["precision"]) == ("onnxruntime", "float32")
    (passed,) = encoder["passed over"]
    assert "in int8" in passed
    assert "gave wrong vectors here" in passed
    assert f"passed over: {passed}\n" in run_here(tmp_path / "small", monkeypatch)


def run_here(folder, monkeypatch):
    from typer.testing import CliRunner

    from plotgenre.doors.cli import app

    return CliRunner().invoke(app, ["info", str(folder)]).stdout


def test_an_encoder_that_does_not_load_is_told(saved_model, tmp_path):
    pytest.importorskip("onnx")
    bundle_model(saved_model, tmp_path / "small", "int8")
    (tmp_path / "small" / "encoder" / "model.onnx").write_bytes(b"no graph")
    encoder = model_facts(tmp_path / "small")["encoder"]
    assert encoder["run by"].startswith("nothing here: ")
    assert "is damaged" in encoder["run by"]
    assert encoder["precision"] is None


def test_no_model_is_one_sentence(tmp_path):
    with pytest.raises(ArtefactError):
        model_facts(tmp_path)
    done = run(tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
