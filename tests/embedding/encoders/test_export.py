import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import (
    EncoderSettings,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.embedding.encoders import export as export_module
from plotgenre.embedding.encoders.export import export_encoder
from plotgenre.embedding.encoders.transformer import TransformerEncoder
from plotgenre.errors import EncoderError, MissingExtraError

Settings = Callable[..., EncoderSettings]


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def test_an_export_is_the_same_function(
    pair: tuple[Path, Path], runtime: str, settings: Settings, sentences: list[str]
) -> None:
    texts = [*sentences, "Love.", "🦊 電影", " ".join(sentences)]
    source, exported = load_encoder(settings(pair[0])), load_encoder(settings(pair[1], kind="onnx"))
    assert least_cosine(source.encode(texts), exported.encode(texts)) >= 0.9999
    np.testing.assert_allclose(source.encode(texts), exported.encode(texts), atol=1e-4)
    assert source.card.fingerprint == exported.card.fingerprint
    assert source.card.text_tokens == exported.card.text_tokens


def test_pooling_prompt_and_limit_go_along_and_nothing_is_printed(
    tiny_masked: Path,
    settings: Settings,
    tmp_path: Path,
    sentences: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked = settings(tiny_masked, pooling="last", prompt="The plot: ", max_tokens=16)
    source = load_encoder(asked)
    save_encoder(asked, tmp_path / "encoder")
    assert capfd.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]
    saved = load_encoder(saved_encoder(asked, tmp_path / "encoder"))
    assert least_cosine(source.encode(sentences), saved.encode(sentences)) >= 0.9999
    for fact in ("fingerprint", "prompt", "max_tokens", "reserved_tokens", "dimension"):
        assert getattr(saved.card, fact) == getattr(source.card, fact)


@pytest.mark.parametrize("what", ["file", "full folder"])
def test_what_stands_there_is_not_overwritten(
    tiny_masked: Path, settings: Settings, tmp_path: Path, what: str
) -> None:
    place = tmp_path / "place"
    inside = place if what == "file" else place / "precious"
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("precious")
    with pytest.raises(EncoderError, match="is not an empty folder"):
        export_encoder(settings(tiny_masked), place)
    assert inside.read_text() == "precious"


def test_an_export_that_differs_leaves_nothing_behind(
    tiny_masked: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export_module._LEAST_COSINE, "float32", 1.01)
    with pytest.raises(EncoderError, match="differs from its source: cosine"):
        export_encoder(settings(tiny_masked), tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_is_traced_where_the_model_is(
    tiny_masked: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    # No accelerator is needed: the device "meta" stands for any that is not the processor.
    model = TransformerEncoder(settings(tiny_masked)).model.to("meta")
    given: list[torch.Tensor] = []
    monkeypatch.setattr(torch.onnx, "export", lambda module, ids, *rest, **more: given.extend(ids))
    export_module._write_graph(model, tmp_path / "model.onnx", "tiny")
    assert [tensor.device.type for tensor in given] == ["meta", "meta"]


@pytest.mark.parametrize("library", ["onnx", "onnxscript"])
def test_a_missing_library_is_named_with_its_install_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[export\]'"):
        export_encoder(settings(tmp_path), tmp_path / "encoder")
