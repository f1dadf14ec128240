"""What makes the network's input of a picture, fixed on the training pictures and kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ranvier.core.task import Task

Aspect = Literal["stretch", "crop", "pad"]


@dataclass(frozen=True)
class PictureForm:
    """The form that every picture is brought into: bytes `[height, width, channels]`.

    One channel is brightness, three are red, green and blue. `aspect` says what becomes of a
    picture whose sides have another ratio. `levels` are the numbers that become 0 and 255, where
    pictures hold others than bytes; None takes a picture's own type's.
    """

    height: int
    width: int
    channels: int
    aspect: Aspect = "stretch"
    levels: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class PictureEncoder:
    """All that is known of the pictures beside the network: form, task, and the target's unit.

    `mean` and `deviation` are of the training pictures' bytes, one number per channel.
    """

    task: Task
    form: PictureForm
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    target_center: float = 0.0
    target_scale: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": "pictures", "task": self.task.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PictureEncoder:
        form = dict(document["form"])
        levels = form.pop("levels")
        return cls(
            task=Task.from_json(document["task"]),
            form=PictureForm(**form, levels=None if levels is None else (levels[0], levels[1])),
            mean=tuple(document["mean"]),
            deviation=tuple(document["deviation"]),
            target_center=document["target_center"],
            target_scale=document["target_scale"],
        )
