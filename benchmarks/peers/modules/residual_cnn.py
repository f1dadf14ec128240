"""A residual network of three blocks, as torchvision writes them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))), with a projection where the shape changes."""

    def __init__(self, came: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(came, filters, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential()
        if came != filters:
            self.shortcut = nn.Sequential(
                nn.Conv2d(came, filters, 1, stride=stride, bias=False), nn.BatchNorm2d(filters)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResidualNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.blocks(F.relu(self.bn(self.conv(x))))
        return self.classifier(out.mean((2, 3)))


def from_weights(weights: dict[str, Tensor]) -> ResidualNet:
    network = ResidualNet()
    # Both name the parts of a block in the same order.
    parameters = dict(network.named_parameters())
    named = zip(parameters, weights.values(), strict=True)
    network.load_state_dict(dict(named), strict=False)
    return network
