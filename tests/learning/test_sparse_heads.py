"""The sparse head: rounding, logits by hand, and what check refuses."""

import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.errors import ArtefactError
from plotgenre.learning.sparse_heads import GenreWeights, SparseHead, SparseHeadSettings
from plotgenre.lexicon.sparse_rows import SparseRows

WEIGHTS = np.array([[12.7, 0.0, -5.0, 0.04], [0.0, 2.54, 0.0, -0.02]])
BIASES = (-1.0, 0.5)
PRIORS = np.array([-3.0, -4.0])


def head(most=10):
    genres = [GenreWeights.rounded(own, bias) for own, bias in zip(WEIGHTS, BIASES, strict=True)]
    return SparseHead.of_genres(genres, PRIORS, 4, most)


def some_rows():
    values = np.array([0.6, 0.8, 1.0], dtype=np.float32)
    columns = np.array([0, 2, 1], dtype=np.int32)
    return SparseRows(values, columns, np.array([0, 2, 2, 3]), 4)


def test_rounding_by_hand():
    # The strongest, 12.7, is 127 steps of 0.1; 0.04 is less than half a step.
    genre = GenreWeights.rounded(WEIGHTS[0], -1.0)
    assert genre.ngrams.tolist() == [0, 2]
    assert genre.values.tolist() == [127, -50]
    assert (genre.scale, genre.bias) == (pytest.approx(0.1), -1.0)


@pytest.mark.parametrize(("most", "kept"), [(3, [12.7, 2.54, -5]), (2, [12.7, -5]), (1, [12.7])])
def test_only_the_strongest_of_all_genres_are_kept(most, kept):
    tensors = head(most).tensors
    scales = tensors["scale"][tensors["weights.genres"]]
    np.testing.assert_allclose(tensors["weights.values"] * scales, kept, rtol=1e-6)


def test_a_genre_without_weights():
    genre = GenreWeights.rounded(np.zeros(4), -2.0)
    assert genre.ngrams.size == 0
    alone = SparseHead.of_genres([genre], np.array([-2.5]), 4, 10)
    assert alone.logits(some_rows()).tolist() == [[-2], [-2.5], [-2]]


def test_logits_by_hand():
    # The second film has no entries: its priors, not its biases.
    expected = [[-1 + 0.6 * 12.7 - 0.8 * 5, 0.5], [-3, -4], [-1, 0.5 + 2.54]]
    logits = head().logits(some_rows())
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


def test_contributions_by_hand():
    film = head().contributions(some_rows(), 0)
    np.testing.assert_allclose(film, [[0.6 * 12.7, 0], [-0.8 * 5, 0]], rtol=1e-6)
    assert head().contributions(some_rows(), 1).shape == (0, 2)


def test_many_films_are_read_as_few_are_bit_for_bit():
    few, many = head(), head()
    rows = some_rows()
    expected = few.logits(rows)
    assert "_whole" not in vars(few)
    vars(many)["_whole"] = many._whole
    np.testing.assert_array_equal(many.logits(rows), expected)
    np.testing.assert_array_equal(few._pieces(np.array([2, 0])), many._whole[[2, 0]])


def test_a_films_logits_do_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 40, 30)
    columns = [np.sort(rng.choice(500, size, replace=False)) for size in sizes]
    values = [rng.random(size).astype(np.float32) for size in sizes]
    weights = rng.standard_normal((17, 500))
    genres = [GenreWeights.rounded(own, 0.1) for own in weights]
    sparse = SparseHead.of_genres(genres, np.full(17, -1.0), 500, 2000)
    offsets = np.cumsum([0, *sizes])
    flat = np.concatenate(columns).astype(np.int32)
    together = sparse.logits(SparseRows(np.concatenate(values), flat, offsets, 500))
    for film, (own, at) in enumerate(zip(values, columns, strict=True)):
        alone = SparseRows(own, at.astype(np.int32), np.array([0, len(own)]), 500)
        assert (sparse.logits(alone)[0] == together[film]).all()


def test_check_accepts_a_sound_head():
    head().check()


@pytest.mark.parametrize(
    ("tensor", "value", "sentence"),
    [
        ("bias", None, "'bias' is missing"),
        ("prior", None, "'prior' is missing"),
        ("other", np.zeros(2), "has no tensor 'other'"),
        (
            "bias",
            np.zeros(3, np.float32),
            r"float32 of shape \(2,\), found float32 of shape \(3,\)",
        ),
        ("scale", np.ones(2), r"'scale' must be float32 .*, found float64"),
        ("scale", np.full(2, np.nan, np.float32), "'scale' has NaN or infinity"),
        ("weights.values", np.zeros((4, 1), np.int8), r"int8 of shape \(4,\), found .* \(4, 1\)"),
        ("weights.genres", np.zeros(2, np.uint16), r"uint16 of shape \(4,\), found .* \(2,\)"),
        ("weights.offsets", np.array([0, 1, 2, 4]), r"int64 of shape \(5,\), found .* \(4,\)"),
        ("weights.offsets", np.array([0, 1, 3, 2, 4]), "'weights.offsets' must rise from 0 to 4"),
        ("weights.offsets", np.array([0, 1, 2, 3, 3]), "'weights.offsets' must rise from 0 to 4"),
        ("weights.genres", np.array([0, 1, 0, 2], np.uint16), "must rise .*, below 2 genres"),
    ],
)
def test_check_names_the_tensor_that_is_wrong(tensor, value, sentence):
    tensors = {**head().tensors, tensor: value}
    if value is None:
        del tensors[tensor]
    with pytest.raises(ArtefactError, match=sentence):
        SparseHead(4, 2, tensors).check()


def test_check_refuses_a_weight_that_stands_twice():
    tensors = {**head().tensors, "weights.offsets": np.array([0, 2, 2, 3, 4])}
    tensors["weights.genres"] = np.array([1, 1, 0, 1], np.uint16)
    with pytest.raises(ArtefactError, match="must rise within an n-gram"):
        SparseHead(4, 2, tensors).check()


@pytest.mark.parametrize("setting", ["C", "pos_weight_cap", "maximum_weights"])
def test_settings_out_of_range(setting):
    with pytest.raises(ValidationError, match=setting):
        SparseHeadSettings(**{setting: 0})
