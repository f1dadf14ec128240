"""`resnet` gives what a residual network written on torch.nn alone gives, weights in one order.

The network here is laid out and named as torchvision's is.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn import build, load_weights
from ranvier.spec.architectures import resnet

PLANS = {18: ((2, 2, 2, 2), False), 34: ((3, 4, 6, 3), False), 50: ((3, 4, 6, 3), True)}


class Block(nn.Module):
    def __init__(self, came: int, filters: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        width = 4 * filters if bottleneck else filters
        plan = [(3, stride), (3, 1)] if not bottleneck else [(1, 1), (3, stride), (1, 1)]
        self.depth = len(plan)
        wide = came
        for i, (kernel, step) in enumerate(plan, start=1):
            out = width if i == len(plan) else filters
            convolution = nn.Conv2d(wide, out, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"bn{i}", nn.BatchNorm2d(out))
            wide = out
        self.downsample = None
        if stride != 1 or came != width:
            convolution = nn.Conv2d(came, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        a = x
        for i in range(1, self.depth + 1):
            a = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(a))
            a = F.relu(a) if i < self.depth else a
        return F.relu(a + (x if self.downsample is None else self.downsample(x)))


class Plain(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        blocks, bottleneck = PLANS[depth]
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        came = 64
        for stage, count in enumerate(blocks):
            row = nn.Sequential()
            for i in range(count):
                filters = 64 * 2**stage
                row.append(Block(came, filters, 2 if stage and not i else 1, bottleneck))
                came = 4 * filters if bottleneck else filters
            self.add_module(f"layer{stage + 1}", row)
        self.fc = nn.Linear(came, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        a = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            a = stage(a)
        return self.fc(a.mean((2, 3)))


@pytest.mark.parametrize("depth", PLANS)
def test_the_same_weights_give_the_same_answers(depth: int) -> None:
    torch.manual_seed(depth)
    theirs = Plain(depth)
    ours = build(resnet(depth), (64, 64, 3))
    pictures = torch.randn(2, 3, 64, 64)
    theirs(pictures)  # statistics of its own
    state = theirs.state_dict()
    report = load_weights(ours, state, names=dict(zip(state, ours.state_dict(), strict=True)))
    assert len(report.used) == len(state) and not report.unused
    with torch.no_grad():
        expected = theirs.eval()(pictures)
        found = ours.eval()(pictures.movedim(1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_in_training_the_statistics_of_the_batch_are_used_and_kept_alike() -> None:
    theirs, ours = Plain(18), build(resnet(18), (32, 32, 3))
    state = theirs.state_dict()
    load_weights(ours, state, names=dict(zip(state, ours.state_dict(), strict=True)))
    pictures = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected, found = theirs(pictures), ours(pictures.movedim(1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    for mine, its in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)
