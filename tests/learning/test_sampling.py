"""Each method against its paper's definition, on films few enough to be worked out by hand."""

import subprocess
import sys
from typing import get_args, get_type_hints

import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.embedding.bags import Bags
from plotgenre.errors import RecipeError
from plotgenre.learning import sampling
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.sampling import SamplingSettings, resample

METHODS = sorted(sampling.METHODS)
each = pytest.mark.parametrize("method", METHODS)


def films_of(positions, genres: list[str], names: str) -> LabelledBags:
    """Films of one slice at positions on a line; genres by letter."""
    Y = np.array([[name in own for name in names] for own in genres], dtype=bool)
    vectors = np.atleast_2d(np.asarray(positions, dtype=np.float32).T).T
    return LabelledBags(Bags.of_pooled(vectors), Y)


def genres_of(films: LabelledBags, names: str) -> list[str]:
    return ["".join(name for name, on in zip(names, row, strict=True) if on) for row in films.Y]


@pytest.fixture
def long_tail(make_bags) -> LabelledBags:
    """200 films of 1 to 6 slices and 10 genres, the k-th commonest in a share of 0.7 / k."""
    rng = np.random.default_rng(1)
    return LabelledBags(make_bags(200), rng.random((200, 10)) < 0.7 / np.arange(1, 11))


# ------------------------------------------------------------------ measures


def test_minority_genres_have_an_irlbl_above_the_mean():
    # a in 6 films, b in 3, c in 1, d in none: IRLbl 1, 2, 6, none; MeanIR 3.
    films = films_of(range(6), ["abc", "ab", "ab", "a", "a", "a"], "abcd")
    ratios = sampling.imbalance_ratios(films.Y.sum(axis=0))
    np.testing.assert_allclose(ratios, [1, 2, 6, np.inf])
    assert sampling.minority_genres(films.Y).tolist() == [False, False, True, False]
    assert not sampling.minority_genres(np.ones((4, 3), dtype=bool)).any()
    assert not sampling.minority_genres(np.zeros((4, 3), dtype=bool)).any()


def test_scumble_of_a_film():
    # IRLbl of a is 1, of b 4: geometric mean 2, arithmetic mean 2.5.
    films = films_of(range(5), ["ab", "a", "a", "a", ""], "ab")
    np.testing.assert_allclose(sampling.film_scumble(films.Y), [0.2, 0, 0, 0, 0], atol=1e-12)


def test_adjusted_hamming_distance():
    left = films_of(range(5), ["ab", "ab", "ab", "", ""], "abcd").Y
    right = films_of(range(5), ["ab", "cd", "bcd", "a", ""], "abcd").Y
    np.testing.assert_allclose(sampling.adjusted_hamming(left, right), [0, 1, 3 / 5, 1, 0])


# -------------------------------------------------------------------- ML-ROS


def test_ml_ros_stops_once_the_genre_is_no_longer_a_minority():
    # IRLbl 1 and 6, MeanIR 3.5. One clone of the b film: 6 / 2 = 3, which is no more than 3.5.
    films = films_of(range(7), ["a", "a", "a", "a", "a", "a", "b"], "ab")
    grown = resample(films, SamplingSettings(method="ml_ros", share=1.0), seed=0)
    assert genres_of(grown, "ab") == ["a"] * 6 + ["b"] * 2
    assert grown.bags.vectors.ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 6]


def test_ml_ros_counts_what_else_a_clone_carries():
    # b stands beside a: 6 / 1, then (6 + m) / (1 + m), at most 3.5 from m = 1 on.
    films = films_of(range(6), ["a", "a", "a", "a", "a", "ab"], "ab")
    assert len(resample(films, SamplingSettings(method="ml_ros", share=1.0), seed=0)) == 7
    # c of 12 films, b of 2 that are in c, a of 1 that is in b and c: IRLbl 1, 6, 12, MeanIR 19/3.
    # Only a is a minority: 13 / 2 = 6.5 is above 19/3, 14 / 3 is not.
    films = films_of(range(12), ["abc", "bc", *["c"] * 10], "abc")
    grown = resample(films, SamplingSettings(method="ml_ros", share=1.0), seed=0)
    assert genres_of(grown, "abc")[12:] == ["abc", "abc"]


