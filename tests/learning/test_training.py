import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import average_precision_score, log_loss

from plotgenre.embedding.bags import Bags
from plotgenre.errors import InputError, RecipeError
from plotgenre.learning import networks, run
from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.sampling import SamplingSettings, resample
from plotgenre.learning.thresholds import best_micro_f1
from plotgenre.learning.training import LearningSettings, TrainingSettings, fit_head

QUICK = TrainingSettings(max_epochs=6, batch_size=16, learning_rate=0.01, patience=6)
HEADS = [
    HeadSettings(kind="linear", combine="noisy_or"),
    HeadSettings(kind="mlp", batch_norm=True, combine="max"),
    HeadSettings(kind="attention", attention_dim=8),
]
kinds = pytest.mark.parametrize("head", HEADS, ids=lambda head: head.kind)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def same(left, right) -> bool:
    return left.head.tensors.keys() == right.head.tensors.keys() and all(
        left.head.tensors[name].tobytes() == right.head.tensors[name].tobytes()
        for name in left.head.tensors
    )


def curve(fitted) -> list[tuple[float, ...]]:
    return [
        (epoch.train_loss, epoch.validation_loss, epoch.macro_average_precision)
        for epoch in fitted.history.epochs
    ]


def macro_average_precision(fitted, films) -> float:
    bags, Y = films
    return average_precision_score(Y, fitted.head.logits(bags))


def test_attention_and_max_find_the_one_slice_that_shows_a_genre(needles):
    train, validation, test = needles(1500, 1), needles(300, 2), needles(500, 3)
    training = TrainingSettings(max_epochs=15, learning_rate=0.01, patience=15)
    scores = {
        name: macro_average_precision(
            fit_head(*train, validation, LearningSettings(head, training)), test
        )
        for name, head in {
            "pooled": HeadSettings(kind="mlp", pooling="mean"),
            "max": HeadSettings(kind="mlp", combine="max"),
            "noisy_or": HeadSettings(kind="mlp", combine="noisy_or"),
            "attention": HeadSettings(kind="attention", attention_dim=32),
        }.items()
    }
    best = scores.pop("pooled")
    assert best < 0.85
    assert all(score > best + 0.1 for score in scores.values()), scores


@kinds
def test_the_same_seed_gives_the_same_head_and_another_seed_another(head, needles):
    train, validation = needles(100, 1), needles(50, 2)
    first = fit_head(*train, validation, LearningSettings(head, QUICK))
    torch.manual_seed(99)
    np.random.seed(99)
    again = fit_head(*train, validation, LearningSettings(head, QUICK))
    assert same(first, again)
    assert curve(first) == curve(again)
    other = TrainingSettings(max_epochs=6, batch_size=16, learning_rate=0.01, seed=1)
    assert not same(first, fit_head(*train, validation, LearningSettings(head, other)))


def test_global_generators_are_left_as_they_were(needles):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit_head(*needles(50, 1), needles(20, 2), LearningSettings(HeadSettings(), QUICK))
    assert torch.equal(torch.rand(3), expected)


@kinds
def test_a_killed_run_resumes_to_the_same_weights(head, needles, tmp_path):
    train, validation = needles(100, 1), needles(50, 2)
    settings = {"max_epochs": 6, "batch_size": 16, "learning_rate": 0.01}
    settings |= {"optimizer": "adamw", "learning_rate_schedule": "cosine", "weight_decay": 0.1}
    settings = TrainingSettings(**settings)
    whole = fit_head(*train, validation, LearningSettings(head, settings))
    seen = []

    def kill_twice(scores):
        seen.append(scores.epoch)
        if len(seen) in (3, 5):
            raise KeyboardInterrupt

    def run():
        return fit_head(
            *train,
            validation,
            LearningSettings(head, settings),
            checkpoints=tmp_path,
            progress=kill_twice,
        )

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run()
    resumed = run()
    assert seen == [1, 2, 3, 4, 5, 6]
    assert same(whole, resumed)
    assert curve(whole) == curve(resumed)
    assert same(whole, run())
    assert seen == [1, 2, 3, 4, 5, 6]


@kinds
def test_the_head_of_each_epoch_is_handed_over_with_its_scores(head, needles):
    train, (bags, Y) = needles(100, 1), needles(50, 2)
    heads = {}

    def keep(head, scores):
        heads[scores.epoch] = head

    training = replace(QUICK, max_epochs=12, patience=12, learning_rate=0.2)
    fitted = fit_head(*train, (bags, Y), LearningSettings(head, training), after_epoch=keep)
    assert len(heads) == 12
    # Some of them are not the best so far.
    assert (np.diff([epoch.macro_average_precision for epoch in fitted.history.epochs]) < 0).any()
    for scores in fitted.history.epochs:
        logits = heads[scores.epoch].logits(bags).astype(np.float64)
        precision = average_precision_score(Y, logits)
        assert precision == pytest.approx(scores.macro_average_precision, rel=1e-4)
        P = 1 / (1 + np.exp(-logits))
        assert best_micro_f1(P, Y) == pytest.approx(scores.micro_f1, rel=1e-4)
    assert fitted.history.epochs[-1].micro_f1 > 0.2
    best = heads[fitted.history.best_epoch]
    assert all((best.tensors[name] == x).all() for name, x in fitted.head.tensors.items())


