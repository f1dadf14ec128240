"""Dense layers with a ReLU between them."""

from __future__ import annotations

from torch import Tensor, nn


def from_weights(weights: dict[str, Tensor]) -> nn.Sequential:
    """The network of these weights, which come layer by layer."""
    matrices = [w for name, w in weights.items() if name.endswith("weight")]
    layers: list[nn.Module] = []
    for matrix in matrices:
        layers += [nn.Linear(matrix.shape[1], matrix.shape[0]), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    return network