@pytest.mark.parametrize(("share", "clones"), [(0.06, 1), (0.12, 2), (0.17, 3), (1.0, 4)])
def test_ml_ros_clones_a_share_of_films_genre_by_genre(share, clones):
    # a of 16 films, b and c of 1: IRLbl 1, 16, 16, MeanIR 11; 16 / 2 = 8 is below.
    films = films_of(range(18), [*["a"] * 16, "b", "c"], "abc")
    grown = resample(films, SamplingSettings(method="ml_ros", share=share), seed=0)
    assert genres_of(grown, "abc")[18:] == ["b", "c"][:clones]
    # With d and e in the films of a, MeanIR is 35 / 5 = 7, so that b and c need 2 clones each.
    films = films_of(range(18), [*["ade"] * 16, "b", "c"], "abcde")
    grown = resample(films, SamplingSettings(method="ml_ros", share=share), seed=0)
    assert genres_of(grown, "abcde")[18:] == ["b", "c", "b", "c"][:clones]


def test_ml_ros_clones_keep_all_slices(long_tail):
    grown = resample(long_tail, SamplingSettings(method="ml_ros", share=0.1), seed=0)
    assert len(grown) == 220
    own = [slice_rows(long_tail, film) for film in range(200)]
    for film in range(200, 220):
        original = own.index(slice_rows(grown, film))
        assert (grown.Y[film] == long_tail.Y[original]).all()
        assert long_tail.Y[original][sampling.minority_genres(long_tail.Y)].any()


def slice_rows(films: LabelledBags, film: int) -> bytes:
    return films.bags.vectors[slice(*films.bags.offsets[film : film + 2])].tobytes()


# ------------------------------------------------------------------ ML-SMOTE


def test_ml_smote_puts_a_film_between_each_seed_and_its_neighbour():
    # r of 3 films, at 0, 1 and 10 along both axes; of 12, a of 9. IRLbl 1 and 3, MeanIR 2.
    line = [0.0, 1.0, 10.0, *range(20, 29)]
    films = films_of([[x, -x] for x in line], ["r", "r", "r", *["a"] * 9], "ra")
    settings = SamplingSettings(method="ml_smote", neighbours=1)
    grown = resample(films, settings, seed=0)
    assert genres_of(grown, "ra") == ["r"] * 3 + ["a"] * 9 + ["r"] * 3
    new = grown.bags.vectors[12:] * [1, -1]
    # 0 goes towards 1, 1 towards 0, and 10 towards 1, never towards the nearer film of a.
    for film, (low, high) in zip(new, [(0, 1), (0, 1), (1, 10)], strict=True):
        assert (low < film).all()
        assert (film < high).all()
    # Every feature goes its own part of the way.
    assert (np.abs(new[:, 0] - new[:, 1]) > 1e-3).all()
    assert grown.bags.sizes[12:].tolist() == [1, 1, 1]


def test_ml_smote_genres_are_those_of_at_least_half():
    # r of 4 films, a of 36, b of 18, c of 17: IRLbl 9, 1, 2, 2.1, MeanIR 3.5; r is the minority.
    films = films_of(range(40), ["rb", "rb", "rc", "r", *["abc"] * 16, *["a"] * 20], "rabc")
    grown = resample(films, SamplingSettings(method="ml_smote", neighbours=3), seed=0)
    # Each seed and its 3 neighbours are the 4 films of r: b in 2 of 4 is half, c in 1 is not.
    assert genres_of(grown, "rabc")[40:] == ["rb"] * 4
    # With 1 neighbour c has one vote of the two, at 2 (whose neighbour is at 1 or 3) at least.
    grown = resample(films, SamplingSettings(method="ml_smote", neighbours=1), seed=0)
    assert "c" in genres_of(grown, "rabc")[42]


def test_ml_smote_makes_nothing_of_a_genres_only_film():
    films = films_of(range(9), ["r", *["a"] * 8], "ra")
    assert len(resample(films, SamplingSettings(method="ml_smote"), seed=0)) == 9


