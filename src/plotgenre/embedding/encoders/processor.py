"""The processor: which of the instructions that matter here it has."""

from __future__ import annotations

import platform
from pathlib import Path

# What decides how fast matrices of 8, 16 and 32 bits are multiplied.
FEATURES = (
    "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimd", "asimddp", "bf16", "i8mm",
)  # fmt: skip
CPUINFO = Path("/proc/cpuinfo")


def processor_features(cpuinfo: Path = CPUINFO) -> list[str]:
    """Of :data:`FEATURES` those that Linux says the processor has; none where it is not asked."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((one for one in lines if one.lower().startswith(("flags", "features"))), "")
    return [feature for feature in FEATURES if feature in flags.partition(":")[2].split()]


def openvino_has_bfloat16() -> bool:
    """Whether OpenVINO, which must be installed, multiplies in bfloat16 here.

    It is asked itself only where Linux cannot tell, for it is slow to load.
    """
    if platform.machine() == "x86_64" and (features := processor_features()):
        return bool({"avx512_bf16", "amx_bf16"} & set(features))
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
