"""Scores on disk: whole or refused."""

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from plotgenre.errors import ArtefactError, InputError
from plotgenre.evaluation.scores import SCORES_FILE, Scores


@pytest.fixture
def scores():
    # 0.70004 is 0.7002 in float16: a decision by the rounded probability would be another.
    P = np.array([[0.70004, 0.2], [0.1, 1e-9], [1.0, 0.5]], dtype=np.float32)
    Y = np.array([[True, False], [False, True], [True, True]])
    return Scores.of(
        ("f1", "f2", "caf\u00e9 \udc80"),
        ("Drama", 'Say "no"'),
        P,
        Y,
        np.array([0.7001, 0.5], dtype=np.float32),
        np.array([12, 3]),
    )


def test_comes_back_as_it_was(scores, tmp_path):
    scores.save(tmp_path / "new" / "run")
    assert [path.name for path in (tmp_path / "new" / "run").iterdir()] == [SCORES_FILE]
    again = Scores.load(tmp_path / "new" / "run")
    for field in dataclasses.fields(Scores):
        ours, theirs = getattr(again, field.name), getattr(scores, field.name)
        np.testing.assert_array_equal(ours, theirs)
        if isinstance(theirs, np.ndarray):
            assert ours.dtype == theirs.dtype


def test_decisions_are_those_before_rounding(scores):
    assert scores.P[0, 0] >= scores.thresholds[0]
    assert scores.D.tolist() == [[False, False], [False, False], [True, True]]


def test_given_decisions_are_kept(scores):
    parts = (scores.P.astype(np.float32), scores.Y, scores.thresholds, scores.train_counts)
    kept = Scores.of(scores.ids, scores.genres, *parts, decisions=~scores.D)
    assert kept.D.tolist() == (~scores.D).tolist()


def test_saving_again_replaces(scores, tmp_path):
    scores.save(tmp_path)
    dataclasses.replace(scores, ids=("a", "b", "c")).save(tmp_path)
    assert Scores.load(tmp_path).ids == ("a", "b", "c")


def test_a_failed_write_leaves_the_old_file(scores, tmp_path, monkeypatch):
    scores.save(tmp_path)

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ArtefactError, match=r"cannot write .*scores\.safetensors: no space left"):
        dataclasses.replace(scores, ids=("a", "b", "c")).save(tmp_path)
    assert Scores.load(tmp_path).ids == scores.ids
    assert [path.name for path in tmp_path.iterdir()] == [SCORES_FILE]


def test_every_cut_and_every_flip_is_refused(scores, tmp_path):
    scores.save(tmp_path)
    path = tmp_path / SCORES_FILE
    whole = path.read_bytes()
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtefactError, match=r"scores\.safetensors"):
            Scores.load(tmp_path)
    start = 8 + int.from_bytes(whole[:8], "little")
    for at in range(start, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ArtefactError, match=r"is damaged"):
            Scores.load(tmp_path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ArtefactError, match=r"is not a scored run: it lacks scores\.safetensors"):
        Scores.load(tmp_path)
    save_file({"P": np.zeros((1, 1))}, tmp_path / SCORES_FILE)
    with pytest.raises(ArtefactError, match="format None is unknown"):
        Scores.load(tmp_path)
    told = {"format": "plotgenre-scores-1", "names": json.dumps([]), "sha256": ""}
    save_file({"P": np.zeros((1, 1))}, tmp_path / SCORES_FILE, metadata=told)
    with pytest.raises(ArtefactError, match="is damaged"):
        Scores.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("f1",)}, "1 films and 2 genres need P"),
        ({"genres": ("Drama", "Drama")}, "a genre stands twice"),
        ({"thresholds": np.zeros(3, np.float32)}, "need thresholds"),
        ({"P": np.full((3, 2), 1.5, np.float16)}, "not a number from 0 to 1"),
        ({"P": np.full((3, 2), np.nan, np.float16)}, "NaN"),
    ],
)
def test_nonsense_is_refused(scores, change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(scores, **change)
