"""The peers' own environment, made when it is first needed and anew when its pins change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import ROOT

FOLDER = ROOT / ".venv-peers"
PINS = ROOT / "requirements" / "peers.txt"
# In a call of its own and with both bounds, as Ranvier's own, so that no larger build is pulled.
TORCH = "torch>=2.11,<2.14"


def peers_python(say: Callable[[str], None]) -> Path:
    """The interpreter of the peers' environment."""
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / f".installed-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]}"
    if stamp.exists():
        return python
    say(f"making {FOLDER.name} from {PINS.relative_to(ROOT)}: some minutes, once")
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    # Quiet twice, so that only errors are printed.
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check"]
    install = [str(python), "-m", "pip", "install", *quiet]
    subprocess.run([*install, TORCH], check=True)
    # One peer that cannot be had must not keep out the others: its row then says what is missing.
    done = subprocess.run([*install, "--no-deps", "--requirement", str(PINS)], check=False)
    if done.returncode != 0:
        for line in pins():
            subprocess.run([*install, "--no-deps", line], check=False)
    stamp.touch()
    return python


def pins() -> list[str]:
    """The pinned packages, one a line of the file."""
    lines = [line.partition("#")[0].strip() for line in PINS.read_text().splitlines()]
    return [line for line in lines if line]
