"""Every architecture for sequences obeys the same laws, in a size that is quickly built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from ranvier.nn import build, streaming
from ranvier.nn.graph import Wired
from ranvier.spec import Network
from ranvier.spec.architectures import (
    bert,
    bilstm,
    gpt,
    mamba,
    n_beats,
    patch_tst,
    tcn,
    text_cnn,
    transformer,
)

ROWS = 4
WORDS = 11


def codes(length: int) -> Tensor:
    """Whole numbers from 1 on: none is padding."""
    return torch.randint(1, WORDS, (ROWS, length), generator=torch.Generator().manual_seed(1))


def segments(length: int) -> Tensor:
    return (torch.arange(length) >= length // 2).long().expand(ROWS, length)


def numbers(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(ROWS, *shape, generator=draw, dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """A small network with an input; `is_causal` if each output knows the places so far alone."""

    name: str
    network: Network
    inputs: tuple[Tensor, ...]
    is_causal: bool = False
    is_padded: bool = False
    gives_places: bool = False

    def built(self) -> nn.Module:
        shapes = tuple(tuple(each.shape[1:]) for each in self.inputs)
        return build(self.network, shapes, seed=2).double()

    def __str__(self) -> str:
        return self.name


TINY = {"vocabulary": WORDS, "units": 8, "heads": 2, "layers": 2, "hidden": 12}
MODERN = TINY | {"heads": 4, "kv_heads": 2, "units": 16, "bias": False, "feed_forward": "swiglu"}

LANGUAGE = [
    Case("gpt", gpt(**TINY, length=12), (codes(6),), is_causal=True),
    Case(
        "modern gpt",
        gpt(**MODERN, positions="rotary", normalisation="rms"),
        (codes(6),),
        is_causal=True,
    ),
    Case("windowed gpt", gpt(**TINY, positions="alibi", window=3), (codes(6),), is_causal=True),
    Case("padded gpt", gpt(**TINY, length=12, padding=0), (codes(6),), is_causal=True),
    Case("mamba", mamba(vocabulary=WORDS, layers=2, units=8, state=4), (codes(6),), is_causal=True),
]
LANGUAGE = [
    replace(case, gives_places=True, is_padded=case.name == "padded gpt") for case in LANGUAGE
]
TCN = tcn(features=2, outputs=3, filters=4, levels=2, kernel=2, each_place=True)
CASES = [
    *LANGUAGE,
    Case("tcn", TCN, (numbers(9, 2),), is_causal=True, gives_places=True),
    Case(
        "tcn for the whole",
        tcn(features=4, outputs=3, filters=4, levels=2, kernel=2),
        (numbers(9, 4),),
        is_causal=True,
    ),
    Case(
        "text_cnn",
        text_cnn(vocabulary=WORDS, classes=3, units=4, filters=3, kernels=(2, 3)),
        (codes(6),),
        is_padded=True,
    ),
    Case("bilstm", bilstm(vocabulary=WORDS, units=3, hidden=4), (codes(6),), is_padded=True),
    Case(
        "bilstm tagger",
        bilstm(vocabulary=WORDS, units=3, hidden=4, each_place=True),
        (codes(6),),
        is_padded=True,
        gives_places=True,
    ),
    Case(
        "bert",
        bert(**TINY, length=12, outputs=("places", "scores", "pooled")),
        (codes(6), segments(6)),
        is_padded=True,
        gives_places=True,
    ),
    Case(
        "bert without segments",
        bert(**TINY, length=12, segments=0),
        (codes(6),),
        is_padded=True,
        gives_places=True,
    ),
    Case(
        "transformer",
        transformer(**TINY),
        (codes(5), codes(6).flip(0)),
        is_padded=True,
        gives_places=True,
    ),
    Case(
        "pre-norm transformer",
        transformer(**TINY, order="pre", feed_forward="swiglu", decoder_layers=1, bias=False),
        (codes(5), codes(6).flip(0)),
        is_padded=True,
        gives_places=True,
    ),
    Case(
        "patch_tst",
        patch_tst(length=12, horizon=3, patch=4, stride=2, units=8, heads=2, hidden=6, layers=2),
        (numbers(12, 2),),
    ),
    Case("n_beats", n_beats(horizon=3, stacks=("generic",) * 2, units=6, layers=2), (numbers(8),)),
    Case(
        "interpretable n_beats",
        n_beats(
            horizon=4,
            stacks=("trend", "seasonality"),
            blocks=2,
            layers=2,
            trend_units=5,
            seasonality_units=6,
            shared=True,
        ),
        (numbers(8),),
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
CAUSAL = [case for case in CASES if case.is_causal]
PADDED = [case for case in CASES if case.is_padded]


def outputs(module: Callable[..., Tensor | tuple[Tensor, ...]], *inputs: Tensor) -> list[Tensor]:
    result = module(*inputs)
    return list(result) if isinstance(result, tuple) else [result]


@every_case
def test_it_comes_back_from_its_json_and_is_described_and_drawn(case):
    assert Network.from_json(case.network.to_json()) == case.network
    shapes = tuple(tuple(each.shape[1:]) for each in case.inputs)
    description = case.network.describe(input=shapes)
    assert description.parameters == sum(p.numel() for p in case.built().parameters())
    assert case.network.name in case.network.draw(input=shapes)


@every_case
def test_a_signal_goes_forward_and_reaches_every_weight_backward(case):
    module = case.built()
    given = outputs(module, *case.inputs)
    shapes = tuple(tuple(each.shape[1:]) for each in case.inputs)
    assert [tuple(each.shape[1:]) for each in given] == list(case.network.output_shapes(shapes))
    sum(each.sin().sum() for each in given).backward()
    assert [name for name, p in module.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in module.parameters())


@every_case
def test_evaluation_is_deterministic_and_does_not_mix_samples(case):
    module = case.built().eval()
    together, again = outputs(module, *case.inputs), outputs(module, *case.inputs)
    assert all(map(torch.equal, together, again))
    alone = [outputs(module, *(each[i : i + 1] for each in case.inputs)) for i in range(ROWS)]
    for number, whole in enumerate(together):
        rows = torch.cat([each[number] for each in alone])
        torch.testing.assert_close(whole, rows, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", PADDED, ids=str)
def test_padding_changes_no_real_place_whatever_its_embedding_holds(case):
    """A text alone gives what it gives with places of padding after it."""
    short = case.built().eval()
    more = [torch.cat([each, torch.zeros_like(each[:, :3])], 1) for each in case.inputs]
    shapes = tuple(tuple(each.shape[1:]) for each in more)
    long = build(case.network, shapes, seed=2).double().eval()
    expected = outputs(short, *case.inputs)
    with torch.no_grad():
        for module in long.modules():
            if isinstance(module, nn.Embedding):
                module.weight[0] += 100.0
    for whole, padded in zip(expected, outputs(long, *more), strict=True):
        has_places = whole.dim() == 3
        real = padded[:, : whole.shape[1]] if has_places else padded
        # Where words are tied, the score of the padding itself has moved with its embedding.
        kept = slice(1, None) if whole.shape[-1] == WORDS else slice(None)
        torch.testing.assert_close(real[..., kept], whole[..., kept], rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", [case for case in CAUSAL if case.gives_places], ids=str)
def test_no_place_looks_ahead(case):
    module = case.built().eval()
    (given,) = case.inputs
    later = given.clone()
    later[:, 4:] = given[:, 4:].flip(0)
    before, after = module(given), module(later)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("case", [c for c in CASES if "transformer" in c.name], ids=str)
def test_the_decoder_does_not_look_ahead_but_at_all_of_the_source(case):
    module = case.built().eval()
    source, target = case.inputs
    later = target.clone()
    later[:, 3:] = target[:, 3:].flip(0)
    whole = module(source, target)
    torch.testing.assert_close(module(source, later)[:, :3], whole[:, :3], rtol=0, atol=1e-12)
    other = source.clone()
    other[:, -1] = source[:, -1] % (WORDS - 1) + 1
    assert not torch.allclose(module(other, target)[:, 0], whole[:, 0])


@pytest.mark.parametrize("case", CAUSAL, ids=str)
def test_pieces_in_a_stream_give_what_the_whole_gives(case):
    module = case.built().eval()
    (given,) = case.inputs
    whole = module(given)
    with streaming(module):
        pieces = [module(given[:, start:stop]) for start, stop in ((0, 2), (2, 3), (3, None))]
    joined = torch.cat(pieces, 1) if case.gives_places else pieces[-1]
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", LANGUAGE, ids=str)
def test_generation_with_and_without_a_cache_writes_the_same(case):
    module = case.built().eval()
    (start,) = case.inputs
    written = start[:, :3]
    with torch.no_grad():
        for _ in range(5):
            following = module(written)[:, -1, 1:].argmax(-1, keepdim=True) + 1
            written = torch.cat([written, following], 1)
        cached = start[:, :3]
        with streaming(module):
            scores = module(cached)
            for _ in range(5):
                following = scores[:, -1, 1:].argmax(-1, keepdim=True) + 1
                cached = torch.cat([cached, following], 1)
                scores = module(following)
    assert torch.equal(written, cached)


@pytest.mark.parametrize("case", [c for c in CASES if "transformer" in c.name], ids=str)
def test_a_decoder_that_remembers_writes_what_one_that_reads_all_again_writes(case):
    module = case.built().eval()
    source = case.inputs[0]
    written = newest = torch.ones(ROWS, 1, dtype=torch.long)
    with torch.no_grad(), streaming(module.decoder):
        for _ in range(5):
            newest = module(source, newest)[:, -1, 1:].argmax(-1, keepdim=True) + 1
            written = torch.cat([written, newest], 1)
    with torch.no_grad():
        again = module(source, written[:, :-1])[:, :, 1:].argmax(-1) + 1
    assert torch.equal(again, written[:, 1:])


@every_case
def test_it_exports_for_batches_of_any_size_and_the_program_agrees(case):
    module = case.built().float().eval()
    inputs = tuple(each.float() if each.is_floating_point() else each for each in case.inputs)
    sizes = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    # A module that takes *signals names its inputs as one tuple.
    has_row = isinstance(module, Wired)
    program = torch.export.export(
        module, inputs, dynamic_shapes=(sizes,) if has_row else sizes
    ).module()
    for rows in (ROWS, ROWS - 1):
        part = [each[:rows] for each in inputs]
        for whole, exported in zip(outputs(module, *part), outputs(program, *part), strict=True):
            torch.testing.assert_close(exported, whole)
