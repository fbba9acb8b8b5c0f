"""What the processor has, by Linux's own word, else by OpenVINO's."""

import pytest

from plotgenre.embedding.encoders import processor
from plotgenre.embedding.encoders.processor import (
    openvino_has_bfloat16,
    processor_features,
    processor_identity,
)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)


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


@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(
    ("limit", "has"),
    [
        ("AVX2", False), ("avx512_core_vnni", False), ("AVX512_CORE_BF16", True),
        ("AVX512_CORE_AMX", True), ("DEFAULT", True), ("", True),
    ],
)  # fmt: skip
def test_a_limit_of_onednn_is_obeyed_whatever_linux_says(monkeypatch, name, limit, has):
    monkeypatch.setattr(processor, "processor_features", lambda: ["avx512f", "avx512_bf16"])
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv(name, limit)
    assert openvino_has_bfloat16() == has


def test_the_first_limit_counts(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    assert not processor.held_below_bfloat16()


def test_an_identity_is_of_the_kind_and_the_limits(tmp_path, monkeypatch):
    core = "processor\t: {}\nmodel name\t: A\ncpu MHz\t: {}\nflags\t: fpu {}\n\n"
    for name, lines in {
        "one": core.format(0, 2000, "avx2") + core.format(1, 2100, "avx2"),
        "later": core.format(0, 900, "avx2"),
        "other": core.format(0, 2000, "avx2 avx512f"),
    }.items():
        (tmp_path / name).write_text(lines)
    one, later, other = (processor_identity(tmp_path / name) for name in ("one", "later", "other"))
    assert one == later != other
    assert processor_identity(tmp_path / "none")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert processor_identity(tmp_path / "one") != one
