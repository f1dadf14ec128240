"""The library's recurrent kernels on tensors: one direction of one layer, all places in one call.

B rows, T places, C features, H units, G · H rows of all gates, W columns and K numbers that a place
reads, both as `recurrent.h` has them.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

CELLS = ("LSTM", "GRU", "RNN_TANH", "RNN_RELU")
"""In the order in which the library numbers them."""

_GATES = {"LSTM": 4, "GRU": 4, "RNN_TANH": 1, "RNN_RELU": 1}


class Weights(NamedTuple):
    """The weights of one direction of one layer, as torch has them."""

    weight_input: Tensor
    weight_state: Tensor
    bias_input: Tensor | None
    bias_state: Tensor | None

    @property
    def features(self) -> int:
        return self.weight_input.shape[1]

    @property
    def units(self) -> int:
        return self.weight_state.shape[1]


class Read(NamedTuple):
    """What reading a sequence leaves: its results, and what the way back needs."""

    outputs_TBH: Tensor
    hidden_BH: Tensor
    memory_BH: Tensor
    read_TBK: Tensor
    gates_TBW: Tensor
    memories_TBH: Tensor


class Gradients(NamedTuple):
    """Of the input, the weights and the state before the first place."""

    input_TBC: Tensor
    weight_input: Tensor
    weight_state: Tensor
    bias_input: Tensor
    bias_state: Tensor
    hidden_BH: Tensor
    memory_BH: Tensor


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_long) for name in ("cell", "places", "rows", "features", "units")),
        *((name, ctypes.c_long) for name in ("reverse", "threads", "half")),
        *((name, ctypes.c_void_p) for name in Weights._fields),
        *((name, ctypes.c_void_p) for name in ("first_memory", "read", "gates", "memories")),
        ("workspace", ctypes.c_void_p),
    ]


class _Forward(ctypes.Structure):
    _fields_ = [
        ("input", ctypes.c_void_p),
        ("input_row", ctypes.c_long),
        ("input_place", ctypes.c_long),
        *((name, ctypes.c_void_p) for name in ("first_hidden", "outputs", "last_hidden")),
    ]


class _Backward(ctypes.Structure):
    _fields_ = [
        ("output_gradient", ctypes.c_void_p),
        ("output_row", ctypes.c_long),
        ("output_place", ctypes.c_long),
        *((name, ctypes.c_void_p) for name in ("hidden_gradient", "memory_gradient")),
        *((name, ctypes.c_void_p) for name in ("first_hidden", "first_memory")),
        ("input_gradient", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in Weights._fields),
    ]


@lru_cache(maxsize=1)
def kernels() -> ctypes.CDLL | str:
    """The library, or in words why there is none."""
    # Not above: a program knows its variants, and importing the library's folder asks for programs.
    from ranvier.step.native.build import library

    found = library()
    return found if isinstance(found, str) else declared(found)


def declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library, its recurrent functions told what they take and give."""
    library.rv_recurrent_workspace.restype = ctypes.c_long
    library.rv_recurrent_workspace.argtypes = [ctypes.POINTER(_Layer)]
    for function, values in (
        (library.rv_recurrent_forward, _Forward),
        (library.rv_recurrent_backward, _Backward),
    ):
        function.restype = None
        function.argtypes = [ctypes.POINTER(_Layer), ctypes.POINTER(values)]
    return library


def empty_read(
    cell: str, input_BTC: Tensor, weights: Weights, hidden_BH: Tensor, memory_BH: Tensor | None
) -> Read:
    """Tensors of the forms that a forward pass fills."""
    rows, places, features = input_BTC.shape
    units = weights.units

    def new(*shape: int) -> Tensor:
        return hidden_BH.new_empty(shape)

    has_memory = memory_BH is not None
    return Read(
        new(places, rows, units),
        new(rows, units),
        new(rows if has_memory else 0, units),
        new(places, rows, features + 1 + units),
        new(places, rows, _GATES[cell] * units),
        new(places if has_memory else 0, rows, units),
    )


