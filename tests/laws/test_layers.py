"""Every registered layer obeys the same laws; one table of examples drives them all.

A new kind of layer is entered in `EXAMPLES` and nowhere else in this file.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import NetworkError
from ranvier.nn import build
from ranvier.spec import (
    ACTIVATIONS,
    GEGLU,
    GLU,
    LAYERS,
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Maxout,
    MemberDense,
    Members,
    Network,
    Parallel,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    PReLU,
    ReGLU,
    Repeat,
    Residual,
    RReLU,
    Sequence,
    SharedDense,
    SwiGLU,
    TableFeatures,
    trace,
)

ROWS = 6


def numbers(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(1))


def codes(shape: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 3, (ROWS, *shape), generator=torch.Generator().manual_seed(1)).float()


def table(shape: tuple[int, ...]) -> Tensor:
    """Two numeric columns, then codes."""
    return torch.cat([numbers((2,)), codes((shape[0] - 2,))], dim=1)


@dataclass(frozen=True)
class Example:
    layer: Layer
    shape: tuple[int, ...]
    rows: Callable[[tuple[int, ...]], Tensor] = numbers

    def __str__(self) -> str:
        return f"{self.layer.kind}-{'x'.join(map(str, self.shape))}"


EXAMPLES = [
    Example(Dense(4, activation="tanh"), (3,)),
    Example(Dense(4, bias=False, initializer="orthogonal"), (2, 3)),
    *(Example(Activation(name), (5,)) for name in ACTIVATIONS),
    Example(Activation("leaky_relu", slope=0.3), (2, 3)),
    Example(PReLU(), (2, 3)),
    Example(PReLU(shared=True, initializer="zeros"), (4,)),
    Example(RReLU(lower=0.1, upper=0.5), (2, 3)),
    Example(GLU(), (2, 6)),
    Example(SwiGLU(), (6,)),
    Example(GEGLU(), (6,)),
    Example(ReGLU(), (6,)),
    Example(Maxout(3), (2, 6)),
    Example(Dropout(0.4), (3,)),
    Example(BatchNorm(), (4,)),
    Example(BatchNorm(momentum=0.3, affine=False), (2, 4)),
    Example(LayerNorm(), (4,)),
    Example(LayerNorm(epsilon=1e-3, affine=False), (2, 4)),
    Example(Embedding(3, 4), (2,), codes),
    Example(Flatten(), (2, 3)),
    Example(Sequence(Dense(4), Dense(2)), (3,)),
    Example(Network(Dense(4), Network(Dense(2), name="inner")), (3,)),
    Example(Residual(Dense(4, activation="silu"), Dense(3)), (3,)),
    Example(Repeat(Dense(3, activation="tanh"), times=3), (2,)),
    Example(Repeat([Residual(LayerNorm(), Dense(3))], times=2), (3,)),
    Example(Parallel(Dense(2), [Dense(4, activation="tanh"), Dense(3)]), (3,)),
    *(Example(Parallel(Dense(2), Dense(2), join=join), (3,)) for join in ("sum", "average")),
    Example(Parallel(Dense(2), Dense(2), join="multiply"), (3,)),
    Example(Members(4), (3,)),
    Example(MemberDense(4, activation="tanh"), (2, 3)),
    Example(SharedDense(4, activation="silu", input_scale="normal"), (2, 3)),
    Example(Network(Members(3), SharedDense(4), MemberDense(2)), (3,)),
    Example(PeriodicEmbedding(units=3, frequencies=4, deviation=0.5), (2,)),
    Example(PeriodicEmbedding(activation="gelu"), (3,)),
    Example(PiecewiseEmbedding(((-1, 0, 0.5), (0, 1)), 3), (2,)),
    Example(PiecewiseEmbedding(((-1, 0, 0.5), (0, 1)), 3, activation="tanh"), (2,)),
    Example(TableFeatures(numeric=2, cardinalities=(2, 3, 4)), (5,), table),
    Example(
        TableFeatures(numeric=2, cardinalities=(3, 7, 9), one_hot_up_to=5, numbers="periodic"),
        (5,),
        table,
    ),
    Example(
        TableFeatures(
            numeric=2,
            cardinalities=(3, 7, 900),
            one_hot_up_to=2,
            embedding="fastai",
            numbers=Dense(3),
        ),
        (5,),
        table,
    ),
]
# The rest takes codes and gives constants.
DIFFERENTIABLE = [
    example
    for example in EXAMPLES
    if example.rows is numbers or trace(example.layer, example.shape).num_parameters
]
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
one_of_each_kind = pytest.mark.parametrize(
    "example", {example.layer.kind: example for example in EXAMPLES}.values(), ids=str
)


def built(example: Example, *, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor]:
    module = build(example.layer, example.shape, seed=3).to(dtype)
    return module, example.rows(example.shape).to(dtype)


def test_every_registered_layer_has_an_example():
    assert {example.layer.kind for example in EXAMPLES} == set(LAYERS)


@every_example
def test_the_inferred_shape_is_the_built_module_s(example):
    module, rows = built(example)
    assert tuple(module(rows).shape) == (ROWS, *example.layer.output_shape(example.shape))


@every_example
def test_a_layer_comes_back_from_its_json_equal_and_with_the_same_hash(example):
    network = Network(example.layer)
    again = Network.from_json(network.to_json())
    assert again == network
    assert hash(again) == hash(network)
    assert again.to_json() == network.to_json()


@every_example
def test_an_unknown_field_is_refused_by_name(example):
    document = json.loads(Network(example.layer).to_json())
    document["layers"][0]["naem"] = "first"
    with pytest.raises(NetworkError, match=r"network\.layers\[0\]: unknown field 'naem'. Did you"):
        Network.from_json(json.dumps(document))


@every_example
def test_described_parameters_are_the_built_module_s_by_name_and_shape(example):
    module, _ = built(example)
    node = trace(example.layer, example.shape)
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
    paths = {inner.path for inner in trace(example.layer, example.shape).walk()}
    assert paths <= {name for name, _ in module.named_modules()}


@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
def test_gradients_agree_with_finite_differences(example):
    module, rows = built(example, dtype=torch.float64)
    module.eval()
    names = [name for name, _ in module.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in module.parameters()]
    if example.rows is numbers:
        rows.requires_grad_()

    def output(rows: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (rows,))

    assert torch.autograd.gradcheck(output, (rows, *values), eps=1e-6, atol=1e-6, fast_mode=True)


@every_example
def test_evaluation_is_deterministic_and_does_not_mix_samples(example):
    module, rows = built(example, dtype=torch.float64)
    module.eval()
    together = module(rows)
    assert torch.equal(together, module(rows))
    alone = torch.cat([module(row.unsqueeze(0)) for row in rows])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


@one_of_each_kind
def test_the_module_exports_and_the_exported_program_agrees(example):
    module, rows = built(example)
    module.eval()
    program = torch.export.export(module, (rows,))
    torch.testing.assert_close(program.module()(rows), module(rows))


@every_example
def test_the_module_is_captured_as_a_graph_that_agrees(example):
    module, rows = built(example)
    module.eval()
    state = dict(module.named_parameters()) | dict(module.named_buffers())

    def output(state: dict[str, Tensor], rows: Tensor) -> Tensor:
        return torch.func.functional_call(module, state, (rows,))

    graph = make_fx(output)(state, rows)
    assert torch.equal(graph(state, rows.flip(0)), module(rows.flip(0)))


@every_example
def test_forward_leaves_no_trace_on_the_module_but_in_its_buffers(example):
    module, rows = built(example)
    before = {name: set(vars(inner)) for name, inner in module.named_modules()}
    module(rows)
    assert {name: set(vars(inner)) for name, inner in module.named_modules()} == before


@every_example
def test_a_few_steps_reduce_a_loss(example):
    torch.manual_seed(0)
    rows = example.rows(example.shape)
    network = Network(example.layer, Flatten(), Dense(1))
    module = build(network, example.shape, seed=3)
    target = torch.randn(ROWS, 1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)

    def loss() -> Tensor:
        return nn.functional.mse_loss(module(rows), target)

    before = loss().item()
    for _ in range(30):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < before


@every_example
def test_the_equation_is_written_with_the_superscripts_of_its_place(example):
    equations = [n.equation for n in trace(example.layer, example.shape).walk() if n.equation]
    assert equations
    assert all("ˡ" not in equation for equation in equations)


@every_example
def test_the_table_and_the_drawing_name_the_layer(example):
    network = Network(example.layer, name="whole")
    table = str(network.describe(input=example.shape)).splitlines()
    assert table[3].startswith(f"{example.layer.kind}_0 ")
    if example.layer.form == "box":
        assert html.escape(example.layer.label()) in network.draw(input=example.shape)
