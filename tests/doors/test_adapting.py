"""The adapt command."""

import pytest

from plotgenre.doors.adapting import divided, settings_of
from plotgenre.doors.cli import main
from plotgenre.errors import RecipeError


def test_settings_of_both_kinds_are_told_apart():
    assert divided(["adapting.films=4", "head.kind=linear"]) == (
        ["adapting.films=4"],
        ["head.kind=linear"],
    )
    assert settings_of({"adapting.films": 4}, 2.5).films == 4
    assert settings_of({}, 2.5).minutes == 2.5
    with pytest.raises(RecipeError, match="unknown setting 'flims'"):
        settings_of({"adapting.flims": 4}, None)


def test_a_corpus_becomes_an_encoder_that_train_reads(
    tiny_masked, film_lists, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    rows = [f"{plot}\t{'|'.join(genres)}" for plot, genres in zip(*film_lists, strict=True)]
    (tmp_path / "films.tsv").write_text("\n".join(["plot\tgenres", *rows]) + "\n")
    films = ["films.tsv", "--separator", "|"]
    common = ["--set", "genres.minimum_films=5", "--set", "split.validation=0.25"]

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["plotgenre", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        return code, capsys.readouterr()

    code, said = run(
        "adapt", *films, "-o", "encoder", "--set", "adapting.steps=3", *common,
        "--set", f"encoder.name={tiny_masked}",
    )  # fmt: skip
    assert code == 0, said.err
    assert "encoder after 3 steps: encoder" in said.out
    assert "step 3/3" in said.err
    code, said = run(
        "train", *films, "-o", "run", *common, "--set", "encoder.name=encoder",
        "--set", "training.max_epochs=1", "--store", "store",
    )  # fmt: skip
    assert code == 0, said.err
    assert (tmp_path / "run" / "model" / "config.json").is_file()
    code, said = run("adapt", *films, "-o", "run", *common)
    assert code != 0
    assert "run exists and is no adapted encoder; choose another folder" in said.err
