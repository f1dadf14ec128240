"""The machine a training runs on: device, threads, and kernels that repeat their bits."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ranvier.core.errors import ConfigError
from ranvier.core.random import stream_seed
from ranvier.core.version import VERSION
from ranvier.step.choice.processor import processor

# Below this many multiply-adds a step, two threads cost more in waiting than they bring: measured
# on two cores, a 20-64-64-10 network at batch 32 takes 0.070 ms on one thread, 0.087 on two.
ONE_THREAD_BELOW = 20_000_000


def device_for(name: str) -> torch.device:
    """The device called `name`; `auto` is the first CUDA device where there is one.

    Raises:
        ConfigError: if this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"device={name}: no such kind of device. Use auto, cpu, cuda or cuda:N."
        ) from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ConfigError(
                f"device={name}: this machine has {count} CUDA devices. Use device=auto or cpu."
            )
    elif device.type != "cpu":
        raise ConfigError(f"device={name}: expected auto, cpu, cuda or cuda:N.")
    return device


def threads_for(multiply_adds_per_step: int) -> int:
    """How many threads a step of this size is worth, of those that torch was given.

    torch's own number is that of the cores, or what OMP_NUM_THREADS says: whoever runs several
    trainings side by side keeps them from waiting for each other's threads.
    """
    return 1 if multiply_adds_per_step < ONE_THREAD_BELOW else torch.get_num_threads()


@contextmanager
def machine(device: torch.device, *, threads: int, seed: int) -> Iterator[None]:
    """Threads, random state and deterministic kernels inside; all as before outside.

    The number of threads is part of what decides the bits, so a run keeps its own.
    """
    threads_before = torch.get_num_threads()
    deterministic_before = torch.are_deterministic_algorithms_enabled()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.set_num_threads(threads)
        if device.type == "cuda":
            # cuBLAS repeats its bits only with a fixed workspace, which it reads on first use.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
        torch.manual_seed(stream_seed(seed, "training"))
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
            if device.type == "cuda":  # the call alone imports a compiler, which takes a second
                torch.use_deterministic_algorithms(deterministic_before)


def environment(device: torch.device, *, threads: int) -> dict[str, str | int]:
    """What a reader of the run needs to know of where it was made."""
    return {
        "ranvier": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": processor().name,
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }
