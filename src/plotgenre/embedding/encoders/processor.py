"""The processor: which of the instructions that matter here it has, and may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

# What decides how fast matrices of 8, 16 and 32 bits are multiplied.
FEATURES = (
    "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimd", "asimddp", "bf16", "i8mm",
)  # fmt: skip
CPUINFO = Path("/proc/cpuinfo")

# By which oneDNN, and so torch and OpenVINO, can be held to older instructions; the first counts.
_ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
# Its names for instructions without products in bfloat16.
_WITHOUT_BFLOAT16 = {
    "SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI",
}  # fmt: skip
# Lines of /proc/cpuinfo that two processors of one kind share.
_KIND = (
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "CPU implementer", "CPU variant", "CPU part", "CPU revision", "Features",
)  # fmt: skip


def processor_features(cpuinfo: Path = CPUINFO) -> list[str]:
    """Of :data:`FEATURES` those that Linux says the processor has; none where it is not asked."""
    flags = {key: said for key, said in _said(cpuinfo).items() if key in ("flags", "Features")}
    return [feature for feature in FEATURES if feature in " ".join(flags.values()).split()]


def processor_identity(cpuinfo: Path = CPUINFO) -> str:
    """What decides which code a library runs: the processor's kind, and limits set on it."""
    said = _said(cpuinfo) or {"processor": platform.processor(), "machine": platform.machine()}
    kind = [f"{key}: {said[key]}" for key in said if key in (*_KIND, "processor", "machine")]
    return "\n".join([*kind, f"held to: {_isa_limit()}"])


def openvino_has_bfloat16() -> bool:
    """Whether OpenVINO, which must be installed, multiplies in bfloat16 here.

    It is asked itself only where Linux cannot tell, for it is slow to load.
    """
    if held_below_bfloat16():
        # OpenVINO itself would say yes, and then refuse to or emulate it, 40 times slower.
        return False
    if platform.machine() == "x86_64" and (features := processor_features()):
        return bool({"avx512_bf16", "amx_bf16"} & set(features))
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def held_below_bfloat16() -> bool:
    """Whether oneDNN is told to use no instructions for bfloat16, whatever the processor has."""
    return _isa_limit() in _WITHOUT_BFLOAT16


def _isa_limit() -> str:
    return next((said.upper() for name in _ISA_LIMITS if (said := os.environ.get(name))), "")


def _said(cpuinfo: Path) -> dict[str, str]:
    """What Linux says of the first core; nothing where it is not asked."""
    try:
        first, _, _ = cpuinfo.read_text(encoding="utf-8").partition("\n\n")
    except OSError:
        return {}
    lines = (line.partition(":") for line in first.splitlines())
    return {key.strip(): said.strip() for key, _, said in lines}
