"""The benchmark's own arithmetic and file format; none of the contenders' libraries is needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
METRIC_NAMES = {
    "micro_f1",
    "samples_f1",
    "macro_f1_supported",
    "macro_average_precision_50",
    "micro_average_precision",
    "top20_micro_f1",
    "top20_macro_f1",
    "second_cataloguer_micro_f1",
    "expected_calibration_error",
}


@pytest.fixture(scope="module")
def yardsticks() -> ModuleType:
    import yardsticks

    return yardsticks


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for side, films in (("train", 60), ("validation", 20), ("test", 20)):
        genres = [["Drama", *(["Comedy"] if i % 3 == 0 else [])] for i in range(films)]
        table = pa.table(
            {
                "id": [f"{side}-{i}" for i in range(films)],
                "plot": [f"A tale told {x:.9f} times." for x in rng.random(films)],
                "genres": genres,
                "tmdb_genres": [["Funny"] if i % 3 == 0 else None for i in range(films)],
            }
        )
        pq.write_table(table, folder / f"{side}.parquet")
    mapping = {"tmdb_to_freebase": {"Funny": ["Comedy"], "Serious": ["Drama"]}}
    (folder / "tmdb_to_freebase_genres.json").write_text(json.dumps(mapping))
    return folder


@pytest.fixture(scope="module")
def quality(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quality file of the prior and of a contender that cannot run."""
    import quality
    from contenders import child

    room = tmp_path_factory.mktemp("quality")
    prior, absent = (quality.folder_of(room, name) for name in ("prior", "setfit"))
    prior.mkdir()
    absent.mkdir()
    result = child.measure("prior", child.Split.read(data), None, prior)
    (prior / "result.json").write_text(json.dumps(result))
    (absent / "unavailable.json").write_text(json.dumps({"name": "setfit", "reason": "absent"}))
    quality.write(data, room, room / "quality-2000-01-01.json")
    return room / "quality-2000-01-01.json"


def test_the_quality_file_has_the_agreed_form(quality: Path) -> None:
    found = json.loads(quality.read_text())
    (prior,) = found["contenders"]
    assert prior["name"] == "prior"
    assert set(prior["metrics"]) == METRIC_NAMES
    assert all(isinstance(metric["value"], float) for metric in prior["metrics"].values())
    # 20 test films are too few for an interval of ours; the second cataloguer's is its own.
    second = prior["metrics"].pop("second_cataloguer_micro_f1")
    noise = 1e-9
    assert second["low"] - noise <= second["value"] <= second["high"] + noise
    assert {metric["low"] for metric in prior["metrics"].values()} == {None}
    costs = ("fit_seconds", "plots_per_second", "peak_mb", "artefact_mb")
    assert all(isinstance(prior[cost], float) for cost in costs)
    assert found["unavailable"] == [{"name": "setfit", "reason": "absent"}]
    assert found["split"]["genres_with_test_film"] == 2


def test_the_prior_tags_every_film_with_the_commonest_genre(quality: Path) -> None:
    prior = json.loads(quality.read_text())["contenders"][0]["metrics"]
    # All 20 test films are dramas, 7 of them comedies: with Drama alone 2*20 / (20 + 27), with
    # both 2*27 / (40 + 27), which is less.
    assert prior["micro_f1"]["value"] == pytest.approx(40 / 47)


def test_the_second_cataloguer_is_scored_on_its_films_in_its_words(quality: Path) -> None:
    found = json.loads(quality.read_text())
    # Seven films have TMDB genres, each Funny; Freebase says Funny and Serious of each.
    agreement = found["second_cataloguer"]
    assert agreement["films"] == 7
    assert agreement["tmdb_against_freebase_micro_f1"]["value"] == pytest.approx(2 / 3)
    ours = found["contenders"][0]["metrics"]["second_cataloguer_micro_f1"]
    assert ours["value"] == pytest.approx(2 / 3)


def test_the_table_names_what_is_unavailable(quality: Path) -> None:
    text = quality.with_suffix(".md").read_text()
    assert "| prior | 0.851 | " in text
    assert "**setfit**: absent" in text


def test_a_row_from_another_machine_says_so() -> None:
    from quality_table import with_machine

    quality = {"machine": {"cpu": "EPYC"}}
    row = {"name": "prior", "notes": "shares"}
    assert with_machine(row, quality) == row
    assert with_machine(row | {"cpu": "EPYC"}, quality)["notes"] == "shares"
    notes = with_machine(row | {"cpu": "Xeon"}, quality)["notes"]
    assert notes == "shares; timed on another machine, Xeon"


def test_coarse_maps_any_of_the_names(yardsticks: ModuleType) -> None:
    mapping = {"Comedy": ["Comedy film", "Parody"], "War": ["War film"]}
    assert yardsticks.coarse(["Parody", "Noir"], mapping) == [True, False]


