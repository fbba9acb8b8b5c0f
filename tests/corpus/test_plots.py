import numpy as np
import pytest

from plotgenre.corpus.plots import normalised_plot, plot_groups


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A man walks.", "a  MAN\n walks!"),
        ("Die Straße", "die STRASSE"),
        ("ﬁlm № 5", "film No 5"),
        ("“Quoted” — text", '"quoted" - text'),
        ("Amélie", "Ame\u0301lie"),
    ],
)
def test_the_same_plot_written_otherwise(one, other):
    assert normalised_plot(one) == normalised_plot(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a man", "a woman"), ("cote", "côte"), ("part 1", "part 2"), ("!!!", "???"), ("ab", "a b")],
)
def test_other_plots_stay_other(one, other):
    assert normalised_plot(one) != normalised_plot(other)


def test_groups_are_numbered_by_first_sight():
    assert plot_groups(["b", "A", "B.", "c", "a"]).tolist() == [0, 1, 0, 2, 1]
    assert plot_groups([]).shape == (0,)


def test_groups_agree_with_normalised_plots():
    rng = np.random.default_rng(1)
    plots = ["".join(rng.choice(list("aB .é"), size=3)) for _ in range(300)]
    groups = plot_groups(plots)
    forms = [normalised_plot(plot) for plot in plots]
    assert len({*zip(groups.tolist(), forms, strict=True)}) == len(set(forms)) == groups.max() + 1
