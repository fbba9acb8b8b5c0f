import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.embedding.bags import Bags
from plotgenre.errors import ArtefactError, InputError
from plotgenre.learning.heads import Head, HeadSettings, combine_slices, softmax_over_slices, times

KINDS = [
    *[
        HeadSettings(kind=kind, pooling=pooling, combine=combine)
        for kind in ("linear", "mlp")
        for pooling in ("none", "mean", "max")
        for combine in ("mean", "max", "noisy_or")
    ],
    HeadSettings(kind="attention", attention_dim=7),
]


def name(settings: HeadSettings) -> str:
    return f"{settings.kind}-{settings.pooling}-{settings.combine}"


def random_head(settings: HeadSettings, dimension: int = 12, genres: int = 5) -> Head:
    rng = np.random.default_rng(1)
    tensors = {
        tensor: rng.standard_normal(shape).astype(np.float32)
        for tensor, shape in settings.shapes(dimension, genres).items()
    }
    return Head(settings, dimension, genres, tensors)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


@pytest.mark.parametrize("settings", KINDS, ids=name)
def test_a_film_alone_has_the_logits_that_it_has_in_a_batch(settings, make_bags):
    head, bags = random_head(settings), make_bags()
    together = head.logits(bags)
    alone = np.vstack([head.logits(bags.take([film])) for film in range(len(bags))])
    assert together.shape == (len(bags), 5)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 7, 50])
def test_products_do_not_depend_on_how_many_rows_there_are(rows, monkeypatch):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((64, 384)).astype(np.float32)
    weights = rng.standard_normal((230, 384)).astype(np.float32)
    together = times(vectors, weights)
    monkeypatch.setattr("plotgenre.learning.heads._BLOCK", 5)
    parts = [times(vectors[at : at + rows], weights) for at in range(0, 64, rows)]
    # Rounded once, at the end: what lies midway between two numbers may fall to either side.
    np.testing.assert_array_max_ulp(np.vstack(parts), together, 1)


@pytest.mark.parametrize("settings", KINDS, ids=name)
def test_the_order_of_a_films_slices_does_not_matter(settings, make_bags):
    head, bags = random_head(settings), make_bags(1)
    turned = Bags(bags.vectors[::-1].copy(), bags.offsets)
    np.testing.assert_allclose(head.logits(turned), head.logits(bags), rtol=1e-5, atol=1e-5)


def test_the_mlp_has_the_origins_hidden_size():
    shapes = HeadSettings(kind="mlp").shapes(768, 356)
    assert shapes["hidden.weight"] == (562, 768)
    assert shapes["output.weight"] == (356, 562)


def test_linear_by_hand():
    tensors = {
        "output.weight": np.array([[1, 2], [0, -1]], dtype=np.float32),
        "output.bias": np.array([0.5, 1], dtype=np.float32),
    }
    bags = Bags(np.array([[1, 1], [3, 0], [0, 2]], dtype=np.float32), np.array([0, 2, 3]))
    head = Head(HeadSettings(kind="linear"), 2, 2, tensors)
    assert head.slice_logits(bags).tolist() == [[3.5, 0], [3.5, 1], [4.5, -1]]
    assert head.logits(bags).tolist() == [[3.5, 0.5], [4.5, -1]]
    pooled = Head(HeadSettings(kind="linear", pooling="max"), 2, 2, tensors)
    assert pooled.slice_logits(bags).tolist() == [[5.5, 0], [4.5, -1]]


def test_mlp_by_hand():
    tensors = {
        "hidden.weight": np.array([[1], [-1]], dtype=np.float32),
        "hidden.bias": np.array([0, 1], dtype=np.float32),
        "output.weight": np.array([[1, 10]], dtype=np.float32),
        "output.bias": np.array([0.5], dtype=np.float32),
    }
    head = Head(HeadSettings(kind="mlp"), 1, 1, tensors)
    bags = Bags.of_pooled(column(2, -2))
    assert head.logits(bags).tolist() == [[2.5], [30.5]]
    assert bags.vectors.tolist() == [[2], [-2]]