def test_an_epoch_whose_head_could_not_be_kept_is_done_again(needles, tmp_path):
    films = (*needles(100, 1), needles(50, 2), LearningSettings(HEADS[0], QUICK))
    seen = []

    def fail_once(_, scores):
        seen.append(scores.epoch)
        if seen == [1, 2, 3]:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fit_head(*films, checkpoints=tmp_path, after_epoch=fail_once)
    resumed = fit_head(*films, checkpoints=tmp_path, after_epoch=fail_once)
    assert seen == [1, 2, 3, 3, 4, 5, 6]
    assert same(fit_head(*films), resumed)


def test_the_origins_network_is_768_562_356():
    rng = np.random.default_rng(0)
    bags = Bags.of_pooled(rng.standard_normal((40, 768)).astype(np.float32))
    Y = rng.random((40, 356)) < 0.01
    Y[0, 0] = True
    settings = LearningSettings(HeadSettings(), TrainingSettings(max_epochs=1))
    head = fit_head(bags, Y, (bags, Y), settings).head
    assert {name: tensor.shape for name, tensor in head.tensors.items()} == {
        "hidden.weight": (562, 768),
        "hidden.bias": (562,),
        "output.weight": (356, 562),
        "output.bias": (356,),
    }
    assert head.logits(bags).shape == (40, 356)


# Those that are not here cannot be tested here.
DEVICES = ["cpu", *(d for d in ("cuda", "mps") if getattr(torch, d).is_available())]


