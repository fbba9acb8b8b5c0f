"""Paths and addresses: the same batch from and to a filesystem that pyarrow opens."""

import pytest

from plotgenre.batch.storage import (
    LocalFolder,
    below,
    folder_at,
    lineage,
    local_path,
    open_file,
    opened,
    unfinished_name,
)
from plotgenre.errors import BatchError, CorpusError, InputError

PLOT = "A ghost haunts the cellar of an old house."


@pytest.fixture
def far(tmp_path):
    """A folder with two tables, and its address."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.csv").write_text(f"id,plot\n{name}1,{PLOT}\n{name}2,\n")
    (tmp_path / "in" / "notes.txt").write_text("no films")
    return tmp_path.as_uri()


@pytest.fixture(params=["path", "address"])
def folder(request, tmp_path):
    return folder_at(str(tmp_path / "x") if request.param == "path" else f"{tmp_path.as_uri()}/x/")


def test_a_folder_of_whole_files(folder, tmp_path):
    assert folder.sizes() == {}
    assert folder.read("a") is None
    folder.write("a", b"1")
    folder.write("a", b"23")
    folder.write("b", b"")
    assert folder.sizes() == {"a": 2, "b": 0}
    assert folder.read("a") == b"23"
    folder.remove("b")
    folder.remove("b")
    assert folder.read("b") is None
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a"]


def test_what_a_killed_writer_left_goes_and_nothing_else_that_is_hidden(folder, tmp_path):
    folder.write("a", b"1")
    room = tmp_path / "x"
    (room / unfinished_name()).write_bytes(b"half")
    (room / ".plotgenre-notes").write_text("mine")
    (room / ".git").mkdir()
    (room / unfinished_name()).mkdir()
    assert folder.sizes() == {"a": 1}
    folder.tidy()
    left = {path.name for path in room.iterdir()}
    assert {"a", ".plotgenre-notes", ".git"} < left
    assert len(left) == 4


def test_a_write_that_fails_leaves_the_older_file(folder, tmp_path, monkeypatch):
    folder.write("a", b"1")

    def refused(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", refused)
    if isinstance(folder, LocalFolder):
        with pytest.raises(OSError, match="disk is full"):
            folder.write("a", b"2")
        assert [path.name for path in (tmp_path / "x").iterdir()] == ["a"]
    assert folder.read("a") == b"1"


def test_one_place_has_one_identity_however_it_is_spelled(tmp_path):
    place = tmp_path / "in" / "a.csv"
    place.parent.mkdir()
    place.write_text("x")
    (tmp_path / "link.csv").symlink_to(place)
    (tmp_path / "hard.csv").hardlink_to(place)
    (tmp_path / "folder").symlink_to(place.parent)
    spelled = ["in/a.csv", "in/../in/./a.csv", "new/../in/a.csv", "link.csv", "folder/a.csv"]
    for one in spelled:
        assert lineage(f"{tmp_path}/{one}") == lineage(str(place)), one
        assert local_path(f"{tmp_path}/{one}") == place
    assert lineage(f"{tmp_path}/hard.csv")[0] == lineage(str(place))[0]
    assert lineage(place.as_uri()) == lineage(str(place))
    assert lineage(str(place))[1] == lineage(str(tmp_path / "in"))[0]
    assert lineage(str(tmp_path / "in" / "b.csv"))[0] != lineage(str(place))[0]


def test_addresses_lie_in_each_other_too():
    films = lineage("s3://b/films/")[0]
    assert films in lineage("s3://b/films/2020/a.csv?region=x")
    assert films not in lineage("s3://b/films2/a.csv")
    assert films not in lineage("s3://b/films/a.csv?endpoint_override=localhost:9000")
    assert local_path("s3://b/films") is None


@pytest.mark.parametrize("inputs", [["in"], ["in/*.csv"], ["in/a.csv", "in/b.csv"]])
def test_a_batch_between_addresses(batch, lines, far, tmp_path, inputs):
    addresses = [f"{far}/{one}" for one in inputs]
    summary = batch(addresses, f"{far}/out", rows_per_part=1)
    assert (summary.rows, summary.errors) == (4, 2)
    rows = lines(tmp_path / "out")
    assert [row["id"] for row in rows] == ["a1", "a2", "b1", "b2"]
    assert rows[0]["genres"] == rows[2]["genres"] != []
    with pytest.raises(BatchError, match="complete already"):
        batch(addresses, f"{far}/out", rows_per_part=1)
    (tmp_path / "in" / "a.csv").write_text("id,plot\n")
    with pytest.raises(BatchError, match=r"in/a\.csv has changed since"):
        batch(addresses, f"{far}/out", rows_per_part=1)


def test_bytes_are_read_by_address(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    with open_file(f"{tmp_path.as_uri()}/a") as file:
        assert file.peek(2)[:2] == b"12"
        assert file.read(3) + file.read() == b"12345"


def test_options_stay_behind_the_name():
    assert below("s3://b/in/", "a.csv") == "s3://b/in/a.csv"
    assert below("s3://b/in?scheme=http", "a.csv") == "s3://b/in/a.csv?scheme=http"


def test_refusals(batch, far, tmp_path):
    with pytest.raises(CorpusError, match=r"no table at .*nothing"):
        batch([f"{far}/nothing"], tmp_path / "out")
    with pytest.raises(BatchError, match="is a single file at an address"):
        batch([f"{far}/in"], f"{far}/out.csv")
    with pytest.raises(BatchError, match="is a single file at an address"):
        batch([f"{far}/in"], "s3://b/out.csv?scheme=http")
    with pytest.raises(InputError, match="nowhere://x cannot be opened"):
        opened("nowhere://x")
