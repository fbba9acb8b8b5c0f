"""Learning another encoder's vectors, by hand and in the loop."""

import dataclasses

import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.learning.adapting import adapt
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.token_films import TokenFilms

torch = pytest.importorskip("torch")

TOKENS, DIMENSION = 9, 5
SETTINGS = AdaptingSettings(
    steps=400, films=6, learning_rate=0.05, head_dropout=0.0, teacher="one", teacher_weight=30.0
)


class MeanOfTokens:
    """A SliceEncoder without a transformer."""

    dimension, pad = DIMENSION, 0

    def __init__(self, seed=0):
        torch.set_num_threads(1)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.module = torch.nn.Embedding(TOKENS, DIMENSION)
        self.depths = {"weight": 0}

    def vectors(self, ids, mask):
        return (self.module(ids) * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]

    def told(self, films):
        """Of all slices."""
        with torch.no_grad():
            batch = films.padded(np.arange(len(films.lengths)), self.pad)
            return self.vectors(*map(torch.from_numpy, batch)).numpy()


def make_films(seed=0):
    rng = np.random.default_rng(seed)
    slices = [
        [rng.integers(1, TOKENS, rng.integers(1, 5)).astype(np.int32) for _ in range(1 + film % 3)]
        for film in range(30)
    ]
    return TokenFilms.of("train", slices, rng.random((30, 2)) < 0.5)


def cosines(one, other):
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_the_loss_is_that_of_the_genres_and_what_the_teacher_is_missed_by(tmp_path):
    from plotgenre.learning.adaptation import AdaptationRun, DrawnFilms
    from plotgenre.learning.distillation import DistillationRun

    films = make_films()
    teacher = np.zeros((len(films.lengths), DIMENSION), np.float16)
    teacher[[4, 5, 0], [0, 1, 2]] = 7
    states = tmp_path / "states"
    run = DistillationRun(MeanOfTokens(), films, films, SETTINGS, states, teacher)
    drawn = DrawnFilms(np.array([2, 0]), np.array([4, 5, 0]), torch.tensor([2, 1]))
    # Of the first film one slice as the teacher says and one at right angles, of the second the
    # opposite: 1/2 and 2.
    vectors = torch.zeros(3, DIMENSION)
    vectors[[0, 1, 2], [0, 2, 2]] = torch.tensor([0.5, 3.0, -1.0])
    genres = AdaptationRun.summed_loss(run, drawn, vectors)
    missed = (run.summed_loss(drawn, vectors) - genres).item()
    assert missed == pytest.approx(30 * 2.5, rel=1e-5)


def test_what_is_left_out_of_the_teachers_vectors_is_learned(tmp_path):
    films, encoder, teacher = make_films(), MeanOfTokens(), MeanOfTokens(seed=1)
    told = teacher.told(films)
    before = cosines(encoder.told(films), told).mean()
    adapt(encoder, (films, films), SETTINGS, tmp_path / "run", {}, teacher=told)
    assert before < 0.5
    assert cosines(encoder.told(films), told).mean() > 0.95


def test_a_weight_of_nearly_nothing_teaches_nothing(tmp_path):
    films, told = make_films(), MeanOfTokens(seed=1).told(make_films())
    found = []
    for weight, teacher in ((1e-12, told), (1e-12, None)):
        settings = dataclasses.replace(SETTINGS, steps=5, teacher_weight=weight)
        encoder = MeanOfTokens()
        adapt(encoder, (films, films), settings, tmp_path / str(len(found)), {}, teacher=teacher)
        found.append(encoder.told(films))
    np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, DIMENSION), (60, DIMENSION + 1)])
def test_a_teacher_of_other_vectors_is_refused(tmp_path, shape):
    films = make_films()
    assert len(films.lengths) == 60
    with pytest.raises(InputError, match=r"adapting\.teacher gives vectors of shape"):
        adapt(MeanOfTokens(), (films, films), SETTINGS, tmp_path, {}, teacher=np.ones(shape, "f4"))


def test_checkpoints_know_the_teachers_weight_and_not_its_place(tmp_path):
    films = make_films()
    told = MeanOfTokens(seed=1).told(films)

    def run(**changes):
        settings = dataclasses.replace(SETTINGS, **{"steps": 2} | changes)
        return adapt(MeanOfTokens(), (films, films), settings, tmp_path / "run", {}, teacher=told)

    run()
    assert run(teacher="another place", steps=3).step == 3
    with pytest.raises(InputError, match=r"adapting\.teacher_weight"):
        run(teacher_weight=1.0)