@kinds
@pytest.mark.parametrize("device", DEVICES)
def test_every_device_trains_and_another_goes_on(head, device, needles, tmp_path):
    train, validation = needles(100, 1), needles(50, 2)
    # Dropout is drawn by each device in its own way.
    head = replace(head, dropout=0.0)
    whole = fit_head(*train, validation, LearningSettings(head, replace(QUICK, device="cpu")))

    def run(device, epochs):
        training = replace(QUICK, device=device, max_epochs=epochs)
        return fit_head(*train, validation, LearningSettings(head, training))

    alone = run(device, 6)
    assert {tensor.dtype for tensor in alone.head.tensors.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(np.array(curve(alone)), np.array(curve(whole)), atol=1e-3)

    def stop(scores):
        if scores.epoch == 3:
            raise KeyboardInterrupt

    def resumed(device, progress):
        settings = LearningSettings(head, replace(QUICK, device=device))
        return fit_head(*train, validation, settings, checkpoints=tmp_path, progress=progress)

    with pytest.raises(KeyboardInterrupt):
        resumed(device, stop)
    gone_on = resumed("auto" if device == "cpu" else "cpu", None)
    np.testing.assert_allclose(np.array(curve(gone_on)), np.array(curve(whole)), atol=1e-3)


def test_network_optimizer_and_data_go_to_the_device(needles, monkeypatch):
    """On torch's device without numbers, which refuses tensors of another as any other does."""
    asked = []

    def without_numbers(*arguments):
        asked.append(arguments)
        return torch.device("meta")

    monkeypatch.setattr(run, "torch_device", without_numbers)
    # How many slices a film has is a number.
    monkeypatch.setattr(networks, "combine_slices", lambda logits, sizes, _: logits[: len(sizes)])
    films = LabelledBags(*needles(10, 1))
    training = run.TrainingRun(films, films, HEADS[0], replace(QUICK, device="cuda"))
    assert asked == [("cuda", "training.device")]
    logits = training._logits(films.bags)
    assert (logits.device.type, logits.shape) == ("meta", (10, 4))
    groups = training.optimizer.param_groups
    learned = [*training.network.parameters(), *(p for group in groups for p in group["params"])]
    assert {tensor.device.type for tensor in (*learned, *training.best.values())} == {"meta"}


def test_a_device_that_is_absent_is_refused(needles):
    absent = next(d for d in ("mps", "cuda") if d not in DEVICES)
    settings = LearningSettings(HEADS[0], replace(QUICK, device=absent))
    with pytest.raises(RecipeError, match=rf"training\.device is '{absent}'.*expected auto or"):
        fit_head(*needles(20, 1), needles(10, 2), settings)


def test_a_damaged_checkpoint_costs_epochs_but_not_the_result(needles, tmp_path):
    films = (*needles(100, 1), needles(50, 2), LearningSettings(HEADS[0], QUICK))
    whole = fit_head(*films, checkpoints=tmp_path)
    newest = tmp_path / "epoch-000006.safetensors"
    newest.write_bytes(newest.read_bytes()[:-9])
    seen = []
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        again = fit_head(*films, checkpoints=tmp_path, progress=lambda s: seen.append(s.epoch))
    assert seen == [6]
    assert same(whole, again)


def test_checkpoints_of_other_settings_or_data_are_refused(needles, tmp_path):
    train, validation = needles(60, 1), needles(20, 2)
    fit_head(*train, validation, LearningSettings(HEADS[0], QUICK), checkpoints=tmp_path)
    with pytest.raises(InputError, match=r"head\.combine was 'noisy_or' there and is 'max' here"):
        fit_head(
            *train,
            validation,
            LearningSettings(HeadSettings(kind="linear", combine="max"), QUICK),
            checkpoints=tmp_path,
        )
    kept = LearningSettings(HEADS[0], replace(QUICK, checkpoint_every=2))
    with pytest.raises(InputError, match=r"checkpoint_every was None there and is 2 here"):
        # The models of the epochs that are over could not be left any more.
        fit_head(*train, validation, kept, checkpoints=tmp_path)
    sampled = LearningSettings(HEADS[0], QUICK, SamplingSettings(method="ml_ros"))
    with pytest.raises(InputError, match=r"\(sampling\.method was 'none' there and is 'ml_ros' h"):
        fit_head(*train, validation, sampled, checkpoints=tmp_path)
    with pytest.raises(InputError, match=r"\(train\.digest was"):
        fit_head(
            *needles(60, 3), validation, LearningSettings(HEADS[0], QUICK), checkpoints=tmp_path
        )


@pytest.mark.parametrize("monitor", ["validation_loss", "macro_average_precision", "micro_f1"])
def test_overfitting_stops_early_at_the_best_epoch(monitor, needles):
    train, validation = needles(40, 1), needles(300, 2)
    training = TrainingSettings(max_epochs=200, learning_rate=0.01, patience=4, monitor=monitor)
    fitted = fit_head(*train, validation, LearningSettings(HeadSettings(), training))
    epochs, best = fitted.history.epochs, fitted.history.best_epoch
    assert len(epochs) == best + 4 < 200
    assert epochs[-1].train_loss < epochs[0].train_loss
    losses = [epoch.validation_loss for epoch in epochs]
    precisions = [epoch.macro_average_precision for epoch in epochs]
    scores = [getattr(epoch, monitor) for epoch in epochs]
    assert np.argmax(np.negative(scores) if monitor == "validation_loss" else scores) == best - 1
    if monitor == "validation_loss":
        assert fitted.history.overfitting_after == best
    # The head that comes back is the best epoch's, so its scores are that epoch's.
    bags, Y = validation
    logits = fitted.head.logits(bags).astype(np.float64)
    loss = np.mean([log_loss(Y[:, g], 1 / (1 + np.exp(-logits[:, g]))) for g in range(4)])
    assert loss == pytest.approx(losses[best - 1], rel=1e-4)
    assert average_precision_score(Y, logits) == pytest.approx(precisions[best - 1], rel=1e-4)


def test_an_untrained_head_predicts_each_genres_share(needles):
    bags, Y = needles(400, 1)
    slow = TrainingSettings(learning_rate=1e-12, max_epochs=1)
    fitted = fit_head(bags, Y, needles(20, 2), LearningSettings(HeadSettings(kind="linear"), slow))
    shares = Y.mean(axis=0)
    np.testing.assert_allclose(
        fitted.head.tensors["output.bias"], np.log(shares / (1 - shares)), rtol=1e-4
    )


def test_train_is_resampled_as_the_head_sees_it_and_validation_is_not(needles):
    (bags, Y), (held_out, held_out_Y) = needles(200, 1), needles(300, 2)
    # The first genre becomes rare in both, so that resampling has something to do in either.
    Y[20:, 0] = held_out_Y[30:, 0] = False
    training = TrainingSettings(max_epochs=1, batch_size=16, learning_rate=0.01, seed=3)
    head = HeadSettings(kind="linear", pooling="max")
    sampling = SamplingSettings(method="ml_smote")
    got = fit_head(bags, Y, (held_out, held_out_Y), LearningSettings(head, training, sampling))
    seen = resample(LabelledBags(bags.pooled("max"), Y), sampling, seed=3)
    by_hand = (seen.bags, seen.Y, (held_out, held_out_Y), LearningSettings(head, training))
    assert len(seen) > 200
    assert same(got, fit_head(*by_hand))
    assert not same(got, fit_head(bags, Y, (held_out, held_out_Y), by_hand[3]))
    logits = got.head.logits(held_out).astype(np.float64)
    precision = got.history.epochs[0].macro_average_precision
    assert average_precision_score(held_out_Y, logits) == pytest.approx(precision, rel=1e-4)


def test_batch_norm_is_refused_where_resampling_leaves_one_film(needles):
    bags = Bags.of_pooled(np.arange(3, dtype=np.float32)[:, None].repeat(16, 1))
    settings = LearningSettings(
        HeadSettings(batch_norm=True),
        QUICK,
        SamplingSettings(method="ml_tomek", removes="both"),
    )
    with pytest.raises(RecipeError, match="batches of at least two films"):
        fit_head(bags, np.eye(3, 4), needles(20, 2), settings)


def test_genres_without_any_film_are_allowed(needles):
    bags, Y = needles(60, 1)
    held_out, held_out_Y = needles(30, 2)
    empty = np.zeros((60, 1), bool)
    fitted = fit_head(
        bags,
        np.hstack([Y, empty]),
        (held_out, np.hstack([held_out_Y, empty[:30]])),
        LearningSettings(HeadSettings(), TrainingSettings(max_epochs=2, loss="weighted_bce")),
    )
    fitted.head.check()
    assert fitted.head.n_genres == 5
    assert all(np.isfinite(scores).all() for scores in curve(fitted))


def test_a_last_batch_of_one_film_does_not_break_batch_norm(needles):
    films, validation = needles(33, 1), needles(20, 2)
    head = HeadSettings(batch_norm=True, pooling="mean")
    fit_head(*films, validation, LearningSettings(head, QUICK)).head.check()
    with pytest.raises(RecipeError, match="batches of at least two films"):
        fit_head(*films, validation, LearningSettings(head, TrainingSettings(batch_size=1)))


def test_a_single_film_can_be_learned(needles):
    film = needles(1, 1)
    fit_head(*film, needles(20, 2), LearningSettings(HeadSettings(), QUICK)).head.check()


def test_read_only_vectors_are_no_trouble(needles, recwarn):
    (bags, Y), validation = needles(40, 1), needles(20, 2)
    bags.vectors.flags.writeable = validation[0].vectors.flags.writeable = False
    fit_head(bags, Y, validation, LearningSettings(HEADS[2], QUICK))
    assert not recwarn.list


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda bags, Y: (bags, Y[:-1]), "train targets must be .* each of 30 films"),
        (lambda bags, Y: (bags, Y[:, :3]), "train has 3 genres and validation has 4"),
        (
            lambda bags, Y: (Bags(bags.vectors[:, :9], bags.offsets), Y),
            "train has 9 dimensions and validation has 16",
        ),
        (
            lambda bags, Y: (Bags(bags.vectors * np.float32("nan"), bags.offsets), Y),
            "train film 0 has a slice vector with NaN",
        ),
    ],
)
def test_films_that_do_not_fit_together_are_refused(change, sentence, needles):
    with pytest.raises(InputError, match=sentence):
        fit_head(*change(*needles(30, 1)), needles(20, 2), LearningSettings(HeadSettings(), QUICK))


