"""A trained network for pictures with the form it was trained on: pictures in, answers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars
import torch
from torch import nn

from ranvier.apps.answering import answer_table, labels_of
from ranvier.apps.image.entrance import OwnBehindEntrance
from ranvier.core.errors import ConfigError, RunError
from ranvier.core.task import Task
from ranvier.data.image import PictureEncoder, Readable, labelled_pictures, read_pictures
from ranvier.explain import Explanation, Method, explain
from ranvier.losses import Loss, loss_from
from ranvier.nn.foreign import build_or_copy
from ranvier.nn.views import Views
from ranvier.runs.documents import read_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model as read_model
from ranvier.spec import Network
from ranvier.step import Head, Unit
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.evaluate import Predictor, scores


@dataclass(frozen=True)
class PictureModel:
    """Predicts what is asked of pictures, as they come from files, folders or arrays.

    Answers are averaged over `views` of each picture.
    """

    module: nn.Module
    head: Head
    encoder: PictureEncoder
    views: Views = field(default_factory=Views)

    @property
    def task(self) -> Task:
        return self.head.task

    def answer(self, pixels: np.ndarray) -> Arrays:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit, of bytes in form."""
        device = next(self.module.parameters()).device
        return self._predictor().answer(torch.from_numpy(pixels).to(device))

    def _predictor(self) -> Predictor:
        return Predictor(module=self.views.around(self.module, self.task.kind), head=self.head)

    def predict(self, source: Any) -> np.ndarray:
        """A class label as the data spells it, or a value, per picture."""
        raw = self._raw(source)
        return raw if self.task.kind == "regression" else labels_of(self.task, raw)

    def predict_proba(self, source: Any) -> np.ndarray:
        """A probability per class and picture, `[N, C]`, classes in the order of `task.classes`."""
        if self.task.kind == "regression":
            raise ConfigError(
                f"{self.task.target!r} is a number: there are no probabilities. Use predict."
            )
        return self._raw(source)

    def _raw(self, source: Any) -> np.ndarray:
        readable = read_pictures(self.encoder, source)
        readable.require_all()
        return self.answer(readable.pixels)[PREDICTION]

    def predict_table(self, source: Any, *, top: int | None = None) -> polars.DataFrame:
        """One row per picture of `source`: its `file`, the `prediction`, and what else is said.

        A picture that cannot be read keeps its row: its answers are missing, and `problem` says
        why.
        """
        readable = read_pictures(self.encoder, source)
        table = answer_table(self.task, self.answer(readable.pixels), top)
        return _with_names(table, readable)

    def explain(
        self,
        source: Any,
        *,
        method: str | Mapping[str, Any] | Method = "grad_cam",
        target: Any = None,
        layer: str | None = None,
        limit: int = 48,
    ) -> Explanation:
        """Which pixels the answers rest on, of `limit` pictures at most; of one view of each."""
        readable = read_pictures(self.encoder, source, limit=limit)
        readable.require_all()
        shown = readable.pixels
        answer = self.answer(shown)[PREDICTION]
        is_number = self.task.kind == "regression"
        return explain(
            self.module,
            shown,
            names=readable.names,
            classes=self.task.classes,
            probabilities=None if is_number else answer,
            values=answer if is_number else None,
            method=method,
            target=target,
            layer=layer,
            source=str(source),
            left_out=readable.passed_over,
        )

    def evaluate(self, source: Any, *, weight: str | None = None) -> dict[str, float]:
        """The usual metrics on pictures of which the target is known."""
        pictures = labelled_pictures(self.encoder, source)
        return scores(self.head, pictures.truth, self.answer(pictures.pixels))


def _with_names(table: polars.DataFrame, readable: Readable) -> polars.DataFrame:
    """The answers for those that could be read, in their places among all."""
    places = polars.DataFrame({"place": readable.places}, schema={"place": polars.Int64})
    rows = polars.DataFrame({"file": list(readable.names)}).with_row_index("place")
    rows = rows.with_columns(polars.col("place").cast(polars.Int64))
    joined = rows.join(places.hstack(table), on="place", how="left", maintain_order="left")
    joined = joined.drop("place")
    if not readable.problems:
        return joined
    problems = polars.Series("problem", readable.problem_of_each, dtype=polars.String)
    return joined.with_columns(problems)


def head_for(network: Network, encoder: PictureEncoder, loss: Loss | None) -> Head:
    """What reads the outputs of a network for such pictures, trained by `loss`.

    Raises:
        ShapeError: if the outputs cannot answer the task.
    """
    return Head.fit(
        encoder.task,
        network.output_shape(encoder.form.shape),
        network.members,
        loss=loss,
        unit=Unit(encoder.target_center, encoder.target_scale),
    )


def load_model(run: RunFolder, *, module: nn.Module | None = None) -> PictureModel:
    """The trained model of a run, in evaluation mode, every byte of it checked.

    `module` is one like that which was trained, where the network was not built here; it stays.
    """
    saved = read_model(run)
    if saved.network_json is None or saved.encoder_json is None:
        raise RunError(f"{run.model}: this is not the model of a picture run.")
    encoder = PictureEncoder.from_json(saved.encoder_json)
    network = Network.from_json(saved.network_json)
    own = None if module is None else OwnBehindEntrance(module, encoder)
    built = build_or_copy(network, encoder.form.shape, own)
    built.load_state_dict(saved.tensors)
    # A run that healed itself may have ended with another loss than it was begun with.
    begun, ended = read_document(run.run)["settings"], read_document(run.summary)
    loss = loss_from(ended.get("changed", {}).get("loss", begun["loss"]))
    views = Views.from_names(begun["views"] or "none")
    return PictureModel(built.eval(), head_for(network, encoder, loss), encoder, views)