def test_every_contender_names_a_file() -> None:
    from contenders import CONTENDERS

    files = {path.stem for path in (BENCHMARKS / "contenders").glob("*.py")}
    assert {entry.module for entry in CONTENDERS.values()} <= files


def test_a_recipe_as_good_as_the_best_peer_is_level(data: Path, quality: Path) -> None:
    import quality as command

    twin = command.folder_of(quality.parent, "plotgenre mixed")
    shutil.copytree(command.folder_of(quality.parent, "prior"), twin)
    result = json.loads((twin / "result.json").read_text()) | {"name": "plotgenre mixed"}
    (twin / "result.json").write_text(json.dumps(result))
    out = quality.with_name("both.json")
    command.write(data, quality.parent, out)
    shutil.rmtree(twin)
    pairs = json.loads(out.read_text())["ours_less_best_peer"]
    assert set(pairs) == METRIC_NAMES
    assert {p["difference"]["value"] for p in pairs.values()} == {0}
    row = "| micro-F1 | plotgenre mixed | prior | +0.000 | level |"
    assert row in out.with_suffix(".md").read_text()


def test_a_result_outlives_its_run_in_the_quality_file(
    data: Path, quality: Path, tmp_path: Path
) -> None:
    import quality as command

    out = tmp_path / "quality.json"
    out.write_text(quality.read_text())
    command.write(data, tmp_path / "no runs", out)
    assert json.loads(out.read_text()) == json.loads(quality.read_text())
    # What ran later takes the place of what the file says, also where it could not run this time.
    folder = command.folder_of(tmp_path / "runs", "prior")
    folder.mkdir(parents=True)
    (folder / "unavailable.json").write_text(json.dumps({"name": "prior", "reason": "gone"}))
    command.write(data, tmp_path / "runs", out)
    found = json.loads(out.read_text())
    assert not found["contenders"]
    assert [one["name"] for one in found["unavailable"]] == ["prior", "setfit"]


def test_installed_sizes_are_measured_anew_when_asked(data: Path, quality: Path) -> None:
    import quality as command

    def size(**options: bool) -> float:
        command.write(data, out.parent / "no runs", out, **options)
        return json.loads(out.read_text())["contenders"][0]["installed_mb"]

    out = quality.with_name("sizes.json")
    stale = json.loads(quality.read_text())
    measured, stale["contenders"][0]["installed_mb"] = stale["contenders"][0]["installed_mb"], 1e9
    out.write_text(json.dumps(stale))
    assert size() == 1e9
    assert size(sizes=True) == measured


def test_a_difference_outlives_its_runs_but_not_another_run(tmp_path: Path) -> None:
    import quality as command

    out = tmp_path / "quality.json"
    metrics = {"micro_f1": {"value": 0.5}}
    contenders = [
        {"name": name, "metrics": metrics, "finished": at}
        for name, at in (("plotgenre mixed", 1), ("prior", 2))
    ]
    pair = {"ours": "plotgenre mixed", "peer": "prior", "finished": [1, 2], "difference": "known"}
    out.write_text(json.dumps({"ours_less_best_peer": {"micro_f1": pair}}))
    assert command.paired(None, contenders, tmp_path, out) == {"micro_f1": pair}
    contenders[1]["finished"] = 3
    assert command.paired(None, contenders, tmp_path, out)["micro_f1"]["difference"] is None


@pytest.mark.parametrize(
    ("metric", "gap", "word"),
    [
        ("micro_f1", 0.1, "ahead"),
        ("micro_f1", -0.1, "behind"),
        ("expected_calibration_error", -0.1, "ahead"),
        ("expected_calibration_error", 0.1, "behind"),
    ],
)
def test_ahead_is_less_of_an_error_and_more_of_all_else(metric: str, gap: float, word: str) -> None:
    from quality_table import verdict

    assert verdict(metric, gap, {"value": gap, "low": gap - 0.01, "high": gap + 0.01}) == word
    assert verdict(metric, gap, {"value": gap, "low": -0.2, "high": 0.2}) == "level"
    assert verdict(metric, gap, {"value": gap, "low": None, "high": None}) == "–"


def test_standing_takes_the_smallest_calibration_error() -> None:
    from quality_table import standing

    names = ("plotgenre a", "plotgenre b", "c", "d")
    contenders = [
        {"name": name, "metrics": {"expected_calibration_error": {"value": value}}}
        for name, value in zip(names, (0.1, 0.2, 0.3, 0.4), strict=True)
    ]
    ours, peer = standing(contenders)["expected_calibration_error"]
    assert (ours["name"], peer["name"]) == ("plotgenre a", "c")


def test_a_recipe_that_adapts_reads_the_packages_encoder() -> None:
    from contenders.ours import make

    adapted, frozen = make("best", None), make("mixed", None)
    settings = adapted.model.settings()
    assert not settings.branches.adapted
    assert (Path(settings.encoder.name) / "model.onnx").is_file()
    # Hours of another session, not seconds of this one.
    assert adapted.scaled_seconds > 3600
    assert frozen.scaled_seconds == 0
