"""How much memory this process has held at most, from a moment on."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

_STATUS, _REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def start_peak_anew() -> int:
    """Forget the peak so far, where the system can; what is held now, in bytes."""
    # Where it is not Linux or not allowed, the peak is that since the process began.
    with contextlib.suppress(OSError):
        _REFERENCES.write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """The most that was held since the peak was started anew, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
