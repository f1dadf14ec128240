"""What a network calls, in order: of any module, however its forward pass is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

WEIGHTS = "weights"
ACTIVATION = "activation"
NORMALISATION = "normalisation"
DROPOUT = "dropout"
POOLING = "pooling"
SHAPE = "shape"
LOSS = "loss"

_ROLES: dict[str, tuple[str, ...]] = {
    WEIGHTS: (
        "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
        "conv_transpose3d", "embedding", "embedding_bag", "lstm", "gru", "rnn_tanh", "rnn_relu",
        "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "scaled_dot_product_attention",
        "multi_head_attention_forward",
    ),
    ACTIVATION: (
        "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu",
        "mish", "softplus", "softsign", "tanh", "sigmoid", "hardtanh", "hardsigmoid", "hardswish",
        "hardshrink", "softshrink", "tanhshrink", "threshold", "logsigmoid", "softmax",
        "log_softmax", "softmin", "glu", "exp", "sin", "cos",
    ),
    NORMALISATION: (
        "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm",
        "local_response_norm",
    ),
    DROPOUT: (
        "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    ),
    POOLING: (
        "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
        "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
        "adaptive_max_pool1d", "adaptive_max_pool2d",
    ),
    SHAPE: (
        "flatten", "reshape", "view", "permute", "transpose", "unsqueeze", "squeeze", "movedim",
        "swapaxes", "unflatten", "contiguous", "__getitem__", "select", "narrow", "chunk", "split",
        "unbind", "expand", "clone", "detach", "to", "float", "double", "half", "bfloat16", "t",
        "__get__",
    ),
    LOSS: (
        "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss",
        "gaussian_nll_loss", "multi_margin_loss", "hinge_embedding_loss", "multilabel_margin_loss",
        "multilabel_soft_margin_loss", "soft_margin_loss", "margin_ranking_loss", "ctc_loss",
    ),
}  # fmt: skip
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names}
# Products that are a layer only where one of the factors is a parameter.
_PRODUCTS = frozenset({"matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "bmm", "baddbmm",
                       "einsum", "mv"})  # fmt: skip
_TIMES = frozenset({"mul", "__mul__", "__rmul__", "multiply"})
_CLAMPS = frozenset({"clamp", "clip", "clamp_min", "maximum"})
_CLAMPED = {(0, None): "relu", (0, 6): "relu6", (-1, 1): "hardtanh", (0, 1): "hardsigmoid"}
# Their outputs have channels on axis 1, and what is computed from them element by element too.
_CHANNELS_FIRST = ("conv", "batch_norm", "instance_norm", "group_norm")


@dataclass(frozen=True)
class Call:
    """A function that computes, by whom it was called, what it gave, and of what.

    `axis` is that of the units in what it gave: 1 behind a convolution of torch, else the last.
    """

    name: str
    role: str
    path: str
    kind: str
    output: Tensor | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    axis: int = -1
    given: Tensor | None = None


class Calls(TorchFunctionMode):
    """Notes every known function that is called inside, the outermost of nested ones."""

    def __init__(self, module: nn.Module | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._stack: list[tuple[str, str]] = []
        self._module = module
        # Of every tensor seen: which call gave it, and what that call was given.
        self._giver = WeakTensorKeyDictionary()
        self._given: list[Tensor | None] = []
        self._channels_first = WeakTensorKeyDictionary()
        self._weights = WeakTensorKeyDictionary()
        self.failed: str | None = None

    @contextmanager
    def watching(self) -> Iterator[list[Call]]:
        """Inside, calls of the module's forward pass are noted with the module that makes them."""
        handles = []
        if self._module is not None:
            for path, module in self._module.named_modules():
                handles += _pushed(self._stack, path, module)
        try:
            with self:
                yield self.calls
        finally:
            for handle in handles:
                handle.remove()

    def giver(self, output: Any) -> int | None:
        """The place of the call that gave this tensor, whatever became of its shape since."""
        found = self._giver.get(output) if isinstance(output, Tensor) else None
        return None if found is None else int(found)

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = self._known(_spelled(function), args, kwargs or {})
        role = _ROLE_OF.get(name)
        try:
            result = function(*args, **(kwargs or {}))
        except Exception:
            self.failed = self.failed or (name if role else None)
            raise
        self._note_layout(name, role, args, result)
        self._note_weights(role, args, result)
        if role in (SHAPE, DROPOUT):
            self._pass_on(args, result)
        if role is not None:
            self._note(name, role, args, kwargs, result)
        elif name in _TIMES:
            self._note_gate(args, result)
        return result

    def _note(self, name: str, role: str, args: tuple[Any, ...], kwargs: Any, result: Any) -> None:
        path, kind = self._stack[-1] if self._stack else ("", "")
        output = next(_tensors(result), None)
        axis = 1 if output is not None and self._channels_first.get(output) else -1
        settings, given = _settings(name, args, kwargs), list(_tensors(args))
        own = next((each for each in given if not isinstance(each, nn.Parameter)), None)
        self.calls.append(Call(name, role, path, kind, output, settings, axis, own))
        self._given.append(next(iter(given), None))
        if role not in (SHAPE, DROPOUT):
            for tensor in _tensors(result):
                self._giver[tensor] = len(self.calls) - 1

    def _pass_on(self, args: tuple[Any, ...], result: Any) -> None:
        """What only takes another shape is still given by the same call."""
        source = self.giver(args[0]) if args else None
        if source is not None:
            for tensor in _tensors(result):
                self._giver[tensor] = source

    def _is_weight(self, value: Any) -> bool:
        return isinstance(value, nn.Parameter) or (
            isinstance(value, Tensor) and self._weights.get(value) is True
        )

    def _note_weights(self, role: str | None, args: tuple[Any, ...], result: Any) -> None:
        """What is made of parameters, and of nothing that a layer gave, is a weight still."""
        factors = list(_tensors(args))
        is_weight = role in (None, SHAPE) and any(self._is_weight(each) for each in factors)
        is_weight = is_weight and all(self._weights.get(each) is not False for each in factors)
        for tensor in _tensors(result):
            self._weights[tensor] = is_weight

    def _known(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The name under which the table has what is called, if it is one of several ways."""
        if name in _PRODUCTS:
            factors = (*_tensors(args), *_tensors(tuple(kwargs.values())))
            return "linear" if any(self._is_weight(each) for each in factors) else name
        return _clamped(name, args, kwargs) if name in _CLAMPS else name

    def _note_layout(self, name: str, role: str | None, args: Any, result: Any) -> None:
        is_first = name.startswith(_CHANNELS_FIRST)
        sources = [each for each in _tensors(args) if self._channels_first.get(each)]
        for tensor in _tensors(result):
            if role == SHAPE and name not in _KEEPING_AXES:
                self._channels_first[tensor] = False
            elif is_first or any(each.ndim == tensor.ndim for each in sources):
                self._channels_first[tensor] = tensor.ndim > 2

    def _note_gate(self, args: tuple[Any, ...], result: Any) -> None:
        """x · σ(x) is one activation, SiLU."""
        tensors = list(_tensors(args))
        for value, gate in (tensors[:2], tensors[1::-1]) if len(tensors) == 2 else ():
            place = self.giver(gate)
            if place is None or self.calls[place].name != "sigmoid":
                continue
            if self._given[place] is value:
                self.calls[place] = replace(self.calls[place], name="silu", output=result)
                self._giver[result] = place


_KEEPING_AXES = frozenset({"contiguous", "clone", "detach", "to", "float", "double", "half",
                           "bfloat16"})  # fmt: skip


def role_of(function: Callable[..., Any]) -> str | None:
    """What a function of torch does in a network, as its name tells."""
    return _ROLE_OF.get(_spelled(function))


def _spelled(function: Callable[..., Any]) -> str:
    """The function's name, without the mark of one that works in place."""
    name = str(getattr(function, "__name__", ""))
    return name if name.startswith("__") else name.rstrip("_")


def _clamped(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The activation that this way of cutting off is, if it is one."""
    low = kwargs.get("min", args[1] if len(args) > 1 else kwargs.get("other"))
    high = kwargs.get("max", args[2] if len(args) > 2 else None)
    if isinstance(low, Tensor):
        low = low.item() if low.numel() == 1 else None
    return _CLAMPED.get((low, high), name) if low is not None else name


def _pushed(stack: list[tuple[str, str]], path: str, module: nn.Module) -> list[Any]:
    """Hooks that keep the module on the stack while it runs."""

    def enter(_module: nn.Module, _inputs: Any) -> None:
        stack.append((path, type(module).__name__))

    def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
        stack.pop()

    try:
        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]
    except (RuntimeError, AttributeError):  # a scripted module: what it calls is not seen either
        return []


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


def _settings(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The few arguments that rules ask about."""
    named = kwargs or {}
    if _ROLE_OF[name] == DROPOUT:
        rate = named.get("p", args[1] if len(args) > 1 else 0.5)
        return {"rate": float(rate)}
    if name in ("softmax", "log_softmax"):
        axis = named.get("dim", args[1] if len(args) > 1 else None)
        return {"axis": axis}
    return {}


def calls_of(module: nn.Module, inputs: Tensor) -> tuple[Any, list[Call]]:
    """What the module gives for the inputs, and the functions that it called on the way."""
    outputs, calls, _ = calls_and_head(module, inputs)
    return outputs, calls


def calls_and_head(module: nn.Module, inputs: Tensor) -> tuple[Any, list[Call], int | None]:
    """As `calls_of`, and the place of the call that gave what comes out.

    None where something else than a change of shape was done to it afterwards.
    """
    calls = Calls(module)
    with torch.no_grad(), calls.watching() as noted:
        outputs = module(inputs)
    return outputs, noted, calls.giver(first_tensor(outputs))


def first_tensor(outputs: Any) -> Tensor | None:
    """The tensor among what a network gives: itself, the first of several, or the logits."""
    for name in ("logits", "out", "output", "prediction"):
        named = outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)
        if isinstance(named, Tensor) and not isinstance(outputs, Tensor):
            return named
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    return next(_tensors(outputs), None)


def loss_called(loss: Callable[..., Any], outputs: Any, targets: Tensor) -> tuple[Any, str]:
    """The loss of these outputs, and its name: the function of torch that it called last."""
    calls = Calls()
    with calls.watching() as noted:
        value = loss(outputs, targets)
    named = [call.name for call in noted if call.role == LOSS]
    return value, named[-1] if named else own_name(loss)


def loss_name(loss: Callable[..., Any], outputs: Any, targets: Tensor) -> str:
    """Its name as `loss_called` gives it, also of a loss that fails."""
    calls = Calls()
    try:
        with calls.watching() as noted:
            loss(outputs, targets)
    except Exception:  # somebody else's loss: anything may come
        return calls.failed or own_name(loss)
    named = [call.name for call in noted if call.role == LOSS]
    return named[-1] if named else own_name(loss)


def own_name(loss: Callable[..., Any]) -> str:
    """What a loss is called by whoever wrote it."""
    return str(getattr(loss, "__name__", type(loss).__name__))
