"""A trained network for tables with the encoder it was trained behind: rows in, answers out."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars
import torch
from torch import nn

from ranvier.apps.answering import answer_table, labels_of
from ranvier.core.errors import ConfigError, RunError
from ranvier.core.task import Task
from ranvier.data.tabular import TableEncoder, labelled_rows, read_table
from ranvier.losses import Loss, loss_from
from ranvier.nn.foreign import build_or_copy
from ranvier.runs.documents import read_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model as read_model
from ranvier.spec import Network
from ranvier.step import Head, Unit
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.evaluate import Predictor, scores


@dataclass(frozen=True)
class TableModel:
    """Predicts a table's target from its rows, as they come from a file or a frame."""

    module: nn.Module
    head: Head
    encoder: TableEncoder

    @property
    def task(self) -> Task:
        return self.head.task

    def in_float64(self) -> TableModel:
        """The same model computing in float64, a copy."""
        return replace(self, module=copy.deepcopy(self.module).double())

    def raw(self, frame: polars.DataFrame) -> np.ndarray:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit."""
        return self._answer(self.encoder.encode(frame))[PREDICTION]

    def _answer(self, inputs: np.ndarray) -> Arrays:
        weight = next(self.module.parameters())
        predictor = Predictor(module=self.module, head=self.head)
        return predictor.answer(torch.from_numpy(inputs).to(weight.device, weight.dtype))

    def predict(self, source: Any) -> np.ndarray:
        """A class label as the data spells it, or a value, per row."""
        raw = self.raw(read_table(source))
        if not self.task.is_classification:
            return raw
        return labels_of(self.task, raw)

    def predict_proba(self, source: Any) -> np.ndarray:
        """A probability per class and row, `[N, C]`, classes in the order of `task.classes`.

        Honest where the loss is a cross-entropy; a focal loss makes them shyer than that. A hinge
        teaches scores, whose sigmoid or softmax this is: it ranks rows and decides as the scores
        do, and says no more.
        """
        if not self.task.is_classification:
            raise ConfigError(
                f"{self.task.target!r} is a number: there are no probabilities. Use predict."
            )
        return self.raw(read_table(source))

    def predict_table(self, source: Any, *, top: int | None = None) -> polars.DataFrame:
        """One row per row of `source`: `prediction`, and what else the network says.

        That is `probability_<class>` for classes, or the `top` likeliest of them, and for a number
        what its loss teaches: `quantile_<level>` after `pinball`, `standard_deviation` after a
        likelihood.
        """
        return answer_table(self.task, self._answer(self.encoder.encode(read_table(source))), top)

    def evaluate(self, source: Any, *, weight: str | None = None) -> dict[str, float]:
        """The usual metrics on rows that hold the target, weighed by the column `weight`."""
        rows = labelled_rows(self.encoder, source, weight=weight)
        return scores(self.head, rows.truth, self._answer(rows.inputs), weights=rows.weights)


def load_model(run: RunFolder, *, module: nn.Module | None = None) -> TableModel:
    """The trained model of a run, in evaluation mode, every byte of it checked.

    `module` is one like that which was trained, where the network was not built here; it stays.
    """
    saved = read_model(run)
    if saved.network_json is None or saved.encoder_json is None:
        raise RunError(f"{run.model}: this is not the model of a table.")
    encoder = TableEncoder.from_json(saved.encoder_json)
    network = Network.from_json(saved.network_json)
    shape = (encoder.layout.features,)
    module = build_or_copy(network, shape, module)
    module.load_state_dict(saved.tensors)
    # A run that healed itself may have ended with another loss than it was begun with.
    begun, ended = read_document(run.run)["settings"], read_document(run.summary)
    loss = loss_from(ended.get("changed", {}).get("loss", begun["loss"]))
    return TableModel(module.eval(), head_for(network, encoder, loss), encoder)


def head_for(network: Network, encoder: TableEncoder, loss: Loss | None) -> Head:
    """What reads the outputs of a network behind this encoder, trained by `loss`.

    Raises:
        ShapeError: if the outputs cannot answer the task.
    """
    return Head.fit(
        encoder.task,
        network.output_shape((encoder.layout.features,)),
        network.members,
        loss=loss,
        unit=Unit(encoder.target_center, encoder.target_scale),
    )
