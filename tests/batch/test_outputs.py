"""What a batch removes and replaces: its own files alone, and never on refusal."""

import json
import os
import shutil

import pytest

from plotgenre.batch.manifest import MANIFEST
from plotgenre.errors import BatchError, CorpusError

PLOT = "A ghost haunts the cellar of an old house."
ROW = json.dumps({"id": 1, "plot": PLOT}) + "\n"


def own_files(folder):
    """A file and a folder of somebody's in a folder, hidden ones too."""
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("main")
    (folder / ".part-00000-000000.jsonl-x").mkdir()
    (folder / "summary.csv").write_text("my,notes\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "part-00000-000000.jsonl").write_text("mine\n")


# ------------------------------------------------ output and inputs in each other


@pytest.fixture
def films_in(tmp_path):
    """A folder ``in`` with a table, and a file beside it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text(ROW)
    (tmp_path / "one.jsonl").write_text(ROW)
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "linked.jsonl").symlink_to("one.jsonl")
    (tmp_path / "hard.jsonl").hardlink_to(tmp_path / "one.jsonl")
    (tmp_path / "made.jsonl.parts").mkdir()
    (tmp_path / "made.jsonl.parts" / "a.jsonl").write_text(ROW)
    return tmp_path


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("one.jsonl", "one.jsonl"),
        ("one.jsonl", "./one.jsonl"),
        ("one.jsonl", "new/../one.jsonl"),
        ("one.jsonl", "linked.jsonl"),
        ("linked.jsonl", "one.jsonl"),
        ("one.jsonl", "hard.jsonl"),
        ("*.jsonl", "one.jsonl"),
        ("in", "in"),
        ("in", "link"),
        ("link", "in/out.jsonl"),
        ("in", "in/new/out"),
        ("in", "link/new/../out.csv"),
        ("in/a.jsonl", "in"),
        ("in/*.jsonl", "link"),
        ("made.jsonl.parts", "made.jsonl"),
        ("made.jsonl.parts/a.jsonl", "made.jsonl"),
    ],
)
def test_the_output_is_no_input_and_lies_in_none(batch, contents, films_in, source, output, force):
    before = contents(films_in)
    with pytest.raises(BatchError, match=r"expected (it|the output) elsewhere"):
        batch([f"{films_in}/{source}"], f"{films_in}/{output}", force=force)
    assert contents(films_in) == before


def test_addresses_are_compared_as_paths_are(batch, contents, films_in):
    before = contents(films_in)
    for source, output in [("in", "in"), ("in", "in/out"), ("in/a.jsonl", "link")]:
        for one in (f"{films_in}/{source}", f"{films_in.as_uri()}/{source}"):
            with pytest.raises(BatchError, match="elsewhere"):
                batch([one], f"{films_in.as_uri()}/{output}")
    assert contents(films_in) == before


def test_capitals_do_not_matter_where_the_filesystem_says_so(batch, contents, tmp_path):
    (tmp_path / "films.jsonl").write_text(ROW)
    if not (tmp_path / "FILMS.jsonl").exists():
        pytest.skip("capitals matter on this filesystem")
    with pytest.raises(BatchError, match="elsewhere"):
        batch([tmp_path / "films.jsonl"], tmp_path / "FILMS.jsonl", force=True)


def test_a_glob_passes_over_what_the_batch_has_written(batch, lines, tmp_path):
    (tmp_path / "a.jsonl").write_text(ROW)
    (tmp_path / "broken.jsonl").write_text('{"title": "no plot"}\n')
    out = tmp_path / "out.jsonl"
    assert len(batch([tmp_path / "*.json*"], out).unreadable) == 1
    # The output stands beside the inputs now, and its parts wait for the broken one.
    (tmp_path / "broken.jsonl").write_text(ROW)
    assert batch([tmp_path / "*.json*"], out).tagged == 1
    assert len(lines(out)) == 2
    assert batch([tmp_path / "*.json*"], out, resume=True).tagged == 0
    batch([tmp_path / "*.jsonl"], tmp_path / "parts")
    with pytest.raises(CorpusError, match="is all that there is to read, and is the output"):
        batch([tmp_path / "parts" / "*"], tmp_path / "parts")


# ------------------------------------------------------------- what is not its own


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_another_file_of_the_name_is_replaced_with_force_alone(batch, contents, table, name):
    out = table.with_name(name)
    out.write_text("precious\n")
    table.with_name("link.csv").symlink_to(out)
    before = contents(table.parent)
    for options in ({}, {"resume": True}):
        for place in (out, table.with_name("link.csv")):
            if place.suffix != out.suffix:
                continue
            with pytest.raises(BatchError, match="is not what this batch has written; expected"):
                batch([table], place, **options)
        assert contents(table.parent) == before
    assert batch([table], out, force=True).tagged == 120
    assert set(contents(table.parent)) == {*before, f"_{name}.manifest.json"}
    assert batch([table], out, resume=True).tagged == 0


def test_a_file_that_comes_while_the_batch_runs_is_not_replaced(batch, table, tmp_path):
    out = tmp_path / "out.jsonl"

    def arrives(_):
        out.write_text("precious\n")

    with pytest.raises(BatchError, match="is not what this batch has written"):
        batch([table], out, listener=arrives)
    assert out.read_text() == "precious\n"
    assert batch([table], out, force=True).tagged == 0
    assert len(out.read_text().splitlines()) == 120


def test_folders_without_a_manifest_and_files_are_left_alone(batch, contents, table, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    own_files(folder)
    (tmp_path / "out.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "x.csv.parts").mkdir()
    (tmp_path / "x.csv.parts" / "letter.txt").write_text("dear")
    before = contents(tmp_path)
    for output, sentence in {
        "mine": r"mine holds sub and no manifest",
        "x.csv": r"x\.csv\.parts holds letter\.txt and no manifest",
        "pipe.csv": r"pipe\.csv is no regular file",
        "out.csv": r"out\.csv is a folder; expected a file",
        "mine/.git/HEAD": "HEAD is a file; expected a folder",
    }.items():
        with pytest.raises(BatchError, match=sentence):
            batch([table], tmp_path / output)
        assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ("{}", "is no manifest of a batch"),
        ("[1]", "is no manifest of a batch"),
        ('{"format": 1}', "has format 1; expected 2, or another name"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_is_called_like_a_manifest_is_left_alone(
    batch, contents, table, tmp_path, manifest, sentence, force
):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MANIFEST).write_text(manifest)
    (tmp_path / "_out.csv.manifest.json").write_text(manifest)
    before = contents(tmp_path)
    for output in ("out", "out.csv"):
        with pytest.raises(BatchError, match=sentence):
            batch([table], tmp_path / output, force=force)
    assert contents(tmp_path) == before


def test_force_writes_into_a_folder_and_leaves_what_is_there(batch, lines, contents, table):
    folder = table.with_name("mine")
    folder.mkdir()
    own_files(folder)
    (folder / "part-00000-000001.jsonl").write_text("replaced\n")
    before = contents(folder)
    del before["part-00000-000001.jsonl"]
    batch([table], folder, rows_per_part=50, force=True)
    assert before.items() < contents(folder).items()
    assert len(lines(folder)) == 120


def test_own_files_in_an_output_stay_whatever_comes(batch, contents, table, stopped_after):
    out = table.with_name("out")
    with pytest.raises(KeyboardInterrupt):
        batch([table], out, rows_per_part=50, engine=stopped_after(1))
    own_files(out)
    before = {name: data for name, data in contents(out).items() if "_manifest" not in name}
    batch([table], out, rows_per_part=50)
    assert before.items() < contents(out).items()
    before = contents(out)
    with pytest.raises(BatchError, match="complete already"):
        batch([table], out, rows_per_part=50)
    assert contents(out) == before
    batch([table], out, rows_per_part=50, resume=True)
    assert contents(out) == before
    batch([table], out, rows_per_part=60, force=True)
    assert (out / "summary.csv").exists()
    assert sorted(path.name for path in out.glob("part-*")) == [
        "part-00000-000000.jsonl",
        "part-00000-000001.jsonl",
    ]


def test_own_files_among_the_parts_of_a_file_stay(batch, table, stopped_after):
    out = table.with_name("out.jsonl")
    parts = table.with_name("out.jsonl.parts")
    with pytest.raises(KeyboardInterrupt):
        batch([table], out, rows_per_part=50, engine=stopped_after(1))
    (parts / "notes.txt").write_text("mine")
    batch([table], out, rows_per_part=50)
    assert [path.name for path in parts.iterdir()] == ["notes.txt"]


def test_a_stray_part_is_told_not_removed(batch, table):
    out = table.with_name("out")
    batch([table], out, rows_per_part=50)
    (out / "part-00000-000001.jsonl").unlink()
    (out / "part-00000-000009.jsonl").write_text("mine\n")
    with pytest.raises(BatchError, match=r"holds part-00000-000009\.jsonl, which would be read as"):
        batch([table], out, rows_per_part=50)
    assert (out / "part-00000-000009.jsonl").read_text() == "mine\n"


# ---------------------------------------------------- parts lost, cut and changed


@pytest.mark.parametrize("name", ["out", "out.jsonl"])
@pytest.mark.parametrize("complete", [False, True])
def test_parts_lost_or_cut_are_made_again(batch, contents, table, stopped_after, name, complete):
    out, whole = table.with_name(name), table.with_name("whole")
    batch([table], whole, rows_per_part=25)
    parts = out if name == "out" else table.with_name("out.jsonl.parts")
    if complete and name == "out":
        batch([table], out, rows_per_part=25)
    else:
        with pytest.raises(KeyboardInterrupt):
            batch([table], out, rows_per_part=25, engine=stopped_after(4))
    (parts / "part-00000-000000.jsonl").unlink()
    for number, size in ((1, 0), (2, 77)):
        os.truncate(parts / f"part-00000-00000{number}.jsonl", size)
    assert batch([table], out, rows_per_part=25, resume=True).rows == 120
    made = b"".join(path.read_bytes() for path in sorted(whole.glob("part-*")))
    found = sorted(out.glob("part-*")) if name == "out" else [out]
    assert b"".join(path.read_bytes() for path in found) == made


def test_a_part_that_somebody_changed_is_made_again_with_force_alone(batch, table):
    out, whole = table.with_name("out"), table.with_name("whole")
    batch([table], whole, rows_per_part=25)
    part = out / "part-00000-000001.jsonl"
    original = (whole / part.name).read_bytes()
    for changed in (original + b"more\n", b"x" + original[1:], original[1:]):
        batch([table], out, rows_per_part=25, resume=True)
        part.write_bytes(changed)
        # However often it is asked: the manifest goes on to know what was there.
        for _ in range(2):
            with pytest.raises(BatchError, match=r"000001\.jsonl was changed after it was written"):
                batch([table], out, rows_per_part=25, resume=True)
            assert part.read_bytes() == changed
        assert batch([table], out, rows_per_part=25, force=True).tagged == 25
        assert part.read_bytes() == original


def test_a_changed_part_is_not_deleted_even_with_force(batch, table):
    out = table.with_name("out")
    batch([table], out, rows_per_part=25)
    part = out / "part-00000-000004.jsonl"
    part.write_text("mine\n")
    with pytest.raises(
        BatchError, match=r"holds part-00000-000004\.jsonl, .*expected it elsewhere"
    ):
        batch([table], out, rows_per_part=50, force=True)
    assert part.read_text() == "mine\n"
    part.rename(table.with_name("mine"))
    assert batch([table], out, rows_per_part=50, resume=True).tagged == 0


def test_a_part_changed_while_the_batch_runs_is_told(batch, table):
    for name in ("out", "out.jsonl"):
        parts = table.with_name("out.jsonl.parts" if name == "out.jsonl" else name)

        def change(progress, parts=parts):
            if progress.rows == 120:
                os.truncate(parts / "part-00000-000001.jsonl", 5)

        with pytest.raises(BatchError, match="was lost or changed after it was written"):
            batch([table], table.with_name(name), rows_per_part=50, listener=change)
        assert batch([table], table.with_name(name), rows_per_part=50).tagged == 50


# ------------------------------------------------------------ --resume and --force


@pytest.mark.parametrize("name", ["out", "out.jsonl", "out.parquet"])
def test_resume_is_content_with_the_same_alone(batch, contents, table, films, name):
    out = table.with_name(name)
    batch([table], out)
    other = table.with_name("other.csv")
    shutil.copyfile(table, other)
    before = contents(table.parent)
    assert batch([table], out, resume=True).tagged == 0
    for inputs, options, sentence in [
        ([other], {}, f"{table} is gone"),
        ([table], {"model": "standard"}, "the model is another one"),
        ([table], {"rows_per_part": 60}, "the rows per part was 10000, is 60"),
    ]:
        with pytest.raises(BatchError, match=f"begun differently: {sentence}"):
            batch(inputs, out, resume=True, **options)
        assert contents(table.parent) == before


@pytest.mark.parametrize("name", ["out", "out.jsonl"])
def test_force_makes_it_anew_and_goes_on_after_a_kill(batch, contents, table, stopped_after, name):
    out, other = table.with_name(name), table.with_name(f"other-{name}")
    batch([table], out, rows_per_part=25)
    batch([table], other, rows_per_part=50, model="standard")
    settings = {"rows_per_part": 50, "model": "standard", "force": True}
    with pytest.raises(KeyboardInterrupt):
        batch([table], out, engine=stopped_after(1), **settings)
    assert out.exists()
    assert batch([table], out, **settings).tagged == 70

    def rows(place):
        files = sorted(place.glob("part-*")) if place.is_dir() else [place]
        return [path.read_bytes() for path in files]

    assert rows(out) == rows(other)
    assert not out.with_name(f"{name}.parts").exists()


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_file_whose_manifest_no_longer_fits(batch, table, change):
    out = table.with_name("out.jsonl")
    batch([table], out)
    data = out.read_bytes()
    if change == "gone":
        out.unlink()
        assert batch([table], out).tagged == 120
    else:
        out.write_bytes(data + b"{}\n")
        with pytest.raises(BatchError, match="is not what this batch has written"):
            batch([table], out, resume=True)
        assert batch([table], out, force=True).tagged == 120
    assert out.read_bytes() == data


def test_a_kill_between_two_files_of_one_batch(batch, lines, table, tmp_path, monkeypatch):
    """The first is without an input that could not be read; it is not taken for somebody else's."""
    out, late = tmp_path / "out.jsonl", tmp_path / "late.csv"
    late.write_text("id,text2\n1,x\n")
    assert batch([table, late], out).unreadable
    late.write_text(f"id,plot\n1,{PLOT}\n")
    replace = type(out).replace

    def killed(path, target):
        if target == out:
            raise KeyboardInterrupt
        return replace(path, target)

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(type(out), "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                batch([table, late], out)
        assert len(lines(out)) == 120
    batch([table, late], out)
    assert len(lines(out)) == 121
    assert not tmp_path.joinpath("out.jsonl.parts").exists()