def test_attention_is_the_mean_of_slice_logits_weighted_per_genre(make_bags):
    head, bags = random_head(HeadSettings(kind="attention", attention_dim=7)), make_bags(4)
    weights, parts = head.slice_weights(bags), head.slice_logits(bags)
    for film, (start, stop) in enumerate(zip(bags.offsets, bags.offsets[1:], strict=False)):
        slices = bags.vectors[start:stop]
        scores = np.tanh(slices @ head.tensors["key.weight"].T) @ head.tensors["query.weight"].T
        expected = np.exp(scores) / np.exp(scores).sum(axis=0)
        np.testing.assert_allclose(weights[start:stop], expected, rtol=1e-4)
        np.testing.assert_allclose(
            head.logits(bags)[film], (expected * parts[start:stop]).sum(axis=0), rtol=1e-4
        )


def test_slice_weights_sum_to_one_over_a_film_even_for_huge_scores(make_bags):
    bags = make_bags()
    scores = bags.vectors * np.float32(1e4)
    sums = np.add.reduceat(softmax_over_slices(scores, bags.offsets), bags.offsets[:-1], axis=0)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_only_attention_has_slice_weights(make_bags):
    with pytest.raises(InputError, match="only an attention head"):
        random_head(HeadSettings(kind="linear")).slice_weights(make_bags())


def test_combining_by_hand():
    logits, offsets = column(0, 2, -1), np.array([0, 2, 3])
    assert combine_slices(logits, offsets, "mean").ravel().tolist() == [1, -1]
    assert combine_slices(logits, offsets, "max").ravel().tolist() == [2, -1]
    probabilities = sigmoid(combine_slices(logits, offsets, "noisy_or"))
    expected = [1 - (1 - sigmoid(0)) * (1 - sigmoid(2)), sigmoid(-1)]
    np.testing.assert_allclose(probabilities.ravel(), expected, rtol=1e-6)


def test_noisy_or_of_one_slice_is_that_slice_far_into_both_tails():
    logits = column(-79, -40, -20, -1e-3, 0, 20, 80, 1e4)
    found = combine_slices(logits, np.arange(9), "noisy_or")
    np.testing.assert_allclose(found, logits, rtol=1e-5, atol=1e-6)


def test_noisy_or_of_hopeless_slices_stays_finite():
    found = combine_slices(column(-1e6, -1e6, 1e6, 1e6), np.array([0, 2, 4]), "noisy_or")
    assert found[0, 0] == pytest.approx(-80 + np.log(2), abs=1e-3)
    assert found[1, 0] == pytest.approx(2e6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kind": "attention", "pooling": "mean"}, "pooling must be 'none', got 'mean'"),
        ({"kind": "attention", "combine": "max"}, "combine must stay 'mean', got 'max'"),
        ({"kind": "linear", "batch_norm": True}, "only the mlp head has, got kind 'linear'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"attention_dim": 0}, "greater than or equal to 1"),
        ({"kind": "transformer"}, "'linear', 'mlp' or 'attention'"),
        ({"hidden": 3}, "(?i)unexpected"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        HeadSettings(**settings)


def test_vectors_of_another_dimension_are_refused(make_bags):
    with pytest.raises(InputError, match="reads vectors of 12 dimensions, got 9"):
        random_head(HeadSettings()).logits(make_bags(dimension=9))


@pytest.mark.parametrize("settings", KINDS, ids=name)
def test_check_accepts_a_sound_head(settings):
    random_head(settings).check()


@pytest.mark.parametrize(
    ("tensor", "value", "sentence"),
    [
        ("output.bias", None, r"'output.bias' of shape \(5,\) is missing"),
        ("output.bias", np.zeros(4, np.float32), r"shape \(5,\), found float32 of shape \(4,\)"),
        ("output.bias", np.zeros(5), r"float32 of shape \(5,\), found float64"),
        ("output.bias", np.full(5, np.nan, np.float32), "'output.bias' .* has NaN or infinity"),
        ("key.weight", np.zeros(5, np.float32), "the linear head has no tensor 'key.weight'"),
    ],
)
def test_check_names_the_tensor_that_is_wrong(tensor, value, sentence):
    sound = random_head(HeadSettings(kind="linear"))
    tensors = {**sound.tensors, tensor: value}
    if value is None:
        del tensors[tensor]
    with pytest.raises(ArtefactError, match=sentence):
        Head(sound.settings, 12, 5, tensors).check()
