"""Paths and addresses: the same batch from and to a filesystem that pyarrow opens."""

import pytest

from plotgenre.batch.storage import LocalFolder, below, folder_at, open_file, opened
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
    assert folder.names() == set()
    folder.write("a", b"1")
    folder.write("a", b"2")
    folder.write("b", b"")
    assert folder.names() == {"a", "b"}
    with folder.open("a") as file:
        assert file.read() == b"2"
    folder.remove("b")
    folder.remove("b")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a"]
    with pytest.raises(OSError, match="b"):
        folder.open("b")


def test_what_a_killed_writer_left_goes(folder, tmp_path):
    folder.write("a", b"1")
    left = tmp_path / "x" / ".a-left"
    if isinstance(folder, LocalFolder):
        left.mkdir()
        (left / "a").write_bytes(b"half")
    else:
        left.write_bytes(b"half")
    assert folder.names() == {"a"}
    folder.tidy()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["a"]


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
