"""Whole files and folders: killed anywhere, the older or the newer one is there, and no rubbish."""

import os
import subprocess
import sys

import pytest

from plotgenre import whole_files
from plotgenre.whole_files import (
    put_back,
    remove_unfinished,
    whole_file,
    whole_folder,
    write_whole,
)

# Forks a writer for every event of the interpreter (open, rename, mkdir, ...) and every fsync, and
# has it end there as `kill -9` would end it.
KILLS = """
import os, sys
from pathlib import Path
from plotgenre import whole_files

room, kind, exchange = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "exchange"
place, parts = room / "place", ("one", "inner/two")

def write(text):
    if kind == "file":
        whole_files.write_whole(place, text.encode() * 5)
        return
    with whole_files.whole_folder(place) as new:
        for name in parts:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text * 5)

def read():
    if kind == "file":
        return place.read_text()
    found = {(place / name).read_text() for name in parts}
    assert len(found) == 1, found
    return found.pop()

if not exchange:
    whole_files._exchange = lambda new, folder: False

def count(*_):
    global left
    left -= 1
    if left == 0:
        os._exit(9)

def killed(at):
    global left
    left = at
    os.fsync = count
    sys.addaudithook(count)
    write("newer")
    os._exit(0)

# A kill loses nothing that was written; that a disk is waited for is of no interest here.
os.fsync = lambda file: None
at, seen = 0, set()
while True:
    at += 1
    write("older")
    assert os.listdir(room) == ["place"], os.listdir(room)
    child = os.fork()
    if child == 0:
        killed(at)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not exchange:
        whole_files.put_back(place)
    assert read() in ("older" * 5, "newer" * 5), at
    seen.add(read()[:5])
    if status == 0:
        break
    assert status == 9, status
print(at, *sorted(seen))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="exchanges folders as Linux does")
@pytest.mark.parametrize(
    ("kind", "way"), [("file", "exchange"), ("folder", "exchange"), ("folder", "renames")]
)
def test_a_kill_anywhere_leaves_the_older_or_the_newer_one(tmp_path, kind, way):
    command = [sys.executable, "-c", KILLS, str(tmp_path), kind, way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kills, *seen = done.stdout.split()
    assert int(kills) > 10
    assert seen == ["newer", "older"]


@pytest.mark.parametrize("exchanged", [True, False])
@pytest.mark.parametrize("failing", ["fsync", "rename", "replace"])
def test_a_failure_leaves_the_older_one(tmp_path, monkeypatch, failing, exchanged):
    """Any of the calls may fail, as on a disk that is full or gone; it is said, and undone."""
    write_whole(tmp_path / "file", b"older")
    folder = tmp_path / "folder"
    with whole_folder(folder) as new:
        new.mkdir()
        (new / "one").write_text("older")
    if not exchanged:
        monkeypatch.setattr(whole_files, "_exchange", lambda new, folder: False)
    real, calls = getattr(os, failing), []

    def fails_at(number):
        calls.clear()

        def call(*arguments, **named):
            calls.append(arguments)
            if len(calls) == number:
                raise OSError(28, "No space left on device")
            return real(*arguments, **named)

        return call

    for number in range(1, 9):
        monkeypatch.setattr(os, failing, fails_at(number))
        failed = False
        try:
            with whole_folder(folder) as new:
                new.mkdir()
                (new / "one").write_text("newer")
            write_whole(tmp_path / "file", b"newer")
        except OSError as full:
            failed = "No space" in str(full)
        monkeypatch.setattr(os, failing, real)
        assert (folder / "one").read_text() in ("older", "newer")
        assert (tmp_path / "file").read_bytes() in (b"older", b"newer")
        assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}
        if len(calls) < number:
            break
    assert len(calls) < number
    assert not failed
    assert (tmp_path / "file").read_bytes() == b"newer"


def test_folders_above_are_made_and_rubbish_is_removed(tmp_path):
    with whole_file(tmp_path / "a" / "b" / "file") as new:
        new.with_name("beside").mkdir()
        (new.with_name("beside") / "more").write_text("rubbish")
        new.write_text("text")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_a_block_that_raises_writes_nothing(tmp_path):
    for whole in (whole_file, whole_folder):
        stopped = whole(tmp_path / "place")
        stopped.__enter__().mkdir()
        with pytest.raises(KeyboardInterrupt):
            stopped.gen.throw(KeyboardInterrupt())
    assert not list(tmp_path.iterdir())


def test_a_link_is_followed_and_permissions_stay(tmp_path):
    (tmp_path / "real").mkdir()
    file, folder = tmp_path / "real" / "file", tmp_path / "real" / "folder"
    file.write_text("older")
    file.chmod(0o600)
    folder.mkdir()
    for name in ("file", "folder"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    write_whole(tmp_path / "file", b"newer")
    with whole_folder(tmp_path / "folder") as new:
        new.mkdir()
        (new / "one").write_text("newer")
    assert (tmp_path / "file").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert (file.read_text(), (folder / "one").read_text()) == ("newer", "newer")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_pipe_and_a_stream_are_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", b"text")
    assert os.read(reader, 9) == b"text"
    os.close(reader)
    code = (
        "from pathlib import Path; from plotgenre.whole_files import write_whole\n"
        "print('before', flush=True); write_whole(Path('/dev/stdout'), b'text')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"before\ntext"


def test_the_longest_name_can_be_written(tmp_path):
    write_whole(tmp_path / ("a" * 255), b"text")
    assert (tmp_path / ("a" * 255)).read_bytes() == b"text"


def test_writers_of_one_place_do_not_wait_for_each_other(tmp_path):
    """Nor does one remove what another writes, or a sweep."""
    with whole_file(tmp_path / "place") as first:
        first.write_text("first")
        write_whole(tmp_path / "place", b"second")
        remove_unfinished(tmp_path)
        assert first.read_text() == "first"
        assert (tmp_path / "place").read_bytes() == b"second"
    assert (tmp_path / "place").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_what_a_killed_writer_left_is_swept(tmp_path):
    (tmp_path / ".file.unfinished").mkdir()
    (tmp_path / ".file.unfinished" / "new").write_text("half")
    (tmp_path / ".notes").write_text("mine")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".notes"]


def test_a_link_in_the_room_s_place_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("mine")
    (tmp_path / ".file.unfinished").symlink_to(tmp_path / "mine")
    write_whole(tmp_path / "file", b"text")
    assert (tmp_path / "mine" / "thesis").read_text() == "mine"
    assert (tmp_path / "file").read_bytes() == b"text"


def test_a_folder_that_was_renamed_and_not_replaced_is_put_back(tmp_path):
    (tmp_path / ".model.older").mkdir()
    put_back(tmp_path / "model")
    put_back(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
