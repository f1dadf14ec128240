"""What a loop does, seen from hooks: batches on their way in, gradients left lying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.preflight.calls import first_tensor
from ranvier.diagnose.preflight.reach import (
    activations_between,
    own_activations,
    pairs_every_row,
)
from ranvier.diagnose.untouched import is_compiling

# So many batches tell what the loop feeds the network.
BATCHES = 8


class _Inert:
    """A hook that never fails; copied and pickled with the model it hangs on, it does nothing.

    While the recorder itself runs the network it is paused.
    """

    is_paused = False

    def __call__(self, *arguments: Any) -> None:
        if self.is_paused:
            return
        try:
            self._called(*arguments)
        except Exception:  # an error in here would be one in the middle of somebody else's loop
            return

    def _called(self, *arguments: Any) -> None:
        raise NotImplementedError

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Nothing:
        return _Nothing()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Nothing, ()


class _Nothing:
    """What is left of a hook in a copy of a model."""

    def __call__(self, *_arguments: Any) -> None:
        return None


class Batches(_Inert):
    """Notes shape and scale of the first batches that go through the network in training."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        # Where in the graph of a loss the network's answer of this batch lies.
        self._node: Any = None
        self._pairs: bool | None = None
        self._applied: list[str] = []
        self._shapes: list[tuple[int, ...]] = []
        self._outputs: list[tuple[int, ...]] = []
        self._moments: list[tuple[Tensor, Tensor]] = []
        self._handle: Any = None

    def watch(self, module: nn.Module) -> None:
        """Hang on the network, from now on until enough was seen."""
        # What is compiled is left alone: a hook would be compiled too.
        if type(module).__module__.startswith("torch._dynamo"):
            return
        try:
            self._handle = module.register_forward_hook(self, with_kwargs=True)
        except (RuntimeError, AttributeError, TypeError):  # a scripted module takes no hooks
            self._handle = None

    @property
    def is_done(self) -> bool:
        """Whether enough was seen, or nothing ever will be."""
        return self._handle is None

    def __call__(self, *arguments: Any) -> None:
        # Asked here already, so that a compiler that reads on finds nothing to compile.
        if not is_compiling():
            super().__call__(*arguments)

    def _called(self, *arguments: Any) -> None:
        module, args, kwargs, output = arguments
        if not module.training or not torch.is_grad_enabled():
            return
        given = next((each for each in (*args, *kwargs.values()) if _is_batch(each)), None)
        if given is None or len(self.rows) >= BATCHES:
            return
        values = given.detach()
        self.rows.append(len(values))
        self._shapes.append(tuple(values.shape[1:]))
        answer = first_tensor(output)
        self._outputs.append(() if answer is None else tuple(answer.shape))
        self._node = None if answer is None else answer.grad_fn
        if values.is_floating_point() and values.numel() > 1:
            variance, mean = torch.var_mean(values.float(), correction=0)
            self._moments.append((mean, variance))

    @property
    def size(self) -> int | None:
        """The rows of a full batch, None as long as none was seen."""
        return max(self.rows, default=None)

    def take_away(self) -> None:
        """Unhook; what was seen stays."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self._node = None

    def see(self, loss: Any) -> None:
        """Read from the graph of a batch's loss what the loop did between network and loss."""
        pairs = pairs_every_row(loss)
        if pairs is not None:
            self._pairs = pairs or bool(self._pairs)
        self._applied = activations_between(loss, self._node) or self._applied

    def applied_beyond(
        self, loss: Callable[..., Tensor], answer: Tensor | None, targets: Tensor
    ) -> str | None:
        """The activation that neither network nor loss applies itself, None where there is none."""
        if not self._applied or answer is None:
            return None
        own = Counter(own_activations(loss, answer, targets))
        return next(iter((Counter(self._applied) - own).elements()), None)

    def found(self) -> dict[str, Any] | None:
        """Batch size, shapes, and mean and standard deviation of what went in; None if nothing."""
        if not self.rows:
            return None if self._pairs is None else {"pairs_every_row": self._pairs}
        found: dict[str, Any] = {
            "batch_size": max(self.rows),
            "input_shape": list(self._shapes[0]),
            "output_shape": list(self._outputs[0]),
        }
        if self._pairs is not None:
            found["pairs_every_row"] = self._pairs
        if self._moments:
            means = torch.stack([mean for mean, _ in self._moments]).double().cpu()
            variances = torch.stack([variance for _, variance in self._moments]).double().cpu()
            found["input_mean"] = float(means.mean())
            found["input_std"] = float((variances.mean() + means.var(correction=0)).sqrt())
        return found


def _is_batch(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0 and not value.is_sparse


@contextmanager
def paused(*hooks: _Inert) -> Iterator[None]:
    """Inside, what the network does is not the loop's doing."""
    for hook in hooks:
        hook.is_paused = True
    try:
        yield
    finally:
        for hook in hooks:
            hook.is_paused = False


class Leftover(_Inert):
    """Notes whether a backward pass began on gradients that nobody had cleared."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        # The last that takes part is the first that a gradient comes to.
        self._parameter = parameters[-1] if parameters else None
        self._norm: Tensor | None = None
        self._handle: Any = None

    def watch(self) -> None:
        """The next backward pass is the first since an update: look at what lies there."""
        self._norm = None
        # Hung up for this look alone: a hook is felt in every backward pass.
        if self._parameter is not None and self._handle is None:
            self._handle = self._parameter.register_hook(self)

    def taken(self) -> float | None:
        """‖g‖ of what lay there when the backward pass of this update began."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        return None if self._norm is None else float(self._norm)

    def _called(self, *_arguments: Any) -> None:
        # Called before the gradient is added to what is there; the first backward pass counts.
        if self._norm is None and self._parameter is not None:
            there = self._parameter.grad
            self._norm = torch.zeros(()) if there is None else there.detach().norm()
