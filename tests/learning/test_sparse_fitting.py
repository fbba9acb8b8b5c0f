"""Fitting the sparse head: against scikit-learn, one-class genres, and resuming."""

import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from plotgenre.errors import InputError, MissingExtraError
from plotgenre.learning.sparse_fitting import GenresFitted, fit_sparse_head, positive_weights
from plotgenre.learning.sparse_heads import SparseHeadSettings
from plotgenre.lexicon.sparse_rows import SparseRows

SETTINGS = SparseHeadSettings()


@pytest.fixture(scope="module")
def films():
    """200 films over 30 n-grams; the first two n-grams give the first two genres away."""
    rng = np.random.default_rng(0)
    X = rng.random((200, 30)) * (rng.random((200, 30)) < 0.2)
    Y = np.stack([X[:, 0] > 0, X[:, 1] > 0, np.zeros(200), np.ones(200)], axis=1).astype(bool)
    sparse = csr_matrix(X.astype(np.float32))
    rows = SparseRows(sparse.data, sparse.indices, sparse.indptr.astype(np.int64), 30)
    return rows, Y


@pytest.fixture
def whole(films):
    return fit_sparse_head(*films, SETTINGS)


def same(first, second):
    return all((first.tensors[name] == second.tensors[name]).all() for name in first.tensors)


def test_as_a_converged_regression_up_to_rounding(films, whole):
    rows, Y = films
    X = csr_matrix((rows.values, rows.columns, rows.offsets), shape=(200, 30)).astype(float)
    whole.check()
    for genre in range(2):
        exact = LogisticRegression(C=3.0, solver="liblinear", dual=True, tol=1e-6, max_iter=5000)
        exact.fit(X, Y[:, genre])
        logits = exact.decision_function(X)
        np.testing.assert_allclose(whole.logits(rows)[:, genre], logits, atol=0.15)
        assert np.ptp(logits) > 2


def test_c_and_maximum_weights_are_read(films):
    loose = fit_sparse_head(*films, SparseHeadSettings(C=30.0))
    tight = fit_sparse_head(*films, SparseHeadSettings(C=0.1))
    assert loose.tensors["scale"][0] > 2 * tight.tensors["scale"][0]
    few = fit_sparse_head(*films, SparseHeadSettings(maximum_weights=2))
    # The n-gram that gives each of the two genres away.
    assert few.tensors["weights.offsets"].tolist() == [0, 1, *[2] * 29]
    assert few.tensors["weights.genres"].tolist() == [0, 1]


def test_positive_weights_by_hand():
    # 1 of 4: 3 others; 2 of 4; 3 of 4, never below 1; none and all.
    Y = np.array([[1, 1, 1, 0, 1], [0, 1, 1, 0, 1], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1]], dtype=bool)
    assert positive_weights(Y, 20.0).tolist() == [3, 1, 1, 1, 1]
    assert positive_weights(Y, 2.0).tolist() == [2, 1, 1, 1, 1]
    assert positive_weights(Y, 1.0).tolist() == [1] * 5


def test_a_weighted_genre_is_as_scikit_learns_balanced_one(films):
    rows, Y = films
    X = csr_matrix((rows.values, rows.columns, rows.offsets), shape=(200, 30)).astype(float)
    weighted = fit_sparse_head(*films, SparseHeadSettings(pos_weight_cap=100.0))
    ratio = (~Y[:, 0]).sum() / Y[:, 0].sum()
    assert ratio > 2
    exact = LogisticRegression(
        C=3.0, solver="liblinear", dual=True, tol=1e-6, max_iter=5000, class_weight={1: ratio}
    ).fit(X, Y[:, 0])
    logits = weighted.logits(rows)[:, 0]
    np.testing.assert_allclose(logits, exact.decision_function(X), atol=0.3)
    # Of equal weight, genre and rest have even odds where nothing is known.
    assert weighted.tensors["prior"][:2].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_a_film_without_entries_has_the_priors(films, whole):
    empty = SparseRows(np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(2, np.int64), 30)
    shares = films[1][:, :2].mean(axis=0)
    np.testing.assert_allclose(whole.logits(empty)[0, :2], np.log(shares / (1 - shares)), rtol=1e-6)