def test_ml_smote_draws_from_as_many_neighbours_as_it_is_told():
    # Seeds at 0, 1 and 10: with one neighbour the film at 0 cannot go beyond 1, with two it can.
    films = films_of([0, 1, 10, *range(20, 29)], ["r"] * 3 + ["a"] * 9, "ra")

    def furthest(neighbours: int) -> float:
        settings = SamplingSettings(method="ml_smote", neighbours=neighbours)
        return max(resample(films, settings, seed).bags.vectors[12, 0] for seed in range(20))

    assert furthest(1) <= 1 < furthest(2) == furthest(9)


def test_ml_smote_measures_between_means_of_slices():
    # The r films' means are 0, 1 and 10, though their single slices lie far away.
    vectors = np.array([-50, 50, 1, -40, 60, *range(20, 29)], dtype=np.float32)[:, None]
    offsets = np.array([0, 2, 3, *range(5, 15)], dtype=np.int64)
    Y = films_of(range(12), ["r"] * 3 + ["a"] * 9, "ra").Y
    grown = resample(
        LabelledBags(Bags(vectors, offsets), Y),
        SamplingSettings(method="ml_smote", neighbours=1),
        seed=0,
    )
    assert grown.bags.offsets.tolist() == [*offsets.tolist(), 15, 16, 17]
    assert 0 < grown.bags.vectors[14, 0] < 1 < grown.bags.vectors[16, 0] < 10


# ----------------------------------------------------------------- ML-Tomek

# Neighbours of each other: 0-1, 3-4, 6-7; 12's nearest is 7, whose nearest is 6.
LINE = [0, 1, 3.5, 4, 6.5, 7, 12, *range(100, 200, 10)]
# a of 12 films, b of 2, c of 3: IRLbl 1, 6, 4, MeanIR 11/3; b and c are minorities.
LINKED = ["a", "b", "b", "c", "a", "a", "c", *["a"] * 9, "ca"]


def tomek(**settings) -> list[float]:
    films = films_of(LINE, LINKED, "abc")
    grown = resample(films, SamplingSettings(method="ml_tomek", **settings), seed=0)
    return grown.bags.vectors.ravel().tolist()


def test_ml_tomek_removes_the_majority_film_of_a_link():
    # 0 (a) - 1 (b): 0 goes. 3.5 (b) - 4 (c): both are rare and stay. 6.5 - 7: the same genre.
    # 12 (c) and 7 are no link. The films from 100 on are equally far from two others.
    assert tomek()[:6] == [1, 3.5, 4, 6.5, 7, 12]


def test_ml_tomek_as_cleaning_removes_both():
    assert tomek(removes="both")[:3] == [6.5, 7, 12]


def test_ml_tomek_links_differ_by_more_than_the_threshold():
    # a of 8, r of 1: IRLbl 1 and 8. The distance of a and ar is 1 / 3.
    films = films_of([0, 1, *range(10, 130, 20)], ["a", "ar", *["a"] * 6], "ar")
    sizes = [
        len(resample(films, SamplingSettings(method="ml_tomek", distance_threshold=at), seed=0))
        for at in (0.3, 1 / 3, 0.5)
    ]
    assert sizes == [7, 8, 8]


def test_ml_tomek_leaves_a_pair_without_minority_genre():
    films = films_of([0, 1, 10, 30], ["a", "b", "a", "b"], "ab")
    assert len(resample(films, SamplingSettings(method="ml_tomek"), seed=0)) == 4


def test_ml_tomek_that_leaves_nothing_says_so():
    films = films_of([0, 1], ["a", "b"], "ab")
    settings = SamplingSettings(method="ml_tomek", removes="both")
    with pytest.raises(RecipeError, match="leaves none of 2 train films: raise distance_threshold"):
        resample(films, settings, seed=0)
    one = LabelledBags(films.bags.take([0]), films.Y[:1])
    assert resample(one, settings, seed=0) is one


# ----------------------------------------------------------------- REMEDIAL


