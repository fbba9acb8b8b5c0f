"""The command line as a shell sees it: files, pipes, exit statuses, one sentence an error."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from plotgenre import PlotgenreError
from plotgenre.corpus.genres import read_merges
from plotgenre.doors import cli, tagging
from plotgenre.learning.history import History

# No machine has both.
ABSENT = "cuda" if sys.platform == "darwin" else "mps"
HORROR = "ghost house cellar discovers old cellar."


@pytest.fixture(scope="module")
def room(tmp_path_factory, film_lists, film_recipe):
    """A folder with a corpus as a user has it, and a recipe."""
    folder = tmp_path_factory.mktemp("cli")
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot", "genres"])
        for i, (plot, genres) in enumerate(zip(*film_lists, strict=True)):
            writer.writerow([f"f{i}", plot, "|".join(genres)])
    film_recipe.save(folder / "quick.toml")
    (folder / "empty.csv").write_text("")
    (folder / "onehot.csv").write_text('"a plot",0,1\n"another",0,2\n')
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def run(room):
    def run(*arguments, stdin="", environment=()):
        return subprocess.run(
            [sys.executable, "-m", "plotgenre", *map(str, arguments)],
            cwd=room,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            env=_environment(room) | dict(environment),
        )

    return run


def _environment(room):
    return os.environ | {
        "XDG_CACHE_HOME": str(room / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }


@pytest.fixture(scope="module")
def trained(room, run):
    done = run(
        "train", "films.csv", "-o", "out", "--recipe", "quick.toml",
        "--set", "head.kind=linear", "--set", "training.max_epochs=30",
        "--set", "training.checkpoint_every=10", "--bundle-encoder",
        "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def model(trained, room):
    return room / "out" / "model"


def one_error(done):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("plotgenre: ")
    return lines[0]


# --------------------------------------------------------------- what it does


def test_help_names_the_commands(run):
    done = run("--help")
    assert done.returncode == 0
    for command in ("inspect", "train", "evaluate", "compare", "tag", "export-encoder"):
        assert command in done.stdout


def test_inspect(run, room):
    done = run("inspect", "films.csv", "--json", "health.json")
    assert done.returncode == 0, done.stderr
    assert "films without a genre" in done.stdout
    assert "Horror" in done.stdout
    health = json.loads((room / "health.json").read_text())
    assert health["films"] == 90
    assert health["films_per_genre"]["Opera"] == 3
    assert health["label_issues"] is None


def test_inspect_writes_merges_that_train_reads_and_a_page(run, room):
    pytest.importorskip("jinja2")
    done = run(
        "inspect", "films.csv", "--test", "films.csv", "--merges-out", "merges.toml",
        "--report", "health.html",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_merges(room / "merges.toml") == {}
    assert "<h1>plotgenre corpus</h1>" in (room / "health.html").read_text(encoding="utf-8")


def test_inspect_asks_a_model_for_suspicious_labels(run, room, model):
    pytest.importorskip("cleanlab")
    done = run("inspect", "films.csv", "--model", model, "--json", "doubts.json")
    assert done.returncode == 0, done.stderr
    assert "suspicious labels" in done.stdout
    doubts = json.loads((room / "doubts.json").read_text())["label_issues"]
    assert "trained on" in doubts["warning"]


def test_train_writes_and_shows(trained, room):
    recipe = tomllib.loads((room / "out" / "recipe.toml").read_text())
    assert (recipe["encoder"]["device"], recipe["training"]["device"]) == ("cpu", "cpu")
    out = room / "out"
    names = {path.name for path in out.iterdir()}
    assert {"checkpoints", "model", "recipe.toml", "history.json", "history.png"} <= names
    assert "scores.safetensors" in names
    assert 'kind = "linear"' in (out / "recipe.toml").read_text()
    assert "left out as too rare: 1 genres, Opera" in trained.stdout
    assert "micro-F1" in trained.stdout
    epochs = [line for line in trained.stderr.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 30
    assert all(line.endswith(" s") for line in epochs)
    assert all("micro-F1 0." in line for line in epochs)
    history = History.from_dict(json.loads((out / "history.json").read_text()))
    lines = trained.stdout.splitlines()
    kept = history.epochs[history.best_epoch - 1]
    (told,) = (line for line in lines if line.startswith(f"epoch {kept.epoch} of 30 was kept: "))
    assert f"micro-F1 {kept.micro_f1:.3f}" in told
    after = history.overfitting_after
    words = "no overfitting" if after is None else f"overfitting began after epoch {after}: "
    assert any(line.startswith(words) for line in lines)
    assert f"checkpoints: {Path('out', 'checkpoints', 'models')}" in lines
    assert "Traceback" not in trained.stderr
    assert any((room / "cache" / "plotgenre" / "store").iterdir())


def test_checkpoints_are_models_to_every_command(trained, run, room):
    models = room / "out" / "checkpoints" / "models"
    assert sorted(path.name for path in models.iterdir()) == [
        f"epoch-00{tens}0" for tens in (1, 2, 3)
    ]
    done = run("evaluate", models / "epoch-0010", "films.csv", "--json", "early.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((room / "early.json").read_text())["films"] == 90
    done = run("tag", "a ghost in the cellar", "-m", models / "epoch-0020")
    assert done.returncode == 0, done.stderr


def test_evaluate(run, model, room):
    done = run("evaluate", model, "films.csv", "--json", "scores.json")
    assert done.returncode == 0, done.stderr
    assert "micro-F1" in done.stdout
    # In the headline and by frequency.
    assert done.stdout.count("Brier score") == 2
    scores = json.loads((room / "scores.json").read_text())
    assert scores["films"] == 90
    assert len(scores["per_genre"]) == 5


def test_compare(run, trained, room):
    other = run(
        "train", "films.csv", "-o", "[other]", "--recipe", "quick.toml",
        "--set", "training.max_epochs=1",
    )  # fmt: skip
    assert other.returncode == 0, other.stderr
    done = run("compare", "out", "[other]", "--json", "compare.json", "--report", "compare.html")
    assert done.returncode == 0, done.stderr
    assert "[other], less" in done.stdout
    assert "micro-F1" in done.stdout
    found = json.loads((room / "compare.json").read_text())
    assert found["runs"] == ["out", "[other]"]
    assert len(found["per_genre"]) == 5
    assert "<bdi>[other]</bdi>" in (room / "compare.html").read_text(encoding="utf-8")


def test_compare_needs_scored_runs(run, trained):
    assert "notes is not a scored run" in one_error(run("compare", "out", "notes"))
    assert "two or more runs" in one_error(run("compare", "out"))


def test_tag_a_text(run, model):
    done = run("tag", HORROR, "-m", model)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    tagged = json.loads(line)
    assert tagged["id"] == "1"
    assert all(0 <= p <= 1 for p in tagged["genres"].values())
    as_table = run("tag", HORROR, "-m", model, "--output-format", "table")
    assert "probability" in as_table.stdout


def test_tag_a_file_as_csv(run, model, film_lists):
    done = run("tag", "films.csv", "-m", model, "--output-format", "csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["id"] for row in rows] == [f"f{i}" for i in range(90)]
    tagged = [row for row in rows if row["genres"]]
    assert len(tagged) > 60
    for row in tagged:
        assert len(row["genres"].split("|")) == len(row["probabilities"].split("|"))
    right = [
        set(row["genres"].split("|")) & set(genres)
        for row, genres in zip(rows, film_lists[1], strict=True)
    ]
    assert sum(map(bool, right)) > 60


def test_tag_standard_input(run, model):
    lines = "".join(
        json.dumps({"id": name, "plot": plot}) + "\n"
        for name, plot in (("a", HORROR), ("b", "War"))
    )
    done = run("tag", "-m", model, stdin=lines)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a", "b"]
    plain = run("tag", "-", "-m", model, stdin=f"{HORROR}\n")
    assert plain.returncode == 0, plain.stderr
    first = json.loads(done.stdout.splitlines()[0])["genres"]
    assert json.loads(plain.stdout)["genres"] == pytest.approx(first, abs=1e-4)


def test_tag_explains(run, model, room):
    done = run("tag", f"{HORROR} He was never seen again.", "-m", model, "--explain")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (first, *_) = told["explanation"]["genres"]
    assert list(told["genres"]) == [
        one["genre"] for one in told["explanation"]["genres"] if one["predicted"]
    ]
    assert [one["text"] for one in first["sentences"]] == [HORROR, "He was never seen again."]
    as_table = run("tag", HORROR, "-m", model, "--explain", "--output-format", "table")
    assert "Marked for" in as_table.stdout
    (room / "two.jsonl").write_text(f'{{"plot": "{HORROR}"}}\n{{"plot": "War"}}\n')
    of_file = run("tag", "two.jsonl", "-m", model, "--explain")
    assert of_file.returncode == 0, of_file.stderr
    lines = [json.loads(line) for line in of_file.stdout.splitlines()]
    assert [line.keys() for line in lines] == [{"id", "genres", "explanation"}] * 2


# -------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("inspect nothing.csv", "there is no file or folder nothing.csv"),
        ("inspect empty.csv", "empty.csv is empty"),
        ("inspect onehot.csv --format onehot", "2"),
        ("inspect films.csv --format bogus", "unknown format 'bogus'"),
        ("inspect films.csv --plot-column story", "story"),
        ("inspect films.csv --json notes", "notes"),
        ("train films.csv -o x --recipe mixd", "no recipe 'mixd'; expected a TOML file or one of"),
        ("train films.csv -o x --set head.colour=red", "unknown setting 'head.colour'"),
        ("train films.csv -o x --set head.dropout=2", "head.dropout: "),
        ("train films.csv -o x --recipe lexical --device cuda", "the recipe reads words alone"),
        ("train films.csv -o x --device gpu", "encoder.device: input should be 'auto', 'cpu', "),
        (
            f"train films.csv -o x --recipe quick.toml --device {ABSENT}",
            f"training.device is '{ABSENT}', a device that torch does not have here; expected auto",
        ),
        (
            f"train films.csv -o x --recipe quick.toml --set encoder.device={ABSENT}",
            f"encoder.device is '{ABSENT}', a device that torch does not have here; expected auto",
        ),
        ("train films.csv -o x --set nonsense", "expected PART.NAME=VALUE"),
        ("train films.csv -o x --set training.focal_gamma=3", "training.focal_gamma does nothing"),
        ("train films.csv -o x --recipe best --set branches.adapted=false", "(adapting={})"),
        ("train films.csv -o x --merges nothing.toml", "nothing.toml cannot be read"),
        ("train films.csv", "Missing option"),
        ("evaluate notes films.csv", "notes is not a model: it lacks config.json"),
        ("evaluate no-such-model films.csv", "no model folder 'no-such-model' here or on the Hub"),
        ("tag text -m notes", "notes is not a model"),
        ("tag missing.csv -m notes", "no file missing.csv"),
        ("tag text -m notes --output-format xml", "unknown output format 'xml'"),
        ("tag text -m notes --explain --output-format csv", "csv has no room for explanations"),
        ("tag - -m notes", "the plot is empty"),
        ("frobnicate", "frobnicate"),
        ("tag --frobnicate", "--frobnicate"),
    ],
)
def test_errors_are_one_sentence(arguments, sentence, room, monkeypatch, capsys):
    status, err = in_process(arguments.split(), room, monkeypatch, capsys)
    assert status == 2, err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("plotgenre: ")
    assert sentence in err


def in_process(arguments, room, monkeypatch, capsys):
    """What ``main`` says and answers, without the second that a new interpreter takes."""
    monkeypatch.chdir(room)
    monkeypatch.setenv("XDG_CACHE_HOME", str(room / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(sys, "argv", ["plotgenre", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().err


def test_an_empty_plot_is_not_the_folder_one_is_in(main, tmp_path):
    (tmp_path / "films.csv").write_text("plot\nA ghost.\n")
    status, out, err = main("tag", "")
    assert (status, out) == (2, "")
    assert "the plot is empty" in err


def test_errors_in_a_shell(run):
    assert "there is no file or folder nothing.csv" in one_error(run("inspect", "nothing.csv"))
    assert "notes is not a model" in one_error(run("tag", "some text", "-m", "notes"))


def test_several_lines_become_one(monkeypatch, capsys):
    def fail(**_):
        raise PlotgenreError("first\nsecond")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "plotgenre: first second\n"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, cli.typer.Abort])
def test_interrupts(monkeypatch, capsys, stop):
    def interrupted(**_):
        raise stop

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert capsys.readouterr().err.startswith("plotgenre: interrupted")


def test_ctrl_c(room):
    process = subprocess.Popen(
        [sys.executable, "-m", "plotgenre", "train", "films.csv", "-o", "cut", "--recipe",
         "quick.toml", "--set", "training.max_epochs=100000", "--set", "training.patience=100000"],
        cwd=room, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=_environment(room),
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("epoch   3"):
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1].startswith("plotgenre: interrupted")
    assert any((room / "cut" / "checkpoints").iterdir())


def test_a_reader_that_has_had_enough(room):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "plotgenre", "inspect", "films.csv"],
        cwd=room, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
        env=_environment(room),
    )  # fmt: skip
    os.close(writing)
    assert done.stderr == ""


# ------------------------------------------------------------------ its two ends


def test_a_long_text_is_a_plot_even_where_its_name_would_fit():
    plot = "愛" * 200
    assert tagging.read_films([plot], "auto", "plot").plots == [plot]


@pytest.mark.parametrize("name", ["films.csv", "my films.jsonl", "x.PARQUET"])
def test_a_missing_file_is_no_plot(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlotgenreError, match="no file"):
        tagging.read_films([name], "auto", "plot")


@pytest.mark.parametrize("plot", ["Love.", "drama", "He calls her at 3.15", "War\nin data.csv"])
def test_short_texts_are_plots(tmp_path, plot, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tagging.read_films([plot], "auto", "plot").plots == [plot]


def test_default_store(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.default_store() == tmp_path / "plotgenre" / "store"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli.default_store() == tmp_path / ".cache" / "plotgenre" / "store"
