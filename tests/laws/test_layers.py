"""Every registered layer obeys the same laws; tables of examples drive them all.

A new kind of layer is entered in `tests/laws/examples` and nowhere in this file.
"""

from __future__ import annotations

import html
import json

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import NetworkError
from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.nn.streaming import Streams, streaming
from ranvier.spec import LAYERS, Network, trace
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import ROWS, Example, numbers

Tensors = tuple[Tensor, ...]

# The rest takes codes and gives constants.
DIFFERENTIABLE = [
    example
    for example in EXAMPLES
    if example.is_smooth
    and (numbers in example.kinds_of_rows or trace(example.layer, *example.shapes).num_parameters)
]
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
one_of_each_kind = pytest.mark.parametrize(
    "example", {example.layer.kind: example for example in EXAMPLES}.values(), ids=str
)


def built(example: Example, *, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensors]:
    module = build(example.layer, example.shape, seed=3).to(dtype)
    inputs = (each.to(dtype) if each.is_floating_point() else each for each in example.inputs())
    return module, tuple(inputs)


def every_output(result: Tensor | Tensors) -> Tensors:
    return result if isinstance(result, tuple) else (result,)


# What takes names or picks means something only inside a network, among other layers.
INSIDE = {"again", "aside", "pick", "take", "tied_dense"}


def test_every_registered_layer_has_an_example():
    alone = {example.layer.kind for example in EXAMPLES}
    nodes = (node for example in EXAMPLES for node in trace(example.layer, *example.shapes).walk())
    # What was written elsewhere is only described.
    assert alone == set(LAYERS) - INSIDE - {"foreign"}
    assert {node.layer.kind for node in nodes} >= INSIDE


@every_example
def test_the_inferred_shapes_are_the_built_module_s(example):
    module, inputs = built(example)
    given = [tuple(each.shape) for each in every_output(module(*inputs))]
    assert given == [(ROWS, *shape) for shape in example.layer.output_shapes(example.shape)]


@every_example
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_numbers_come_out_in_the_precision_in_which_they_went_in(example, dtype):
    module, inputs = built(example, dtype=dtype)
    given = {each.dtype for each in every_output(module(*inputs)) if each.is_floating_point()}
    assert given <= {dtype}


@every_example
def test_a_layer_comes_back_from_its_json_equal_and_with_the_same_hash(example):
    network = Network(example.layer)
    again = Network.from_json(network.to_json())
    assert again == network
    assert hash(again) == hash(network)
    assert again.to_json() == network.to_json()


@every_example
def test_weights_come_back_from_a_file_into_another_module(example):
    module, inputs = built(example)
    other = build(example.layer, example.shape, seed=4)
    state = {name: each.contiguous() for name, each in module.state_dict().items()}
    other.load_state_dict(load(save(state)))
    module.eval()
    other.eval()
    pairs = zip(every_output(module(*inputs)), every_output(other(*inputs)), strict=True)
    assert all(torch.equal(mine, its) for mine, its in pairs)


@every_example
def test_an_unknown_field_is_refused_by_name(example):
    document = json.loads(Network(example.layer).to_json())
    document["layers"][0]["naem"] = "first"
    with pytest.raises(NetworkError, match=r"network\.layers\[0\]: unknown field 'naem'. Did you"):
        Network.from_json(json.dumps(document))


@every_example
def test_described_parameters_are_the_built_module_s_by_name_and_shape(example):
    module, _ = built(example)
    node = trace(example.layer, *example.shapes)
    described = {
        f"{inner.path}.{name}".lstrip("."): parameter.shape
        for inner in node.walk()
        for name, parameter in inner.parameters.items()
    }
    assert described == {name: tuple(p.shape) for name, p in module.named_parameters()}
    assert node.num_parameters == sum(p.numel() for p in module.parameters())


@every_example
def test_every_module_has_the_path_of_its_description(example):
    module, _ = built(example)
    paths = {inner.path for inner in trace(example.layer, *example.shapes).walk()}
    assert paths <= {name for name, _ in module.named_modules()}


@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
def test_gradients_agree_with_finite_differences(example):
    module, inputs = built(example, dtype=torch.float64)
    module.eval()
    names = [name for name, _ in module.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in module.parameters()]
    for rows, tensor in zip(example.kinds_of_rows, inputs, strict=True):
        tensor.requires_grad_(rows is numbers)

    def outputs(*tensors: Tensor) -> Tensors:
        inputs, values = tensors[: len(example.shapes)], tensors[len(example.shapes) :]
        state = dict(zip(names, values, strict=True))
        result = every_output(torch.func.functional_call(module, state, inputs))
        return tuple(each for each in result if each.is_floating_point())

    everything = (*inputs, *values)
    assert torch.autograd.gradcheck(outputs, everything, eps=1e-6, atol=1e-6, fast_mode=True)


