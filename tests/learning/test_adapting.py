"""The loop, on an encoder small enough to be computed by hand: one vector a token, averaged."""

import dataclasses
import signal
import threading

import numpy as np
import pytest

from plotgenre.errors import InputError, RecipeError
from plotgenre.learning.adapting import STATES_FILE, adapt
from plotgenre.learning.adapting_log import AdaptingLog
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.token_films import TokenFilms

torch = pytest.importorskip("torch")

TOKENS, DIMENSION, PAD = 12, 6, 0
SETTINGS = AdaptingSettings(
    steps=30,
    films=8,
    learning_rate=0.02,
    head_learning_rate=0.05,
    head_dropout=0.1,
    evaluate_every=1e-9,
    checkpoint_every=1e-9,
)


class MeanOfTokens:
    """A SliceEncoder without a transformer: embeddings below, a square matrix above."""

    dimension, pad = DIMENSION, PAD

    def __init__(self):
        torch.set_num_threads(1)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.module = torch.nn.ModuleDict(
                {
                    "embedding": torch.nn.Embedding(TOKENS, DIMENSION),
                    "top": torch.nn.Linear(DIMENSION, DIMENSION),
                }
            )
        self.depths = {"embedding.weight": 0, "top.weight": 1, "top.bias": 1}
        self.shapes = []

    def vectors(self, ids, mask):
        self.shapes.append(tuple(ids.shape))
        tokens = self.module["embedding"](ids) * mask[:, :, None]
        return self.module["top"](tokens.sum(1) / mask.sum(1)[:, None])

    def weights(self):
        return {name: tensor.clone() for name, tensor in self.module.state_dict().items()}


class Deeper(MeanOfTokens):
    """As if there were a layer without weights between its two."""

    def __init__(self):
        super().__init__()
        self.depths = {"embedding.weight": 0, "top.weight": 2, "top.bias": 2}
        self.passed = 0

    def split(self, layers):
        assert layers == 2
        return Split(self)


class Split:
    """Embeddings below; counts the slices that pass through them."""

    width, precision = DIMENSION, torch.float32

    def __init__(self, encoder):
        self.encoder = encoder

    def states(self, ids, mask):
        self.encoder.passed += len(ids)
        return self.encoder.module["embedding"](ids).detach()

    def vectors(self, states, ids, mask):
        tokens = states * mask[:, :, None]
        return self.encoder.module["top"](tokens.sum(1) / mask.sum(1)[:, None])


def make_films(n=40, seed=0):
    """Genre 0 shows in token 1, genre 1 in token 2, in one slice of several."""
    rng = np.random.default_rng(seed)
    Y = rng.random((n, 2)) < 0.4
    slices = []
    for film in range(n):
        own = [rng.integers(3, TOKENS, rng.integers(1, 6)) for _ in range(rng.integers(1, 4))]
        own[-1] = np.concatenate([own[-1], 1 + np.flatnonzero(Y[film])])
        slices.append([ids.astype(np.int32) for ids in own])
    return TokenFilms.of("train", slices, Y)


@pytest.fixture
def run(tmp_path):
    def run(encoder=None, films=None, folder="checkpoints", progress=None, **changes):
        encoder = encoder or MeanOfTokens()
        films = films or (make_films(), make_films(20, 1))
        settings = dataclasses.replace(SETTINGS, **changes)
        return encoder, adapt(encoder, films, settings, tmp_path / folder, {"a": 1}, progress)

    return run


def press_ctrl_c():
    # No real signal: once OpenVINO has been used in this process, its frame is too large for the
    # stack that pytest's faulthandler sets aside. tests/doors sends a real one to a process.
    signal.getsignal(signal.SIGINT)(signal.SIGINT, None)


