"""The Hub, without a network: local folders, what is missing, and what would be sent."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from plotgenre import GenreClassifier
from plotgenre.errors import ArtefactError
from plotgenre.hub import local_folder, push, shipped_models


def test_a_local_folder_is_itself(tmp_path):
    assert local_folder(str(tmp_path), None) == tmp_path


@pytest.mark.parametrize("name", ["nobody/no-such-model", "/nowhere/at/all", "a model?"])
def test_what_is_nowhere(name, monkeypatch):
    # The switch itself is read at import, long before this test.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ArtefactError, match="here or on the Hub: ") as caught:
        GenreClassifier.from_pretrained(name)
    assert len(str(caught.value).splitlines()) == 1


def test_push_makes_the_repository_and_sends_the_folder(monkeypatch, fitted):
    sent = {}

    class Api:
        def create_repo(self, repo_id, private, exist_ok):
            sent.update(repo_id=repo_id, private=private, exist_ok=exist_ok)

        def upload_folder(self, repo_id, folder_path):
            sent["files"] = {path.name for path in folder_path.iterdir()}
            return SimpleNamespace(commit_url=f"https://hub/{repo_id}")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert fitted.push_to_hub("me/model", private=True, card="# Card") == "https://hub/me/model"
    assert sent == {
        "repo_id": "me/model",
        "private": True,
        "exist_ok": True,
        "files": {"config.json", "head.safetensors", "README.md"},
    }


def test_nothing_is_sent_if_writing_fails(monkeypatch):
    def fail(folder):
        raise ArtefactError("no")

    api = SimpleNamespace(create_repo=lambda *_, **__: None)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: api)
    with pytest.raises(ArtefactError, match="no"):
        push(fail, "me/model", private=False)


def test_a_model_of_the_package_by_its_name(monkeypatch, saved_model, tmp_path):
    (tmp_path / "encoder").mkdir()
    shutil.copytree(saved_model, tmp_path / "films")
    monkeypatch.setattr("plotgenre.hub.SHIPPED", tmp_path)
    assert shipped_models() == ["films"]
    assert local_folder("films", None) == tmp_path / "films"
    # A folder of that name here comes first: it is what the user sees.
    monkeypatch.chdir(tmp_path)
    assert local_folder("films", None) == Path("films")
