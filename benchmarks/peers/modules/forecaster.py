"""An LSTM that reads a window and tells the next value."""

from __future__ import annotations

from torch import Tensor, nn


class Forecaster(nn.Module):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.head = nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x)
        return self.head(states[:, -1]).squeeze(-1)


def from_weights(weights: dict[str, Tensor]) -> Forecaster:
    found = list(weights.values())
    network = Forecaster(found[1].shape[1])
    network.load_state_dict(dict(zip(network.state_dict(), found, strict=True)))
    return network
