"""The container's files: what they say is parsed, and their commands are run here."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed; it is in the extra dev")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def instructions():
    """The Dockerfile as pairs of instruction and the rest, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [tuple(line.strip().split(maxsplit=1)) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def values(instructions, name):
    return [value for key, value in instructions if key == name]


def test_the_image_has_no_torch_and_no_root(instructions):
    (install,) = [run for run in values(instructions, "RUN") if "pip install" in run]
    # Neither extra brings torch.
    assert '".[serve,parquet]"' in install
    assert values(instructions, "USER") == ["plotgenre"]
    names = [key for key, _ in instructions]
    # Whatever comes after is run as this user.
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert {"HEALTHCHECK", "STOPSIGNAL", "EXPOSE"} <= set(names)
    assert all("slim" in base for base in values(instructions, "FROM"))


def test_what_is_copied_is_there_and_not_ignored(instructions):
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [
        name
        for value in values(instructions, "COPY")
        if not value.startswith("--from")
        for name in value.split()[:-1]
    ]
    assert set(copied) == kept
    assert all((ROOT / name).exists() for name in copied)


def test_all_that_the_package_is_built_from_is_copied(instructions):
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, build = about["project"], about["tool"]["hatch"]["build"]["targets"]
    needed = {
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        *(package.partition("/")[0] for package in build["wheel"]["packages"]),
        *build["wheel"]["force-include"],
    }
    copied = {name for value in values(instructions, "COPY") for name in value.split()[:-1]}
    assert needed <= copied


@pytest.mark.parametrize("which", ["Dockerfile", "compose.yaml"])
def test_the_command_serves_and_is_healthy(which, instructions, compose, command, tmp_path, until):
    (entry,), (arguments,) = values(instructions, "ENTRYPOINT"), values(instructions, "CMD")
    started = json.loads(arguments)
    if which == "compose.yaml":
        started = compose["services"]["plotgenre"]["command"]
    assert json.loads(entry) == ["plotgenre", "serve"]
    key = tmp_path / "key"
    key.write_text("a key")
    (secret,) = compose["services"]["plotgenre"]["secrets"]
    here = {"8000": "0", "0.0.0.0": "127.0.0.1", f"/run/secrets/{secret}": str(key)}
    # Words alone, for the encoder's seconds are spent elsewhere.
    with command(*[here.get(one, one) for one in started], "--fast") as (_, client):
        (check,) = values(instructions, "HEALTHCHECK")
        program = json.loads(check[check.index("CMD") + 3 :])
        assert program[0] == "python"
        asked = [one.replace("http://127.0.0.1:8000", str(client.base_url)) for one in program[1:]]

        def healthy():
            done = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
            return done.returncode == 0

        until(healthy, 60)
        status = 401 if which == "compose.yaml" else 200
        assert client.get("/v1/model").status_code == status


def test_the_composition_gives_it_no_more_than_it_needs(compose):
    service = compose["services"]["plotgenre"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert set(service["secrets"]) == set(compose["secrets"])
    assert "environment" not in service
