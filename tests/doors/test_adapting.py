"""The adapt command as a shell sees it."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest

QUICK = ["--recipe", "quick.toml", "--set", "adapting.films=8", "--set", "slicing.tokens=16"]


@pytest.fixture
def room(tmp_path, film_lists, film_recipe):
    with (tmp_path / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot", "genres"])
        for i, (plot, genres) in enumerate(zip(*film_lists, strict=True)):
            writer.writerow([f"f{i}", plot, "|".join(genres)])
    film_recipe.save(tmp_path / "quick.toml")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    return tmp_path


def test_adapt_then_train_on_the_encoder(room, main):
    status, out, err = main("adapt", "films.csv", "-o", "new", *QUICK, "--set", "adapting.steps=3")
    assert status == 0, err
    assert out.splitlines()[0] == "encoder after 3 steps: new"
    lines = err.splitlines()
    assert lines[0].startswith("step 0  ")
    assert lines[-1].startswith("step 3/3  ")
    assert "tokens/s" in lines[-1]
    told = json.loads((room / "new" / "adapting.json").read_text())
    assert (told["adapting"]["films"], told["adapting"]["steps"]) == (8, 3)
    assert told["slicing"]["tokens"] == 16
    # The recipe's share is split off for validation, and its rare genre left out.
    assert told["films"]["validation"] == pytest.approx(90 / 4, abs=2)
    assert told["genres"] == ["Comedy", "Horror", "Romance", "War"]
    status, _, err = main(
        "train", "films.csv", "-o", "out", "--recipe", "quick.toml",
        "--set", "encoder.name=new", "--set", "training.max_epochs=2",
    )  # fmt: skip
    assert status == 0, err
    config = json.loads((room / "out" / "model" / "config.json").read_text())
    assert config["encoder"]["fingerprint"] != told["source"]["fingerprint"]


def test_given_validation_films(room, main):
    status, _, err = main(
        "adapt", "films.csv", "-o", "new", *QUICK, "--set", "adapting.steps=1",
        "--validation", "films.csv", "--set", "split={}",
    )  # fmt: skip
    assert status == 0, err
    told = json.loads((room / "new" / "adapting.json").read_text())
    assert told["films"] == {"train": 90, "validation": 90}


def test_ctrl_c_then_the_same_command(room):
    command = [
        sys.executable, "-m", "plotgenre", "adapt", "films.csv", "-o", "cut", *QUICK,
        "--set", "adapting.steps=150", "--set", "adapting.evaluate_every=0.001",
    ]  # fmt: skip
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=room, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=environment,
    )  # fmt: skip
    for line in process.stderr:
        if "/150" in line:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    ending = "plotgenre: interrupted; the same command goes on where it stopped"
    assert rest.splitlines()[-1] == ending
    assert not (room / "cut").exists()
    (saved,) = (room / "cut.checkpoints").iterdir()
    again = subprocess.run(
        command, cwd=room, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert again.returncode == 0, again.stderr
    first = int(again.stderr.splitlines()[0].split()[1].partition("/")[0])
    assert first > int(saved.stem.removeprefix("step-")) > 0
    assert (room / "cut" / "model.safetensors").is_file()


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("-o new --set adapting.colour=red", "unknown setting 'adapting.colour'"),
        ("-o new --set adapting.films=0", "adapting.films: "),
        ("-o new --minutes 0", "adapting.minutes: "),
        ("-o new --set adapting.schedule", "expected PART.NAME=VALUE"),
        ("-o new --set head.colour=red", "unknown setting 'head.colour'"),
        ("-o new --set head.kind=linear", "head.kind does nothing here: adapt reads genres, split"),
        ("-o new --set adapting.steps=3 --minutes 60", "--minutes does nothing where adapting.st"),
        ("-o new --set adapting.teacher_weight=3", "does nothing where adapting.teacher is none"),
        ("-o new --validation films.csv", "split.validation does nothing, as validation films"),
        ("-o new --validation nothing.csv", "there is no file or folder nothing.csv"),
        ("-o taken", "taken exists and is no adapted encoder"),
        ("-o new --set encoder.kind=onnx", "kind 'onnx' cannot be adapted"),
        ("-o new --set encoder.name=taken", "cannot load the encoder"),
        ("", "Missing option"),
    ],
)
def test_errors_are_one_sentence(main, arguments, sentence):
    status, out, err = main("adapt", "films.csv", "--recipe", "quick.toml", *arguments.split())
    assert (status, out) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("plotgenre: ")
    assert sentence in err
