"""How the faithfulness of explanations is measured and shown."""

import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre import GenreClassifier, Recipe

HORROR = "The ghost discovers an old cellar in the house."
COMEDY = "Two strangers share a taxi in the morning, both of them."
NOTHING = "Nothing of note was ever seen at sea on that day."
PLOT = f"{NOTHING} {HORROR} {COMEDY}"


@pytest.fixture(scope="module")
def faithfulness() -> ModuleType:
    import faithfulness

    return faithfulness


@pytest.fixture(scope="module")
def words(film_lists) -> GenreClassifier:
    recipe = Recipe.load("lexical").with_settings(
        {"genres.minimum_films": 5, "split.validation": 0.25}
    )
    return GenreClassifier(recipe).fit(*film_lists)


@pytest.fixture(scope="module")
def both(film_lists, film_recipe) -> GenreClassifier:
    settings = {"branches.lexical": True, "calibration.method": "shared"}
    return GenreClassifier(film_recipe.with_settings(settings)).fit(*film_lists)


def test_drops_are_those_of_the_whole_model(faithfulness: ModuleType, words) -> None:
    (one,) = faithfulness.read(words, [(PLOT, 1)])
    logit = lambda plot: words.decision_function([plot])[0, 1]  # noqa: E731
    left = [f"{HORROR} {COMEDY}", f"{NOTHING} {COMEDY}", f"{NOTHING} {HORROR} "]
    drops = [logit(PLOT) - logit(plot) for plot in left]
    assert one.whole == pytest.approx(logit(PLOT), abs=1e-5)
    np.testing.assert_allclose(one.whole - one.left, drops, atol=1e-5)
    np.testing.assert_allclose(one.alone, [logit(s) for s in (NOTHING, HORROR, COMEDY)], atol=1e-5)
    (measured,) = faithfulness.weigh(words, [one], [1])
    assert measured.top == pytest.approx(drops[1], abs=1e-5)
    assert measured.other == pytest.approx((drops[0] + drops[2]) / 2, abs=1e-5)
    assert measured.beats == 1
    assert measured.alone == pytest.approx(
        logit(HORROR) - (logit(NOTHING) + logit(COMEDY)) / 2, abs=1e-5
    )
    elsewhere = logit(faithfulness.words_elsewhere(PLOT, one.places[1]))
    assert measured.elsewhere == pytest.approx(logit(PLOT) - elsewhere, abs=1e-5)
    (worst,) = faithfulness.weigh(words, [one], [2])
    assert worst.beats < 1


def test_every_way_finds_the_sentence_that_tells(faithfulness: ModuleType, words, both) -> None:
    ways = faithfulness.ways(words, faithfulness.read(words, [(PLOT, 1), (PLOT, 0)]))
    assert ways == {
        "leave-one-out": [1, 2],
        "sentence alone": [1, 2],
        "words' contributions": [1, 2],
    }
    ways = faithfulness.ways(both, faithfulness.read(both, [(PLOT, 1)]))
    assert list(ways) == [
        "leave-one-out", "sentence alone", "leave-one-out, semantic branch alone",
        "leave-one-out, lexical branch alone", "words' contributions",
    ]  # fmt: skip
    assert all(tops == [1] for tops in ways.values())


def test_films_without_a_true_predicted_genre_or_a_second_sentence_are_left_out(
    faithfulness: ModuleType, words
) -> None:
    ghosts = f"{HORROR} {NOTHING}"
    found = faithfulness.explicable(
        words, [ghosts, ghosts, HORROR], [["Horror", "War"], ["War"], ["Horror"]]
    )
    assert found == [(ghosts, 1)]


def test_as_many_words_are_cut_on_either_side_of_the_sentence(faithfulness: ModuleType) -> None:
    plot = "a b c. Top is here. d e f g"
    top = (7, 19)
    found = {faithfulness.words_elsewhere(plot, top, seed) for seed in range(60)}
    assert found == {
        "Top is here. d e f g",
        "a b c. Top is here. g",
        "a b c. Top is here. d ",
    }
    assert faithfulness.words_elsewhere("a b. Top is here. d", (5, 17)) is None
    random.seed(1)
    assert faithfulness.words_elsewhere(plot, top) == faithfulness.words_elsewhere(plot, top)


def test_the_command_prints_and_writes_its_table(
    faithfulness: ModuleType, words, film_lists, tmp_path: Path, monkeypatch, capsys
) -> None:
    words.save(tmp_path / "model")
    plots = [f"{NOTHING} {plot} {COMEDY}" for plot in film_lists[0][:40]]
    ids = [str(i) for i in range(40)]
    table = pa.table({"id": ids, "plot": plots, "genres": film_lists[1][:40]})
    pq.write_table(table, tmp_path / "test.parquet")
    page = tmp_path / "README.md"
    page.write_text("\n".join(["before", *faithfulness.MARKS, "after"]))
    monkeypatch.setattr(faithfulness, "README", page)
    monkeypatch.setattr(faithfulness, "CHUNK", 7)
    faithfulness.main([str(tmp_path / "model"), str(tmp_path), "--limit", "30", "--readme"])
    shown = capsys.readouterr().out
    assert "of 30 test films have a genre true and predicted" in shown
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| leave-one-out", "| sentence alone", "| words' contributions",
    ]  # fmt: skip
    # What leave-one-out chose by is no test of it; being telling alone is.
    cells = rows[2].split(" | ")
    assert [cell.rstrip(" |").endswith("\\*") for cell in cells] == [
        False, False, False, False, True, True, True, False,
    ]  # fmt: skip
    assert cells[6].startswith("100.0%")
    assert "100.0%" in page.read_text()


def test_means_and_intervals_by_hand(faithfulness: ModuleType) -> None:
    from faithfulness_table import cells

    films = [
        faithfulness.Measured(top=0.5, other=0.1, elsewhere=np.nan, beats=1.0, alone=1.0),
        faithfulness.Measured(top=0.3, other=0.1, elsewhere=0.2, beats=0.5, alone=1.0),
    ]
    top, other, elsewhere, less_other, less_elsewhere, beats, alone = cells("any", films)
    assert top.startswith("+0.400 (+0.30")
    assert other == "+0.100 (+0.100 to +0.100)"
    assert elsewhere == "+0.200 (+0.200 to +0.200)"
    assert less_other.startswith("+0.300 (")
    assert less_elsewhere == "+0.100 (+0.100 to +0.100)"
    assert beats.startswith("75.0% (")
    assert alone == "+1.000 (+1.000 to +1.000)"
