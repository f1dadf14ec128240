"""Who races: the command that starts each, and the name that stands in the table."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Contender:
    """A module with `learner`, run by one of the two environments, with options of its own.

    `cache` names the folder of what it compiles and chooses once for a machine: its own, or one
    that it shares with another.
    """

    name: str
    title: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    is_ours: bool = False
    uses_gpu: bool = True
    shared_cache: str | None = None

    @property
    def cache(self) -> str:
        return self.shared_cache or self.name


def ours(**options: Any) -> Contender:
    """Ranvier, as it comes or with such options as an executor."""
    said = ", ".join(
        name if value is True else f"{name} {value}" for name, value in options.items()
    )
    name = "ranvier" + "".join(f":{name}={value}" for name, value in options.items())
    title = f"Ranvier ({said})" if said else "Ranvier"
    return Contender(name, title, "benchmarks.ours", options, is_ours=True)


REFERENCE = "torch-indexed"
PEERS = {
    name: Contender(name, title, f"benchmarks.peers.{name.replace('-', '_')}", uses_gpu=gpu)
    for name, title, gpu in (
        ("torch-loader", "PyTorch by hand, DataLoader", True),
        ("torch-indexed", "PyTorch by hand, indexed, fused Adam", True),
        ("torch-compiled", "PyTorch by hand, torch.compile", True),
        ("lightning-trainer", "Lightning", True),
        ("skorch-net", "skorch", True),
        ("fastai-learner", "fastai", True),
        ("keras-jax", "Keras on JAX", False),
        ("keras-torch", "Keras on PyTorch", False),
        ("scikit-learn", "scikit-learn", False),
        ("jax-scan", "JAX and optax by hand", False),
    )
}

# In a sweep, beside all at once.
JAX_ONE_BY_ONE = replace(
    PEERS["jax-scan"],
    name="jax-one-by-one",
    title="JAX and optax by hand, one after another",
    options={"together": False},
)


def command(contender: Contender, peers_python: Path) -> list[str]:
    """How to start its process."""
    python = sys.executable if contender.is_ours else str(peers_python)
    return [python, "-m", "benchmarks.peers.child", contender.module]


def environment(caches: Path | None = None) -> dict[str, str]:
    """What a process is told of the machine: nothing of threads, so that each keeps its default.

    With `caches`, what is compiled or chosen once for a machine goes there, so that it is done and
    timed in every race.
    """
    told = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "KERAS_BACKEND")
    }
    told |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    if caches is not None:
        told |= {
            "RANVIER_CACHE": str(caches / "ranvier"),
            "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        }
    return told