@every_example
def test_evaluation_is_deterministic_and_does_not_mix_samples(example):
    module, inputs = built(example, dtype=torch.float64)
    module.eval()
    together = every_output(module(*inputs))
    again = every_output(module(*inputs))
    assert all(map(torch.equal, together, again))
    rows = [every_output(module(*(each[i : i + 1] for each in inputs))) for i in range(ROWS)]
    for whole, *alone in zip(together, *rows, strict=True):
        torch.testing.assert_close(whole, torch.cat(alone), rtol=0, atol=1e-12)


@one_of_each_kind
def test_the_module_exports_and_the_exported_program_agrees(example):
    module, inputs = built(example)
    module.eval()
    program = torch.export.export(module, inputs)
    torch.testing.assert_close(program.module()(*inputs), module(*inputs))


@every_example
def test_the_module_is_captured_as_a_graph_that_agrees(example):
    module, inputs = built(example)
    module.eval()
    state = dict(module.named_parameters()) | dict(module.named_buffers())

    def outputs(state: dict[str, Tensor], *inputs: Tensor) -> Tensors:
        return every_output(torch.func.functional_call(module, state, inputs))

    graph = make_fx(outputs)(state, *inputs)
    flipped = tuple(each.flip(0) for each in inputs)
    assert all(map(torch.equal, graph(state, *flipped), every_output(module(*flipped))))


@every_example
def test_forward_leaves_no_trace_on_the_module_but_in_its_buffers(example):
    module, inputs = built(example)
    before = {name: set(vars(inner)) for name, inner in module.named_modules()}
    module(*inputs)
    assert {name: set(vars(inner)) for name, inner in module.named_modules()} == before


@every_example
def test_a_hundred_steps_reduce_a_loss(example):
    torch.manual_seed(0)
    module, inputs = built(example)
    heads = nn.ModuleList(nn.Linear(each[0].numel(), 1) for each in every_output(module(*inputs)))
    target = torch.randn(ROWS, 1)
    optimizer = torch.optim.Adam([*module.parameters(), *heads.parameters()], lr=0.02)

    def loss() -> Tensor:
        with collected_penalties() as terms:
            ends = every_output(module(*inputs))
        answer = sum(head(end.flatten(1).float()) for head, end in zip(heads, ends, strict=True))
        return nn.functional.mse_loss(answer, target) + sum(terms)

    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert sum(losses[-10:]) / 10 < losses[0]


# What has more axes than a sequence's [T, C] is no sequence, and is not fed in pieces.
STREAMING = [
    example
    for example in EXAMPLES
    if len(example.shapes[0]) <= 2
    and any(isinstance(m, Streams) for m in build(example.layer, example.shape).modules())
]


@pytest.mark.parametrize("example", STREAMING or [None], ids=str)
def test_a_causal_layer_gives_in_pieces_what_it_gives_on_the_whole(example):
    if example is None:
        return
    module, inputs = built(example, dtype=torch.float64)
    module.eval()
    streams = [each for each in module.modules() if isinstance(each, Streams)]
    if any(each.looks_ahead for each in streams):
        with pytest.raises(NetworkError, match="reads later places of the sequence"):
            with streaming(module):
                pass
        return
    whole = every_output(module(*inputs))[0]

    def piece(start: int, stop: int | None) -> Tensor:
        parts = (
            each if i in example.whole else each[:, start:stop] for i, each in enumerate(inputs)
        )
        return every_output(module(*parts))[0]

    with streaming(module):
        pieces = [piece(0, 1), piece(1, 3), piece(3, None)]
    joined = torch.cat(pieces, 1)
    # A layer that gives one answer for the whole has it at the last piece.
    answer = joined if joined.shape == whole.shape else pieces[-1]
    torch.testing.assert_close(answer, whole, rtol=0, atol=1e-10)


@every_example
def test_the_equation_is_written_with_the_superscripts_of_its_place(example):
    equations = [n.equation for n in trace(example.layer, *example.shapes).walk() if n.equation]
    assert equations
    assert all("ˡ" not in equation for equation in equations)


@every_example
def test_the_table_and_the_drawing_name_the_layer(example):
    network = Network(example.layer, name="whole")
    table = str(network.describe(input=example.shape)).splitlines()
    assert table[3].startswith(f"{example.layer.kind}_0 ")
    if example.layer.form == "box":
        assert html.escape(example.layer.label()) in network.draw(input=example.shape)