def interrupt_at(step):
    def hear(evaluated):
        if evaluated.step == step:
            press_ctrl_c()

    return hear


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_loss_falls_and_the_log_says_so(run):
    _, log = run(steps=150, evaluate_every=0.001, checkpoint_every=1.0)
    assert (log.step, log.steps, log.evaluations[0].step) == (150, 150, 0)
    first, last = log.evaluations[0], log.evaluations[-1]
    assert last.validation.loss < 0.6 * first.validation.loss
    assert last.train_loss < 0.6 * log.evaluations[1].train_loss
    assert last.validation.micro_f1 > 0.9
    assert last.validation.macro_average_precision > 0.9
    assert first.train_loss is None
    assert last.tokens_per_second > 0
    assert 0 <= last.padding < 1
    assert AdaptingLog.from_dict(log.as_dict()) == log


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema": 0.9, "loss_on": "slice", "accumulation": 3, "frozen_layers": 1},
    ],
)
def test_an_interrupted_run_ends_at_the_same_weights(run, changes):
    through, _ = run(folder="through", **changes)
    state, handler = torch.random.get_rng_state(), signal.getsignal(signal.SIGINT)
    for step in (4, 21):
        with pytest.raises(KeyboardInterrupt):
            run(progress=interrupt_at(step), **changes)
    assert torch.equal(torch.random.get_rng_state(), state)
    resumed, log = run(**changes)
    assert same(through.weights(), resumed.weights())
    assert [one.step for one in log.evaluations] == list(range(31))
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_finished_run_is_read_back(run):
    through, _ = run()
    again, log = run()
    assert same(through.weights(), again.weights())
    assert log.step == 30


def test_the_seed_changes_the_weights(run):
    assert not same(run(folder="a")[0].weights(), run(folder="b", seed=1)[0].weights())


def test_a_second_interrupt_ends_at_once(run):
    def twice(_):
        press_ctrl_c()
        press_ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        run(progress=twice)


def test_other_threads_adapt_too(run):
    found = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    assert same(found[0][0].weights(), run(folder="main")[0].weights())


def test_steps_are_planned_from_the_minutes_and_measuring_changes_nothing(run, tmp_path):
    measured, log = run(steps=None, minutes=0.01, evaluate_every=1.0, checkpoint_every=1.0)
    assert log.steps > 10
    assert log.seconds < 10
    planned, _ = run(folder="planned", steps=log.steps)
    assert same(measured.weights(), planned.weights())
    assert len(list((tmp_path / "planned").iterdir())) == 2


def test_the_plan_is_kept(run):
    planned = {"steps": None, "minutes": 0.02, "evaluate_every": 0.002}

    def stop(evaluated):
        if evaluated.step:
            press_ctrl_c()

    heard = []
    with pytest.raises(KeyboardInterrupt):
        run(progress=lambda evaluated: (heard.append(evaluated), stop(evaluated)), **planned)
    _, log = run(progress=heard.append, **planned)
    assert len(heard) > 3
    assert {one.steps for one in heard[1:]} == {log.steps}
    assert log.step == log.steps


def test_frozen_layers_stay(run):
    before = MeanOfTokens().weights()
    after = run(frozen_layers=1)[0].weights()
    assert torch.equal(before["embedding.weight"], after["embedding.weight"])
    assert not torch.equal(before["top.weight"], after["top.weight"])


def test_all_layers_frozen_leaves_the_head(run):
    encoder, log = run(frozen_layers=2)
    assert same(MeanOfTokens().weights(), encoder.weights())
    assert log.evaluations[-1].validation.loss < log.evaluations[0].validation.loss


CACHED = {"frozen_layers": 2, "cache_frozen": True}


def test_a_slice_passes_once_through_frozen_layers_that_are_cached(run, tmp_path):
    films = make_films(16), make_films(20, 1)
    plain, _ = run(Deeper(), films, "plain", frozen_layers=2)
    cached, _ = run(Deeper(), films, "cached", **CACHED)
    assert same(plain.weights(), cached.weights())
    assert not torch.equal(cached.weights()["top.weight"], Deeper().weights()["top.weight"])
    # 30 steps of 8 of 16 films, 2 slices of at most 3: each is drawn, and none twice in a step.
    assert cached.passed == len(films[0].lengths)
    assert {path.suffix for path in (tmp_path / "cached").iterdir()} == {".safetensors"}


