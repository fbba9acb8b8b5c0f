"""What is released: a source archive, the wheel built from it, and the wheel installed alone."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from plotgenre import GenreClassifier, __version__

pytest.importorskip("hatchling", reason="hatchling is not installed; it is in the extra dev")

ROOT = Path(__file__).resolve().parents[1]
LARGE = 200_000


def build(target: str, source: Path, into: Path) -> Path:
    """The archive that hatchling builds of a source folder, without a network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the source archive alone, which so proves to be whole."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def venv(wheel, tmp_path_factory):
    """An environment that holds the wheel, and sees the libraries of this one."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = ["-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *pip, str(wheel)], check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path of a .pth file comes after the environment's own, and its own .pth files, such as an
    # editable plotgenre's, are not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def run(venv, tmp_path):
    """Runs a program of the environment outside the checkout."""

    def run(program, *arguments):
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [str(venv / "bin" / program), *map(str, arguments)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_source_archive_holds_what_is_needed_and_no_more(sdist):
    assert sdist.name == f"plotgenre-{__version__}.tar.gz"
    with tarfile.open(sdist) as archive:
        files = {
            member.name.partition("/")[2]: member.size for member in archive if member.isfile()
        }
    assert {name.partition("/")[0] for name in files} == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "NOTICE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "recipes",
        "src",
    }
    assert max(size for name, size in files.items() if "/shipped/" not in name) < LARGE


def test_the_wheel_holds_recipes_and_templates_and_no_tests(wheel):
    assert wheel.name == f"plotgenre-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        files = {entry.filename: entry.file_size for entry in archive.infolist()}
        about = Parser().parsestr(
            archive.read(f"plotgenre-{__version__}.dist-info/METADATA").decode()
        )
    source = ROOT / "src" / "plotgenre"
    expected = {
        f"plotgenre/{path.relative_to(source).as_posix()}"
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {f"plotgenre/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.toml")}
    assert {name for name in files if ".dist-info/" not in name} == expected
    assert any(name.endswith(".html.jinja") for name in expected)
    assert max(size for name, size in files.items() if "/shipped/" not in name) < LARGE
    assert wheel.stat().st_size < 40e6
    assert about["Version"] == __version__
    # A first install reads no torch: it is in extras only.
    plain = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in plain if re.match("torch|sentence|scikit", line)]


def test_the_installed_wheel_tags(run, venv, film_lists, tmp_path):
    GenreClassifier("lexical").set_params(genres__minimum_films=5).fit(*film_lists).save(
        tmp_path / "model"
    )
    where = run("python", "-c", "import plotgenre; print(plotgenre.__file__)")
    assert Path(where.strip()).is_relative_to(venv)
    tagged = run("plotgenre", "tag", "ghost house cellar discovers old", "--model", "model")
    assert "Horror" in tagged


@pytest.mark.parametrize("options", [[], ["--fast"], ["--model", "standard"]])
def test_the_installed_wheel_tags_with_its_own_models(run, options):
    plot = "A detective hunts a murderer through the city, and the trail leads to the police."
    tagged = json.loads(run("plotgenre", "tag", plot, *options))
    assert {"Crime Fiction", "Crime", "Thriller"} & set(tagged["genres"])


def test_the_installed_wheel_has_its_recipes_and_pages(run, tmp_path):
    code = (
        "from plotgenre.recipe import Recipe, recipe_names\n"
        "for name in recipe_names():\n    Recipe.load(name)\n    print(name)"
    )
    assert run("python", "-c", code).split() == sorted(
        path.stem for path in (ROOT / "recipes").glob("*.toml")
    )
    films = ROOT / "examples" / "films.csv"
    run("plotgenre", "inspect", films, "--no-near-duplicates", "--report", "it.html")
    assert "</html>" in (tmp_path / "it.html").read_text(encoding="utf-8")


def test_the_changelog_has_a_place_for_what_is_new():
    sections = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert sections[0] == "Unreleased"
    assert len(set(sections)) == len(sections)
