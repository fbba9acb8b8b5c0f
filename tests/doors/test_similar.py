"""The similar command as a shell sees it."""

import csv
import json
import shutil
from functools import partial

import pytest


@pytest.fixture
def room(tmp_path, film_lists, saved_model):
    with (tmp_path / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "plot", "title", "year"])
        for i, plot in enumerate(film_lists[0]):
            writer.writerow([f"f{i}", plot, f"Film [{i}]", 1900 + i])
    shutil.copytree(saved_model, tmp_path / "model")
    return tmp_path


@pytest.fixture
def main(main, room):
    return partial(main, "similar")


def test_by_id_then_by_plot_from_the_kept_index(room, main, film_lists):
    status, out, err = main("films.csv", "-m", "model", "--id", "f5", "-k", "3", "--json")
    assert status == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [list(row) for row in rows] == [["id", "title", "year", "likeness", "genres"]] * 3
    assert "f5" not in {row["id"] for row in rows}
    assert rows[0]["title"] == f"Film [{rows[0]['id'][1:]}]"
    assert rows[0]["year"] == 1900 + int(rows[0]["id"][1:])
    (index,) = (room / "cache" / "plotgenre" / "similar").iterdir()
    written = index.stat().st_mtime_ns
    status, out, err = main("films.csv", "-m", "model", "--plot", film_lists[0][7], "-k", "1")
    assert status == 0, err
    assert "Film [7]" in out
    assert "1.000" in out
    assert index.stat().st_mtime_ns == written


def test_an_index_of_other_films_is_refused(room, main):
    arguments = ("-m", "model", "--id", "f5", "--index", "mine.safetensors")
    assert main("films.csv", *arguments)[0] == 0
    lines = (room / "films.csv").read_text().splitlines()
    (room / "fewer.csv").write_text("\n".join(lines[:50]) + "\n")
    status, out, err = main("fewer.csv", *arguments)
    assert (status, out) == (2, "")
    assert err == (
        "plotgenre: mine.safetensors is an index of other films; delete it or name another file\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("-m model", "give either --plot or --id"),
        ("-m model --id f5 --plot ghost", "give either --plot or --id"),
        ("-m model --id nobody", "no film has the id 'nobody'"),
        ("-m model --id f5 -k 0", "Invalid value for '-k'"),
        ("-m nothing/here --id f5", "nothing/here"),
    ],
)
def test_errors_are_one_sentence(main, arguments, sentence):
    status, out, err = main("films.csv", *arguments.split())
    assert (status, out) == (2, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("plotgenre: ")
    assert sentence in err
