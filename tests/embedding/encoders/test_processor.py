"""What the processor has, by Linux's own word, else by OpenVINO's."""

import pytest

from plotgenre.embedding.encoders import processor
from plotgenre.embedding.encoders.processor import openvino_has_bfloat16, processor_features


def test_features_are_those_of_the_processor_by_name(tmp_path):
    (tmp_path / "x86").write_text("model\t: A\nflags\t\t: fpu avx2 avx512f avx512_bf16 sse\n\nx: y")
    assert processor_features(tmp_path / "x86") == ["avx2", "avx512f", "avx512_bf16"]
    (tmp_path / "arm").write_text("Features\t: fp asimd asimddp bf16\n")
    assert processor_features(tmp_path / "arm") == ["asimd", "asimddp", "bf16"]
    assert processor_features(tmp_path / "none") == []


@pytest.mark.parametrize("has", [["avx512f"], ["avx512f", "avx512_bf16"], ["amx_bf16"]])
def test_linux_is_believed(monkeypatch, has):
    monkeypatch.setattr(processor, "processor_features", lambda: has)
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    assert openvino_has_bfloat16() == (has != ["avx512f"])


def test_openvino_is_asked_where_linux_says_nothing_and_agrees_where_it_does(monkeypatch):
    pytest.importorskip("openvino")
    told = openvino_has_bfloat16()
    monkeypatch.setattr(processor, "processor_features", list)
    assert openvino_has_bfloat16() == told