def test_validation_without_any_genre_is_refused(needles):
    bags, Y = needles(20, 2)
    with pytest.raises(InputError, match="no validation film has any genre"):
        fit_head(*needles(30, 1), (bags, np.zeros_like(Y)), LearningSettings(HeadSettings(), QUICK))


def test_a_training_that_diverges_says_so(needles):
    wild = TrainingSettings(learning_rate=1e30, max_epochs=9)
    with pytest.raises(RecipeError, match=r"diverged in epoch \d .* learning_rate 1e\+30"):
        fit_head(*needles(300, 1), needles(20, 2), LearningSettings(HeadSettings(), wild))


@pytest.mark.parametrize(
    "settings",
    [{"loss": "hinge"}, {"patience": 0}, {"learning_rate": 0}, {"seed": -1}, {"epochs": 3}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        TrainingSettings(**settings)


@pytest.mark.parametrize("missing", ["torch", "sklearn"])
def test_a_missing_training_library_is_named(missing):
    code = f"""
import sys; sys.modules[{missing!r}] = None
import numpy as np
from plotgenre.embedding.bags import Bags
from plotgenre.errors import MissingExtraError
from plotgenre.learning.training import LearningSettings, fit_head
films = Bags.of_pooled(np.eye(3, dtype=np.float32)), np.eye(3)
try:
    fit_head(*films, films, LearningSettings())
except MissingExtraError as error:
    assert "plotgenre[train]" in str(error), error
else:
    raise AssertionError("trained without {missing}")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_training_loads_no_torch():
    code = (
        "import sys; import plotgenre.learning.training;"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