def empty_gradients(weights: Weights, read: Read, *, wants_input: bool) -> Gradients:
    """Tensors of the forms that a backward pass fills."""
    places, rows, _ = read.outputs_TBH.shape
    new = read.gates_TBW.new_empty

    def like(weight: Tensor | None) -> Tensor:
        return new(0 if weight is None else weight.shape)

    return Gradients(
        new(places if wants_input else 0, rows, weights.features),
        like(weights.weight_input),
        like(weights.weight_state),
        like(weights.bias_input),
        like(weights.bias_state),
        like(read.hidden_BH),
        like(read.memory_BH),
    )


def forward(
    cell: str,
    input_BTC: Tensor,
    weights: Weights,
    hidden_BH: Tensor,
    memory_BH: Tensor | None,
    *,
    reverse: bool,
    half: bool = False,
) -> Read:
    """Reads a sequence from its first place, or with `reverse` from its last, to the other end.

    With `half` products are in bfloat16 where the processor multiplies it; all else, sums and
    states included, stays in float32.
    """
    input_BTC = _with_dense_rows(input_BTC)
    hidden_BH = hidden_BH.contiguous()
    read = empty_read(cell, input_BTC, weights, hidden_BH, memory_BH)
    values = _Forward(
        input_BTC.data_ptr(),
        *input_BTC.stride()[:2],
        hidden_BH.data_ptr(),
        read.outputs_TBH.data_ptr(),
        read.hidden_BH.data_ptr(),
    )
    _call("rv_recurrent_forward", _Sequence(cell, weights, memory_BH, read, reverse, half), values)
    if memory_BH is not None:
        read.memory_BH.copy_(read.memories_TBH[0 if reverse else -1])
    return read


def backward(
    cell: str,
    weights: Weights,
    memory_BH: Tensor | None,
    read: Read,
    output_BTH: Tensor | None,
    last_hidden_BH: Tensor | None,
    last_memory_BH: Tensor | None,
    *,
    reverse: bool,
    wants_input: bool,
    half: bool = False,
) -> Gradients:
    """From the gradients of what was given to those of what came."""
    gradients = empty_gradients(weights, read, wants_input=wants_input)
    output_BTH = None if output_BTH is None else _with_dense_rows(output_BTH)
    last_hidden_BH = None if last_hidden_BH is None else last_hidden_BH.contiguous()
    last_memory_BH = None if last_memory_BH is None else last_memory_BH.contiguous()
    values = _Backward(
        _address(output_BTH),
        *((0, 0) if output_BTH is None else output_BTH.stride()[:2]),
        _address(last_hidden_BH),
        _address(last_memory_BH),
        *(_address(each) for each in (gradients.hidden_BH, gradients.memory_BH)),
        *(_address(each) for each in (gradients.input_TBC, *gradients[1:5])),
    )
    _call("rv_recurrent_backward", _Sequence(cell, weights, memory_BH, read, reverse, half), values)
    return gradients


class _Sequence(NamedTuple):
    """What both directions of a pass are told."""

    cell: str
    weights: Weights
    memory_BH: Tensor | None
    read: Read
    reverse: bool
    half: bool


def _call(name: str, of: _Sequence, values: _Forward | _Backward) -> None:
    found = kernels()
    assert not isinstance(found, str), found
    places, rows, units = of.read.outputs_TBH.shape
    # These stay alive until the call is over, whatever they are copies of.
    weights = [None if weight is None else weight.contiguous() for weight in of.weights]
    memory = None if of.memory_BH is None else of.memory_BH.contiguous()
    layer = _Layer(
        CELLS.index(of.cell),
        places,
        rows,
        of.weights.features,
        units,
        of.reverse,
        torch.get_num_threads(),
        of.half,
        *(_address(weight) for weight in weights),
        *(_address(each) for each in (memory, of.read.read_TBK, of.read.gates_TBW)),
        _address(of.read.memories_TBH),
    )
    workspace = of.read.gates_TBW.new_empty(found.rv_recurrent_workspace(layer))
    layer.workspace = workspace.data_ptr()
    getattr(found, name)(layer, values)


def _address(tensor: Tensor | None) -> int | None:
    """Where a tensor lies; what is absent or empty lies nowhere."""
    return None if tensor is None or tensor.numel() == 0 else tensor.data_ptr()


def _with_dense_rows(tensor: Tensor) -> Tensor:
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()
