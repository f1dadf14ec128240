"""The network of PyTorch's examples/mnist, trained as there: Adadelta from 1, falling every epoch.

The example's rate falls by 0.7 in each of its 14 epochs. Of a budget of other epochs each takes the
share of that fall which leaves the last where the example's stands. In its favour pictures come out
of one tensor, with no loader. Pictures are standardised by their own mean and deviation, as there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.pictures.curve import Arrays, arguments, read, run

BATCH, EPOCHS, FALL = 64, 14, 0.7


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        self.pixels_dropout = nn.Dropout(0.25)
        self.hidden = nn.Linear(9216, 128)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.second(functional.relu(self.first(x))))
        x = self.pixels_dropout(functional.max_pool2d(x, 2)).flatten(1)
        return self.head(self.dropout(functional.relu(self.hidden(x))))


class Example:
    def __init__(self, arrays: Arrays, seed: int) -> None:
        torch.manual_seed(seed)
        self.mean = float(arrays["inputs"].mean() / 255)
        self.deviation = float(arrays["inputs"].std() / 255)
        self.inputs = self._scaled(arrays["inputs"])
        self.targets = torch.from_numpy(arrays["targets"].astype(np.int64))
        self.model = Network()
        self.optimizer = torch.optim.Adadelta(self.model.parameters(), lr=1.0)
        self.parameters = sum(weight.numel() for weight in self.model.parameters())

    def train(self, epoch: int, epochs: int | None) -> None:
        fall = FALL ** (EPOCHS / epochs) if epochs else FALL
        self.optimizer.param_groups[0]["lr"] = fall**epoch
        self.model.train()
        for rows in torch.randperm(len(self.inputs)).split(BATCH):
            self.optimizer.zero_grad()
            logits = self.model(self.inputs[rows])
            functional.cross_entropy(logits, self.targets[rows]).backward()
            self.optimizer.step()

    @torch.no_grad()
    def classes(self, pictures: np.ndarray) -> np.ndarray:
        self.model.eval()
        parts = self._scaled(pictures).split(1000)
        return torch.cat([self.model(part).argmax(1) for part in parts]).numpy()

    def _scaled(self, pictures: np.ndarray) -> torch.Tensor:
        return ((torch.from_numpy(pictures).float() / 255 - self.mean) / self.deviation)[:, None]


def main() -> None:
    told = arguments()
    torch.set_num_threads(told.threads)
    arrays = read(told.arrays)
    run(Example(arrays, told.seed), arrays, told.seconds)


if __name__ == "__main__":
    main()