@pytest.mark.parametrize("removed", [False, True])
def test_an_interrupted_run_finds_its_cached_states(run, tmp_path, removed):
    films = make_films(16), make_films(20, 1)
    through, _ = run(Deeper(), films, "through", **CACHED)
    stopped = Deeper()
    with pytest.raises(KeyboardInterrupt):
        run(stopped, films, progress=interrupt_at(4), **CACHED)
    if removed:
        (tmp_path / "checkpoints" / STATES_FILE).unlink()
    resumed, _ = run(Deeper(), films, **CACHED)
    assert same(through.weights(), resumed.weights())
    assert stopped.passed > 0
    if removed:
        assert resumed.passed > through.passed - stopped.passed
    else:
        assert resumed.passed == through.passed - stopped.passed


def test_states_further_than_the_checkpoint_do_no_harm(run, tmp_path):
    films = make_films(16), make_films(20, 1)
    through, _ = run(Deeper(), films, "through", **CACHED)
    with pytest.raises(KeyboardInterrupt):
        run(Deeper(), films, progress=interrupt_at(4), **CACHED)
    (tmp_path / "checkpoints" / STATES_FILE).write_bytes(b"\xff" * 100_000)
    for file in (tmp_path / "checkpoints").glob("*.safetensors"):
        file.unlink()
    again, _ = run(Deeper(), films, **CACHED)
    assert same(through.weights(), again.weights())


def test_parts_change_only_rounding(run):
    # Dropout is drawn part by part.
    whole, parts = (
        run(folder=f"{n}-dry", accumulation=n, head_dropout=0.0)[0].weights() for n in (1, 3)
    )
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], atol=1e-4, rtol=1e-3)


def test_the_loss_is_on_the_film_or_on_each_slice(tmp_path):
    from plotgenre.learning.adaptation import AdaptationRun

    films = make_films(6)
    for loss_on in ("film", "slice"):
        settings = dataclasses.replace(
            SETTINGS, loss_on=loss_on, films=6, slices=9, head_dropout=0.0
        )
        encoder = MeanOfTokens()
        run = AdaptationRun(encoder, films, films, settings, tmp_path / STATES_FILE)
        losses = []
        with torch.no_grad():
            for film in range(6):
                slices, _ = films.slices_of(np.array([film]))
                vectors = torch.cat(
                    [
                        encoder.vectors(*map(torch.from_numpy, films.padded(slices[[k]], PAD)))
                        for k in range(len(slices))
                    ]
                )
                if loss_on == "film":
                    vectors = vectors.mean(0, keepdim=True)
                logits, y = run.head(vectors), torch.from_numpy(films.Y[film]).float()
                losses += (
                    -torch.where(y > 0, logits.sigmoid(), 1 - logits.sigmoid()).log()
                ).tolist()
        assert run.step(0, 10).loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_an_average_of_one_step_by_hand(run):
    """After step 0 it is 9/10 of the step's weights and 1/10 of the first ones."""
    before, stepped = MeanOfTokens().weights(), run(folder="last", steps=1)[0].weights()
    averaged = run(folder="average", steps=1, ema=0.99)[0].weights()
    for name, tensor in averaged.items():
        torch.testing.assert_close(tensor, 0.1 * before[name] + 0.9 * stepped[name])


def test_a_forward_pass_stays_within_its_tokens(run):
    encoder, _ = run(batch_tokens=12, steps=2)
    assert max(rows * tokens for rows, tokens in encoder.shapes) <= 12
    assert max(rows for rows, _ in encoder.shapes) > 1


def test_the_gradient_is_clipped(run):
    free, held = (run(folder=f"{c}", steps=3, clip=c)[0].weights() for c in (1e9, 1e-9))
    before = MeanOfTokens().weights()["top.weight"]
    # Adam divides by the gradient's own size, until its epsilon is the larger of the two.
    assert (held["top.weight"] - before).abs().max() < 0.2 * (
        free["top.weight"] - before
    ).abs().max()


