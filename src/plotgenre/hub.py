"""Where models come from: a folder, this package, the Hugging Face Hub; and the way to the Hub."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plotgenre.errors import ArtefactError
from plotgenre.whole_files import put_back

# What an older model may have left in a repository and the new one need not have.
_REPLACED = ["encoder/*", "evaluation.json"]

DEFAULT_MODEL = "films"

SHIPPED = Path(__file__).parent / "shipped"
"""The models that come with the package, a folder each; they share the encoder beside them."""


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(config.parent.name for config in SHIPPED.glob("*/config.json"))


def local_folder(name: str, revision: str | None) -> Path:
    """The folder itself if it is here, else a model of the package, else one of the Hub.

    A folder without a model does not hide the package's model of its name: ``films`` is what
    people call the folder of their films.

    Raises
    ------
    ArtefactError
        If it is neither here nor in the package nor on the Hub.
    """
    here = Path(name)
    put_back(here)
    if name in shipped_models() and not (here / "config.json").is_file():
        return SHIPPED / name
    if here.is_dir():
        return here
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(name, revision=revision))
    except (HFValidationError, HfHubHTTPError, OSError) as refused:
        raise ArtefactError(
            f"no model folder {name!r} here or on the Hub: {_reason(refused)}"
        ) from refused


def push(write: Callable[[Path], None], repo_id: str, *, private: bool) -> str:
    """Write a model into a repository of the Hub, made if absent; returns the commit's address.

    What an older model left there goes; a card written by hand stays, unless there is a new one.

    Raises
    ------
    ArtefactError
        If the Hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # The HTTP library's root: a Hub that cannot be reached is neither a HfHubHTTPError nor an
    # OSError; a large file that did not arrive is a RuntimeError.
    http_error: Any = HfHubHTTPError.__mro__[1]
    api = HfApi()
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "model"
        write(folder)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=folder, delete_patterns=_REPLACED
            )
        except (HFValidationError, http_error, OSError, RuntimeError) as refused:
            raise ArtefactError(f"cannot push to {repo_id!r}: {_reason(refused)}") from refused
    return str(commit.commit_url)


def _reason(refused: BaseException) -> str:
    return next(iter(str(refused).strip().splitlines()), type(refused).__name__)
