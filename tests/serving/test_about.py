"""What is told of a model that comes with strange files for people."""

import json

import pytest

from plotgenre.errors import PlotgenreWarning
from plotgenre.serving.about import evaluation_of
from plotgenre.serving.settings import ServiceSettings

GENRE = {"genre": "War", "f1": 0.5}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def told(folder):
    return evaluation_of(ServiceSettings(model=str(folder)))[1]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "\ud800",
        "[" * 100_000,
        '["per_genre"]',
        '{"per_genre": 3}',
        '{"per_genre": [{"genre": []}], "films": 1}',
        '{"per_genre": [], "metrics": {"micro_f1": 1}, "films": 1}',
        '{"per_genre": [], "metrics": {}}',
    ],
)
def test_a_broken_evaluation_is_left_out_and_said(folder, text):
    (folder / "evaluation.json").write_text(text, errors="surrogatepass")
    with pytest.warns(PlotgenreWarning, match=r"evaluation\.json .*it is left out"):
        assert told(folder) == {}


def test_a_link_to_elsewhere_is_left_out_and_said(folder, tmp_path):
    whole = {"per_genre": [GENRE], "metrics": {}, "films": 3}
    (folder / "evaluation.json").write_text(json.dumps(whole))
    assert told(folder) == whole
    (folder / "evaluation.json").rename(tmp_path / "elsewhere.json")
    (folder / "evaluation.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.warns(PlotgenreWarning, match="a link to a file of somewhere else"):
        assert told(folder) == {}
    (folder / "evaluation.json").unlink()
    assert told(folder) == {}
