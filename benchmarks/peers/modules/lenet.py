"""LeNet-5 on 28 × 28 pixels."""

from __future__ import annotations

from torch import Tensor, nn


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def from_weights(weights: dict[str, Tensor]) -> LeNet:
    network = LeNet()
    found = list(weights.values())
    # Ranvier flattens [height, width, channels], PyTorch [channels, height, width].
    found[4] = found[4].reshape(120, 5, 5, 16).permute(0, 3, 1, 2).reshape(120, 400)
    network.load_state_dict(dict(zip(network.state_dict(), found, strict=True)))
    return network
