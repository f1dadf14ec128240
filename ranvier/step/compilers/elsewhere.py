"""Compiling in a process of its own: training goes on meanwhile, and only the cache is shared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import fx

from ranvier.core.cache import cache_folder
from ranvier.step.capture import CaptureError
from ranvier.step.compilers.documents import document_of

GRAPHS = "graphs.json"
REASON = "reason.txt"


class Elsewhere:
    """Another process that compiles graphs into the machine's cache, at low priority.

    Afterwards `inductor_function` finds them there. A thread of this process would take the
    interpreter from every step, and set back random numbers that training has drawn in between.
    The other process ends with this one, however that ends.

    Raises:
        CaptureError: if the graphs cannot be handed over, or there is no cache to find them in.
    """

    def __init__(self, modules: Sequence[fx.GraphModule]) -> None:
        if cache_folder() is None:
            raise CaptureError("there is no folder to keep compiled kernels in")
        if not sys.executable:
            raise CaptureError("this Python does not say how to start another")
        documents = [document_of(module) for module in modules]
        self._folder = tempfile.TemporaryDirectory(prefix="ranvier-")
        content = {"threads": torch.get_num_threads(), "graphs": documents}
        (Path(self._folder.name) / GRAPHS).write_text(json.dumps(content), encoding="utf-8")
        # -P: what lies in the folder where somebody trains is no part of this program.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ranvier.step.compilers.child", self._folder.name],
            # It stays open as long as this process lives: its end is how the other one knows.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
        self._end = weakref.finalize(self, _end, self._process, self._folder)

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self._process.poll() is not None

    @property
    def reason(self) -> str | None:
        """Why it could not, once it is done; None where it could."""
        if self._process.poll() == 0:
            return None
        with suppress(OSError):
            return (Path(self._folder.name) / REASON).read_text(encoding="utf-8")
        return "the process that compiles came to an early end"

    def close(self) -> None:
        """End it, and what it started, if it has not."""
        self._end()


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    if process.poll() is None:
        # Its whole group: a compiler that it started would go on.
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
    folder.cleanup()
