"""JSON files with a digest: no change of their content goes unseen, and strange ones end soon."""

import json
import os

import pytest

from plotgenre.json_files import read_json, write_digested

CONTENT = {"numbers": [1, 0.5, 1e-300], "é": {"deep": [None, True, ""]}, "order": {}}


@pytest.fixture
def file(tmp_path):
    write_digested(tmp_path / "file.json", CONTENT)
    return tmp_path / "file.json"


def test_what_is_written_is_read(file):
    told = read_json(file)
    assert {key: told[key] for key in CONTENT} == CONTENT
    before = file.read_bytes()
    write_digested(file, told)
    assert file.read_bytes() == before


def test_a_change_of_layout_is_none(file):
    file.write_text(json.dumps(json.loads(file.read_text())))
    assert read_json(file)["numbers"] == [1, 0.5, 1e-300]


@pytest.mark.parametrize("change", [("0.5", "0.25"), ("é", "è"), ("true", "false"), ("1,", "1.0,")])
def test_a_change_of_content_is_refused(file, change):
    file.write_text(file.read_text().replace(*change, 1))
    with pytest.raises(ValueError, match="it was changed since it was written"):
        read_json(file)


def test_without_a_digest_it_is_that_of_an_earlier_version(file):
    told = json.loads(file.read_text())
    del told["content_sha256"]
    file.write_text(json.dumps(told | {"numbers": []}))
    assert read_json(file)["numbers"] == []


@pytest.mark.parametrize("levels", [101, 2000, 200_000])
def test_deep_nesting_is_one_sentence(file, levels):
    file.write_text("[" * levels + "]" * levels)
    with pytest.raises(ValueError, match="nested too deep; expected at most 100 levels"):
        read_json(file)


def test_what_is_no_file_is_not_waited_for(file):
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ValueError, match="no regular file"):
        read_json(file)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read_json(file)
    with file.open("wb") as sparse:
        sparse.truncate(300 * 2**20)
    with pytest.raises(ValueError, match="expected at most"):
        read_json(file)