def test_remedial_parts_common_from_rare_genres():
    # a of 9 films, b of 8, c of 1: IRLbl 1, 9/8, 9, MeanIR 3.7; only the first film has a SCUMBLE
    # well above the mean: 1 - sqrt(9) / 5 = 0.4. That of ab is 0.0017, below the mean of 0.041.
    films = films_of(range(10), ["ac", *["ab"] * 8, ""], "abc")
    grown = resample(films, SamplingSettings(method="remedial"), seed=0)
    assert genres_of(grown, "abc") == ["a", *["ab"] * 8, "", "c"]
    assert grown.bags.vectors.ravel().tolist() == [*range(10), 0]
    assert genres_of(films, "abc")[0] == "ac"


def test_remedial_leaves_films_of_one_kind_and_equal_films_whole():
    # IRLbl 1, 1, 6, 12, MeanIR 5: c and d are both rare, and their film lies above the mean.
    films = films_of(range(14), [*["ab"] * 12, "cd", "c"], "abcd")
    scumble = sampling.film_scumble(films.Y)
    assert scumble[12] > scumble.mean()
    assert genres_of(resample(films, SamplingSettings(method="remedial"), 0), "abcd")[12] == "cd"
    alike = films_of(range(3), ["abc"] * 3, "abc")
    assert len(resample(alike, SamplingSettings(method="remedial"), seed=0)) == 3


# ------------------------------------------------------------------ of each


@each
def test_bags_stay_whole_and_the_given_films_as_they_were(method, long_tail):
    before = long_tail.digest()
    got = resample(long_tail, SamplingSettings(method=method), seed=0)
    LabelledBags.checked("resampled", got.bags, got.Y)
    assert long_tail.digest() == before != got.digest()
    assert got.bags.vectors.dtype == np.float32
    assert got.bags.offsets.dtype == np.int64
    assert got.Y.dtype == bool
    assert got.Y.shape[1] == 10
    # Rare genres keep their films, or gain some.
    rare = sampling.minority_genres(long_tail.Y)
    assert (got.Y.sum(axis=0)[rare] >= long_tail.Y.sum(axis=0)[rare]).all()
    assert rare.any()


@each
def test_the_same_seed_gives_the_same_films(method, long_tail):
    settings = SamplingSettings(method=method)
    first = resample(long_tail, settings, seed=0).digest()
    np.random.seed(99)
    assert resample(long_tail, settings, seed=0).digest() == first
    other = resample(long_tail, settings, seed=1).digest()
    assert (other != first) == (method in ("ml_ros", "ml_smote"))


@each
def test_balanced_genres_and_films_without_genres_are_left(method):
    for genres in (["a", "a", "b", "b"], [""] * 4):
        films = films_of([0, 10, 21, 33], genres, "ab")
        got = resample(films, SamplingSettings(method=method), seed=0)
        assert got.digest() == films.digest()


def test_none_gives_the_films_themselves(long_tail):
    assert resample(long_tail, SamplingSettings(), seed=0) is long_tail


def test_every_name_in_the_settings_is_a_method():
    assert {*METHODS, "none"} == set(get_args(get_type_hints(SamplingSettings)["method"]))


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "smote"},
        {"share": 0},
        {"share": 1.5},
        {"neighbours": 0},
        {"distance_threshold": 1.0},
        {"distance_threshold": -0.1},
        {"removes": "minority"},
        {"colour": "red"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        SamplingSettings(**settings)


def test_a_missing_scikit_learn_is_named():
    code = """
import sys; sys.modules["sklearn"] = None
import numpy as np
from plotgenre.embedding.bags import Bags
from plotgenre.errors import MissingExtraError
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.sampling import SamplingSettings, resample
films = LabelledBags(Bags.of_pooled(np.eye(3, dtype=np.float32)), np.eye(3, dtype=bool))
try:
    resample(films, SamplingSettings(method="ml_tomek"), seed=0)
except MissingExtraError as error:
    assert "plotgenre[train]" in str(error), error
else:
    raise AssertionError("resampled without scikit-learn")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
