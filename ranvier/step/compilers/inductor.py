"""PyTorch's own compiler on a flat graph: operations fused into kernels made for this update."""

from __future__ import annotations

import copyreg
import logging
import os
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch._guards import TracingContext, tracing

from ranvier.core.cache import cache_folder
from ranvier.step.capture import CaptureError
from ranvier.step.compilers.pieces import InPieces

Function = Callable[..., tuple[Tensor, ...]]

_SETTINGS: dict[str, Any] = {
    # Random numbers come from torch's own kernels: the draws are those of eager.
    "fallback_random": True,
    # Kernels are built one after another here: a pool of processes would outlive the training.
    "compile_threads": 1,
    # What comes has the form that was compiled for; whoever calls has looked.
    "size_asserts": False,
}


def inductor_function(module: fx.GraphModule) -> Function:
    """A function of the module's placeholders that runs its graph compiled, within rounding.

    Its placeholders say in `meta["val"]` what forms come. Takes 5 to 20 seconds the first time, one
    or two once the machine's cache holds the kernels. Random state and warnings stay as they were.

    Raises:
        CaptureError: if the compiler cannot, with its reason.
    """
    try:
        with _silent():
            compiled = _compiled(module)
    except Exception as error:  # the compiler's own failures are of every kind
        raise CaptureError(_reason(error)) from error

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            # A list, as the compiled function lets go of each input once it was used.
            return tuple(compiled(list(tensors)))

    return run


def _compiled(module: fx.GraphModule) -> Any:
    # Half a second to import, and only who compiles needs it.
    from torch._inductor.compile_fx import compile_fx_inner
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
    with _settings(), mode, tracing(TracingContext(mode)), torch.no_grad():
        functional, examples = _functional(module)
        return compile_fx_inner(functional, examples)


def _functional(module: fx.GraphModule) -> tuple[fx.GraphModule, list[Tensor]]:
    """The graph without writes but those to its inputs, which come last as copies into them."""
    from torch._inductor.decomposition import select_decomp_table
    from torch.fx.experimental.proxy_tensor import make_fx

    examples = []
    for node in module.graph.nodes:
        if node.op == "placeholder":
            form = node.meta["val"]
            examples.append(
                torch.empty_strided(form.shape, form.stride(), dtype=form.dtype, device=form.device)
            )
    run = torch.func.functionalize(lambda *tensors: tuple(InPieces(module).run(*tensors)))
    traced = make_fx(run, decomposition_table=select_decomp_table(), _allow_non_fake_inputs=True)
    return traced(*examples), examples


@contextmanager
def _settings() -> Iterator[None]:
    """The compiler as it is wanted here, with a folder of its own."""
    from torch._functorch import config as functorch
    from torch._inductor import config as inductor

    folder = cache_folder()
    place = str(_passing() if folder is None else folder / "inductor")
    # Left on, the graph's entry in the cache is the task of a part of torch that is not used here.
    with inductor.patch(_SETTINGS), functorch.patch(bundled_autograd_cache=False):
        with (
            _environment("TORCHINDUCTOR_CACHE_DIR", place),
            # The compiler imports setuptools, which fails where Python's own distutils came first.
            _environment("SETUPTOOLS_USE_DISTUTILS", "stdlib"),
            _same_keys_everywhere(),
        ):
            yield


@contextmanager
def _same_keys_everywhere() -> Iterator[None]:
    """An entry of the cache has the same key in every process.

    Keys are made of the bytes of what was compiled for. A memory format among it is written as a
    global of whichever loaded module happens to have a `torch` first, which differs.
    """
    table = copyreg.dispatch_table
    before = table.get(torch.memory_format)
    copyreg.pickle(torch.memory_format, _named_format)  # type: ignore[arg-type]
    try:
        yield
    finally:
        del table[torch.memory_format]
        if before is not None:
            table[torch.memory_format] = before


def _named_format(value: torch.memory_format) -> tuple[Callable[[str], Any], tuple[str]]:
    return _memory_format, (str(value).removeprefix("torch."),)


def _memory_format(name: str) -> Any:
    return getattr(torch, name)


@contextmanager
def _silent() -> Iterator[None]:
    """No warnings, no lines of a log: what matters comes back as the reason of an error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@cache
def _passing() -> Path:
    """A folder for as long as this process lives, where the machine's own cannot be written."""
    held = tempfile.TemporaryDirectory(prefix="ranvier-")
    weakref.finalize(_passing, held.cleanup)
    return Path(held.name)


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "InvalidCxxCompiler":
            return "PyTorch's compiler finds no C++ compiler on this machine"
        cause = cause.__cause__ or cause.__context__
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return f"PyTorch's compiler cannot: {first}"
