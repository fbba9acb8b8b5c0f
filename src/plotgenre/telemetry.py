"""No telemetry: libraries are told to collect and send nothing, each in its own documented way.

What a user has set stays. The package imports this before any of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

SETTINGS = {
    # Queues events in the user's cache folder and uploads them.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# Where `opt_in_out` of OpenVINO's telemetry keeps what a user has decided.
_DECISIONS = (
    "$HOME/intel/openvino_telemetry",
    "$LOCALAPPDATA/Intel Corporation/openvino_telemetry",
)


def opt_out() -> None:
    """Set what the user has not, for this process and those that it starts."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # OpenVINO has no such variable. Where its telemetry cannot be imported, it does without.
    if not any(Path(os.path.expandvars(place)).is_file() for place in _DECISIONS):
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
