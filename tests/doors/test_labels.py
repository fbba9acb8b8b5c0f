"""What the command line says of labels: what was read, what counts, what is refused."""

import csv
import json

import numpy as np
import pytest

from plotgenre import Corpus, GenreClassifier


@pytest.fixture
def write(tmp_path):
    def write(name: str, corpus: Corpus) -> str:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["overview", "genre"])
            rows.writerows(
                [plot, "|".join(genres)]
                for plot, genres in zip(corpus.plots, corpus.genre_lists(), strict=True)
            )
        return name

    return write


@pytest.fixture
def corpus(film_lists) -> Corpus:
    return Corpus.from_lists(*film_lists)


TRAIN = ("--recipe", "lexical", "--set", "genres.minimum_films=5", "-o", "run")


def lower(corpus: Corpus) -> Corpus:
    return corpus.with_targets([name.lower() for name in corpus.genres], corpus.Y)


def test_the_account_is_shown_and_kept(main, write, corpus, tmp_path):
    write("train.csv", corpus)
    other = {"Horror": "horror", "War": "Warfare"}
    names = [other.get(name, name) for name in corpus.genres]
    write("other.csv", corpus.with_targets(names, corpus.Y).take(range(40)))
    assert main("train", "train.csv", *TRAIN, "--set", "split.test=0")[0] == 0
    status, shown, _ = main(
        "evaluate", "run/model", "other.csv", "--json", "out.json", "--report", "out.html"
    )
    assert status == 0
    evaluation = json.loads((tmp_path / "out.json").read_text())
    account = evaluation["account"]
    assert account["columns"] == {"plot": "overview", "genres": "genre"}
    assert account["respelled"] == {"horror": "Horror"}
    assert [one["name"] for one in account["unknown"]] == ["Warfare"]
    assert account["untested"].keys() == {"War"}
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    for said in (
        "Read: plot from the column 'overview', genres from the column 'genre'.",
        "1 name was read as another spelling: 'horror' as 'Horror'.",
        "1 genre has no film here;",
    ):
        assert said in shown
        assert said.replace("'", "&#39;") in page
    # The unknown name is a column of the scores, which the model cannot find.
    row = next(row for row in evaluation["per_genre"] if row["genre"] == "Warfare")
    assert (row["train_films"], row["predicted"], row["f1"]) == (0, 0, 0)


def test_validation_of_other_names_is_told_and_of_none_refused(main, write, corpus):
    train, held_out = corpus.take(range(60)), corpus.take(range(60, 90))
    write("train.csv", train)
    write("lower.csv", lower(held_out))
    write("other.csv", held_out.with_targets([f"{g} 2" for g in held_out.genres], held_out.Y))
    files = ("train", "train.csv", "--validation")
    status, _, said = main(*files, "lower.csv", *TRAIN)
    assert status == 0
    assert said.startswith("plotgenre: warning: validation films: 4 names were read as another")
    assert "Traceback" not in said
    status, _, said = main(*files, "other.csv", *TRAIN)
    assert status == 2
    assert "none of the 30 films has a genre that the model knows, such as Comedy" in said
    assert "'Comedy 2'" in said


def test_films_on_both_sides_are_told(main, write, corpus):
    write("films.csv", corpus)
    status, shown, said = main(
        "train", "films.csv", "--validation", "films.csv", "--test", "films.csv", *TRAIN
    )
    assert status == 0
    assert "Of 90 films, 90 are train films too, 90 are validation films too" in shown
    assert "validation films: Of 90 films, 90 are train films too" in said


def test_a_one_hot_table_keeps_all_of_its_columns(main, corpus, tmp_path):
    wide = np.zeros((len(corpus), 356), dtype=int)
    wide[:, [7, 300, 100, 355]] = corpus.with_genres(["War", "Comedy", "Horror", "Romance"]).Y
    with (tmp_path / "wide.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows(zip(corpus.plots, *wide.T.tolist(), strict=True))
    status, shown, said = main("train", "wide.csv", *TRAIN[:2], "--set", "genres.minimum_films=0",
                               "-o", "run")  # fmt: skip
    assert status == 0, said
    assert ", 356 genres" in shown
    model = GenreClassifier.load(tmp_path / "run" / "model")
    assert list(model.classes_) == [f"genre_{j}" for j in range(356)]
    P = model.predict_proba(corpus.plots)
    assert P.shape == (90, 356)
    assert P[:, 7].std() > 0.1
    assert P[:, 8].std() < 1e-6
