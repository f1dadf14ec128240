"""Lightning's Trainer on a DataLoader; logger, checkpoints and bar are off, in its favour."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from benchmarks.peers.job import Job, Member
from benchmarks.peers.modules.registry import criterion_of, module_of, outputs_of, tensors_of
from benchmarks.peers.turns import Turns

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")


class KnownOrder(Sampler[int]):
    """The rows of the epoch to come."""

    order: np.ndarray

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)


class Module(lightning.LightningModule):
    def __init__(self, job: Job, member: Member) -> None:
        super().__init__()
        self.network = module_of(job, member)
        self.criterion = criterion_of(job.model)
        self.learning_rate = member.learning_rate

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        inputs, targets = batch
        loss = self.criterion(self.network(inputs), targets)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class Pause(Callback):
    def __init__(self, pause: Callable[[float], None]) -> None:
        self.pause = pause

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Module) -> None:
        self.pause(float(trainer.callback_metrics["loss"]))


class Trained:
    def __init__(self, job: Job, member: Member) -> None:
        self.job = job
        torch.manual_seed(member.seed)
        self.module = Module(job, member)
        self.sampler = KnownOrder()
        self.turns = Turns(self._fit, epochs=job.epochs)

    def _fit(self, pause: Callable[[float], None]) -> None:
        trainer = lightning.Trainer(
            max_epochs=self.job.epochs,
            accelerator="gpu" if self.job.device == "cuda" else "cpu",
            devices=1,
            callbacks=[Pause(pause)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        rows = TensorDataset(*tensors_of(self.job))
        trainer.fit(
            self.module, DataLoader(rows, batch_size=self.job.batch_size, sampler=self.sampler)
        )

    def train(self, order: np.ndarray) -> float:
        self.sampler.order = order
        return self.turns.next()

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return outputs_of(self.module.network, self.job, inputs)


def learner(job: Job, member: Member) -> Trained:
    return Trained(job, member)
