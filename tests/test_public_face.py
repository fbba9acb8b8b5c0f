"""The public face: seven names, loaded when they are asked for."""

import subprocess
import sys

import pytest

import plotgenre

NAMES = {
    "Corpus",
    "Film",
    "GenreClassifier",
    "PlotgenreError",
    "Recipe",
    "read_corpus",
    "run_experiment",
}
HEAVY = {
    "torch",
    "onnxruntime",
    "openvino",
    "pyarrow",
    "sklearn",
    "transformers",
    "sentence_transformers",
    "matplotlib",
}


def test_names():
    assert set(plotgenre.__all__) == NAMES
    assert set(dir(plotgenre)) == NAMES | {"__version__"}
    for name in NAMES:
        assert getattr(plotgenre, name).__name__ == name


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'Classifier'"):
        _ = plotgenre.Classifier


def test_errors_have_one_root():
    from plotgenre import errors

    children = [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
    ]
    assert all(issubclass(child, plotgenre.PlotgenreError) for child in children)
    assert isinstance(errors.MissingExtraError("X", "train"), ImportError)
    assert str(errors.MissingExtraError("X", "train")) == (
        "X needs an optional part: pip install 'plotgenre[train]'"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import plotgenre",
        "import sys; sys.argv = ['plotgenre', '--help']\n"
        "try:\n    import runpy; runpy.run_module('plotgenre', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code",
    ],
    ids=["import", "help"],
)
def test_loads_nothing_heavy(code):
    probe = f"{code}\nimport sys; print('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"