def test_a_run_may_end_sooner_or_go_on_longer(run):
    with pytest.raises(KeyboardInterrupt):
        run(progress=interrupt_at(4))
    sooner, log = run(steps=10)
    assert (log.step, log.steps) == (10, 10)
    assert [one.steps for one in log.evaluations][-2:] == [10, 10]
    # Asked to end before where it stands, it ends there.
    same_again, log = run(steps=7)
    assert log.step == 10
    assert same(sooner.weights(), same_again.weights())
    longer, log = run(steps=12)
    assert (log.step, log.steps) == (12, 12)
    assert not same(sooner.weights(), longer.weights())


def test_few_films_make_small_steps(run):
    _, log = run(films=(make_films(5), make_films(5, 1)), steps=3)
    assert log.step == 3


@pytest.mark.parametrize("change", [{"learning_rate": 0.3}, {"seed": 3}])
def test_checkpoints_of_other_settings_are_refused(run, change):
    run(steps=2)
    with pytest.raises(InputError, match=f"is from another training.*{next(iter(change))}"):
        run(**({"steps": 2} | change))


def test_checkpoints_of_other_films_are_refused(run):
    run(steps=2)
    with pytest.raises(InputError, match=r"train\.digest"):
        run(films=(make_films(seed=5), make_films(20, 1)), steps=2)


def test_how_often_a_run_is_looked_at_is_not_its_identity(run):
    run(steps=2)
    run(steps=2, evaluate_every=5.0, checkpoint_every=5.0)


def test_validation_films_without_any_genre(run):
    empty = dataclasses.replace(make_films(20, 1), Y=np.zeros((20, 2), bool))
    with pytest.raises(InputError, match="no drawn validation film has a genre"):
        run(films=(make_films(), empty))


def test_divergence_is_one_sentence(run):
    with pytest.raises(RecipeError, match=r"adapting diverged"):
        run(learning_rate=1e30, head_learning_rate=1e30)


def test_drawn_validation_films_are_as_many_as_said(tmp_path):
    from plotgenre.learning.adaptation import AdaptationRun

    films = make_films(20, 1)
    rows = [
        AdaptationRun(
            MeanOfTokens(),
            films,
            films,
            dataclasses.replace(SETTINGS, **changes),
            tmp_path / STATES_FILE,
        ).validation_rows.tolist()
        for changes in ({"validation_films": 7}, {"validation_films": 7, "seed": 1}, {})
    ]
    assert len(set(rows[0])) == 7
    assert rows[0] != rows[1]
    assert rows[2] == list(range(20))


def test_an_average_begins_with_the_head_as_it_begins(tmp_path):
    from plotgenre.learning.adaptation import AdaptationRun

    films = make_films(), make_films(20, 1)
    logits = []
    for ema in (0.0, 0.9):
        settings = dataclasses.replace(SETTINGS, ema=ema)
        torch.manual_seed(0)
        run = AdaptationRun(MeanOfTokens(), *films, settings, tmp_path / "states")
        run.begin_head(np.arange(2 * DIMENSION, dtype=np.float32).reshape(2, -1) ** 2)
        logits.append(run.validation_logits())
    torch.testing.assert_close(*logits)


def test_vectors_of_names_are_given_if_and_only_if_they_are_asked_for(tmp_path):
    films = make_films(), make_films(20, 1)
    names = np.ones((2, DIMENSION), np.float32)
    for start, given in (("names", None), ("chance", names)):
        settings = dataclasses.replace(SETTINGS, head_start=start)
        with pytest.raises(InputError, match=f"adapting.head_start is '{start}'"):
            adapt(MeanOfTokens(), films, settings, tmp_path / "run", {}, None, given)


def test_checkpoints_from_before_there_were_starts_go_on(run, tmp_path):
    """As files they say nothing of it."""
    run(steps=2)
    assert all(
        b"head_start" not in path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()
    )
