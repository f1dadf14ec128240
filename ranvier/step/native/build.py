"""The library in C, compiled once per machine and kept in its cache."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from ranvier.core.cache import cache_folder

SOURCE = Path(__file__).parent / "source"
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    # None of these lets a NaN or an infinity go unseen, or sums be added in another order.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
)
_SECONDS_TO_COMPILE = 300


class NativeUnavailable(Exception):
    """This machine has no native library; the words say why. Nobody but us sees it raised."""


@lru_cache(maxsize=1)
def compiler() -> tuple[str, ...] | None:
    """The command of a C compiler and its first words about itself, None where there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        path = shutil.which(name) if name else None
        if path is None:
            continue
        try:
            said = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=30, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return path, said.stdout.partition("\n")[0]
    return None


def build(folder: Path | None) -> Path:
    """The compiled library in `folder`, made now if it is not there.

    Raises:
        NativeUnavailable: no compiler, one that fails, or no folder that only this user may write.
    """
    if folder is None:
        raise NativeUnavailable("there is no folder to keep a compiled library in")
    found = compiler()
    if found is None:
        raise NativeUnavailable("this machine has no C compiler")
    path, version = found
    flags = (*FLAGS, *machine_flags())
    target = _target(folder, version, flags)
    if not target.exists():
        _build(path, flags, target)
    _require_private(target)
    return target


def will_compile(folder: Path | None) -> bool:
    """Whether asking for the library takes the seconds that a compiler takes."""
    found = compiler()
    if folder is None or found is None:
        return False
    return not _target(folder, found[1], (*FLAGS, *machine_flags())).exists()


def _target(folder: Path, version: str, flags: tuple[str, ...]) -> Path:
    return folder / f"native-{_key(version, flags)}.so"


def machine_flags() -> tuple[str, ...]:
    """What makes the compiler use all that this processor can do."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return ("-march=native", "-mprefer-vector-width=512")
    return ("-mcpu=native",)


def load(path: Path) -> ctypes.CDLL:
    """The library as Python calls it.

    Raises:
        NativeUnavailable: if the file is no library for this machine.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise NativeUnavailable(f"the compiled library does not load: {error}") from error
    _lend_team(library)
    return library


def _lend_team(library: ctypes.CDLL) -> None:
    """Let the library work on the threads that torch's own kernels run on, where it can."""
    names = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
    try:
        process = ctypes.CDLL(None)
        functions = [ctypes.cast(process[name], ctypes.c_void_p) for name in names]
        library.rv_lend_team(*functions)
    except (AttributeError, OSError, TypeError):
        return  # not GNU's OpenMP: threads of its own


def _build(compiler_path: str, flags: tuple[str, ...], target: Path) -> None:
    """Compile beside the target, then rename: who looks at the same time sees all or nothing."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as beside:
            made = Path(beside) / target.name
            objects = _compiled(compiler_path, flags, Path(beside))
            _run([compiler_path, "-shared", "-o", str(made), *objects, "-lm", "-lpthread"])
            made.chmod(0o700)
            os.replace(made, target)
    except subprocess.CalledProcessError as error:
        first = next((line for line in error.stderr.splitlines() if "error" in line), "")
        raise NativeUnavailable(f"the C compiler failed: {first.strip()[:200]}") from error
    except subprocess.TimeoutExpired as error:
        raise NativeUnavailable("the C compiler took too long") from error
    except OSError as error:
        raise NativeUnavailable(f"the library cannot be kept: {error.strerror}") from error


def _compiled(compiler_path: str, flags: tuple[str, ...], folder: Path) -> list[str]:
    """The objects of all sources, as many at a time as there are processors."""

    def compile_one(source: Path) -> str:
        made = folder / f"{source.stem}.o"
        _run([compiler_path, *flags, "-c", "-o", str(made), str(source)])
        return str(made)

    sources = sorted(SOURCE.glob("*.c"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_COMPILE, check=True)


def _require_private(path: Path) -> None:
    for place in (path, path.parent):
        status = place.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            raise NativeUnavailable(f"others may write to {place}, so nothing is loaded from it")


def _key(version: str, flags: tuple[str, ...]) -> str:
    """Changes with the sources, the compiler, its flags and the processor."""
    digest = hashlib.sha256()
    for source in sorted(SOURCE.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    for text in (version, *flags, platform.machine(), _processor()):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:24]


def _processor() -> str:
    """What the processor can do, as the kernel lists it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


@lru_cache(maxsize=4)
def library_in(folder: Path | None) -> ctypes.CDLL | str:
    """The library kept in this folder, or why there is none."""
    try:
        return load(build(folder))
    except NativeUnavailable as error:
        return str(error)


def library() -> ctypes.CDLL | str:
    """The library of this machine, or in words why there is none."""
    return library_in(cache_folder())
