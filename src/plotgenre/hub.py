"""Where models come from: a folder, this package, the Hugging Face Hub; and the way to the Hub."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from plotgenre.errors import ArtefactError

SHIPPED = Path(__file__).parent / "shipped"
"""The models that come with the package, a folder each; they share the encoder beside them."""


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(config.parent.name for config in SHIPPED.glob("*/config.json"))


def local_folder(name: str, revision: str | None) -> Path:
    """The folder itself if it exists here, else a model of the package, else one of the Hub.

    Raises
    ------
    ArtefactError
        If it is neither here nor in the package nor on the Hub.
    """
    if Path(name).is_dir():
        return Path(name)
    if name in shipped_models():
        return SHIPPED / name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(name, revision=revision))
    except (HFValidationError, HfHubHTTPError, OSError) as refused:
        reason = next(iter(str(refused).strip().splitlines()), type(refused).__name__)
        raise ArtefactError(f"no model folder {name!r} here or on the Hub: {reason}") from refused


def push(write: Callable[[Path], None], repo_id: str, *, private: bool) -> str:
    """Write a model into a repository of the Hub, made if absent; returns its address."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repo_id, private=private, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "model"
        write(folder)
        return str(api.upload_folder(repo_id=repo_id, folder_path=folder).commit_url)
