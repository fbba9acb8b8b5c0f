"""The Hub: its own client against a server of this machine, and what needs no server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.artefact import read_artefact
from plotgenre.errors import ArtefactError
from plotgenre.hub import local_folder, push, shipped_models

NAME = "me/model"
CARD = "---\nlicense: mit\n---\n# Card\n"
UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def whole(fitted, tmp_path_factory):
    """A saved model with its encoder, which needs neither torch nor the real Hub."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    fitted.save(folder, evaluation={"micro_f1": 0.5}, card=CARD, bundle_encoder=True)
    return folder


@pytest.fixture
def client(hub, tmp_path):
    """Runs Python, or ``plotgenre``, as on a machine whose Hub is the server.

    A process of its own, for huggingface_hub reads its settings once. Its other protocol for
    large files, Xet, is off: the server speaks git's LFS.
    """

    def client(*arguments, token=hub.token, address=hub.address):
        environment = os.environ | {
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_TOKEN": token,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return client


def pushed(client, whole, options):
    code = (
        "from plotgenre import GenreClassifier\n"
        f"model = GenreClassifier.load({str(whole)!r})\n"
        f"print(model.push_to_hub({NAME!r}, {options}))"
    )
    done = client("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_there_and_back(hub, client, whole, fitted, film_lists, tmp_path):
    address = pushed(client, whole, f"private=True, bundle_encoder=True, card={CARD!r}")
    repository = hub.repositories[NAME]
    revision, files = repository.commits[-1]
    assert address == f"{hub.address}/{NAME}/commit/{revision}"
    assert repository.private
    assert set(hub.large.values()) == {files["head.safetensors"], files["encoder/model.onnx"]}
    assert files["encoder/model.onnx"] == (whole / "encoder" / "model.onnx").read_bytes()
    assert files["README.md"].decode() == CARD

    plots = film_lists[0][:5]
    lines = [json.dumps({"id": i, "plot": plot}) for i, plot in enumerate(plots)]
    (tmp_path / "new.jsonl").write_text("\n".join(lines))
    done = client("-m", "plotgenre", "tag", "new.jsonl", "--model", NAME)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["genres"] for line in done.stdout.splitlines()]
    expected = fitted.tag_many(plots)
    assert [list(one) for one in found] == [list(one) for one in expected]
    np.testing.assert_allclose(
        [p for one in found for p in one.values()],
        [p for one in expected for p in one.values()],
        atol=1e-4,
    )


def test_a_new_model_replaces_the_old_and_the_old_can_be_asked_for(hub, client, whole, tmp_path):
    pushed(client, whole, f"bundle_encoder=True, card={CARD!r}, evaluation={{'micro_f1': 0.5}}")
    pushed(client, whole, "")
    repository = hub.repositories[NAME]
    (_, old), (_, new) = repository.commits[1:]
    assert not repository.private
    assert set(old) - set(new) == {
        "evaluation.json",
        *(f"encoder/{file.name}" for file in (whole / "encoder").iterdir()),
    }
    assert new["README.md"].decode() == CARD

    revision = repository.commits[1][0]
    code = (
        "from plotgenre import GenreClassifier\n"
        f"GenreClassifier.from_pretrained({NAME!r}, revision={revision!r}).save_pretrained('copy')"
    )
    done = client("-c", code)
    assert done.returncode == 0, done.stderr
    snapshot = tmp_path / "home" / "hub" / "models--me--model" / "snapshots" / revision
    assert (snapshot / "encoder" / "model.onnx").exists()
    kept, first = (read_artefact(folder).tensors for folder in (tmp_path / "copy", whole))
    assert all((kept[name] == first[name]).all() for name in first)


PUSHED, READ = "cannot push to 'me/model': ", "no model folder 'me/model' here or on the Hub: "
REFUSALS = {
    "a stranger": {"push_to_hub('me/model')": PUSHED, "from_pretrained('me/model')": READ},
    "a Hub out of reach": {"push_to_hub('me/model')": PUSHED, "from_pretrained('me/model')": READ},
    "its owner": {
        "push_to_hub('me/my/model')": "cannot push to 'me/my/model': ",
        "from_pretrained('me/nothing')": "no model folder 'me/nothing' here or on the Hub: ",
        "from_pretrained('me/model', revision='v9')": READ,
        "from_pretrained('me/damaged')": "head.safetensors is damaged",
    },
}


@pytest.fixture(scope="module")
def damaged(whole):
    """The files of a model, one byte of its tensors changed."""
    names = [path for path in whole.rglob("*") if path.is_file()]
    files = {path.relative_to(whole).as_posix(): path.read_bytes() for path in names}
    head = bytearray(files["head.safetensors"])
    head[-1] ^= 1
    return files | {"head.safetensors": bytes(head)}


@pytest.mark.parametrize("who", REFUSALS)
def test_refusals_are_one_sentence(hub, client, whole, damaged, who):
    hub.add(NAME, damaged, private=True)
    hub.add("me/damaged", damaged)
    asked = REFUSALS[who]
    code = (
        "from plotgenre import GenreClassifier, PlotgenreError\n"
        f"model = GenreClassifier.load({str(whole)!r})\n"
        + "".join(
            f"try:\n    model.{call}\nexcept PlotgenreError as error:\n    print(error)\n"
            for call in asked
        )
    )
    machine = {"token": "hf_wrong"} if who == "a stranger" else {}
    if who == "a Hub out of reach":
        machine = {"address": UNREACHABLE}
    done = client("-c", code, **machine)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == len(asked)
    for sentence, words in zip(said, asked.values(), strict=True):
        assert words in sentence
    assert len(hub.repositories[NAME].commits) == 1


def test_a_local_folder_is_itself(tmp_path):
    assert local_folder(str(tmp_path), None) == tmp_path


@pytest.mark.parametrize("name", ["nobody/no-such-model", "/nowhere/at/all", "a model?"])
def test_what_is_nowhere(name, monkeypatch):
    # The switch itself is read at import, long before this test.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ArtefactError, match="here or on the Hub: ") as caught:
        GenreClassifier.from_pretrained(name)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_is_sent_if_writing_fails(monkeypatch):
    def fail(folder):
        raise ArtefactError("no")

    # An Api without any method: whatever were asked of it would be another error.
    monkeypatch.setattr("huggingface_hub.HfApi", SimpleNamespace)
    with pytest.raises(ArtefactError, match="no"):
        push(fail, NAME, private=False)


def test_a_model_of_the_package_by_its_name(monkeypatch, saved_model, tmp_path):
    (tmp_path / "encoder").mkdir()
    shutil.copytree(saved_model, tmp_path / "films")
    monkeypatch.setattr("plotgenre.hub.SHIPPED", tmp_path)
    assert shipped_models() == ["films"]
    assert local_folder("films", None) == tmp_path / "films"
    # A folder of that name here comes first only if it is a model.
    (tmp_path / "here" / "films").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert local_folder("films", None) == tmp_path / "films"
    shutil.copy(saved_model / "config.json", "films")
    assert local_folder("films", None) == Path("films")
