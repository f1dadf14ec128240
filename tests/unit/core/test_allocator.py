"""Freed memory stays with the process where the C library is asked to keep it."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys

import pytest

from ranvier.core import allocator

_FAULTS = """
import resource, sys
import numpy as np
from ranvier.core.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for step in range(101):
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    rows = np.empty(2**20)
    rows.fill(1.0)
    del rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keep: bool) -> int:
    command = [sys.executable, "-c", _FAULTS, "keep" if keep else "leave"]
    # numpy's huge pages would hide the faults that are counted here.
    environment = {"NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked")
def test_memory_that_comes_back_meets_no_new_faults() -> None:
    assert faults(keep=True) < 2**20 * 8 // resource.getpagesize()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory.__wrapped__()