def test_a_genre_of_one_class_has_its_prior(films, whole):
    logits = whole.logits(films[0])
    np.testing.assert_allclose(logits[:, 2], np.log(0.5 / 199.5), rtol=1e-6)
    np.testing.assert_allclose(logits[:, 3], np.log(199.5 / 0.5), rtol=1e-6)


def test_one_film():
    rows = SparseRows(np.ones(1, np.float32), np.zeros(1, np.int32), np.array([0, 1]), 1)
    head = fit_sparse_head(rows, np.array([[True, False]]), SETTINGS)
    assert head.logits(rows).tolist() == [[0, 0]]


def test_interrupted_and_resumed(films, whole, tmp_path):
    heard = []

    def stop_after_one(progress):
        heard.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path / "new", progress=stop_after_one)
    assert heard == [GenresFitted(1, 4)]
    first = tmp_path / "new" / "genre-00000.safetensors"
    assert [file.name for file in first.parent.iterdir()] == [first.name]
    written = first.stat().st_mtime_ns

    def hear(progress):
        heard.append(progress)
        assert first.stat().st_mtime_ns == written

    resumed = fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path / "new", progress=hear)
    assert heard[1:] == [GenresFitted(done, 4) for done in (1, 2, 3, 4)]
    assert same(resumed, whole)
    assert [file.name for file in first.parent.iterdir()] == ["head.safetensors"]


def test_a_finished_head_is_read_and_not_fitted(films, whole, tmp_path, monkeypatch):
    fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    heard = []
    again = fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path, progress=heard.append)
    assert heard == [GenresFitted(4, 4)]
    assert same(again, whole)


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-5])


def with_a_nan(file):
    with safe_open(file, framework="numpy") as content:
        metadata = content.metadata()
    tensors = load_file(file)
    save_file({**tensors, "bias": np.full_like(tensors["bias"], np.nan)}, file, metadata)


@pytest.mark.parametrize("damage", [cut_short, with_a_nan])
def test_a_damaged_head_is_fitted_anew(films, whole, tmp_path, damage):
    fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path)
    file = tmp_path / "head.safetensors"
    damage(file)
    with pytest.warns(UserWarning, match="fitting anew, .*head.safetensors is damaged"):
        again = fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path)
    assert same(again, whole)
    assert not np.isnan(load_file(file)["bias"]).any()


def stop_after_two(progress):
    if progress.done == 2:
        raise KeyboardInterrupt


def test_a_damaged_genre_is_fitted_anew(films, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path, progress=stop_after_two)
    file = tmp_path / "genre-00001.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.warns(UserWarning, match="fitting anew, .*genre-00001.safetensors is damaged"):
        again = fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path)
    assert same(again, whole)


@pytest.mark.parametrize("finished", [True, False])
def test_another_runs_files_are_refused(films, tmp_path, finished):
    if finished:
        fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path)
    else:
        with pytest.raises(KeyboardInterrupt):
            fit_sparse_head(*films, SETTINGS, checkpoints=tmp_path, progress=stop_after_two)
    for name, was, other in (
        ("C", 3.0, 1.0),
        ("pos_weight_cap", 1.0, 2.0),
        ("maximum_weights", 4_000_000, 7),
    ):
        with pytest.raises(InputError, match=rf"{name} was {was} there and is {other} here"):
            fit_sparse_head(*films, SparseHeadSettings(**{name: other}), checkpoints=tmp_path)
    with pytest.raises(InputError, match="digest was"):
        fit_sparse_head(films[0], ~films[1], SETTINGS, checkpoints=tmp_path)


def test_without_scikit_learn(films, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[train\]'"):
        fit_sparse_head(*films, SETTINGS)
