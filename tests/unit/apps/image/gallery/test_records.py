"""The gallery as a whole, of a small network that really looked at pictures."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.apps.image.gallery import gallery
from ranvier.apps.image.gallery.heat import heat_of
from ranvier.core.task import Task
from ranvier.data.image import PictureData
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.step import Head
from tests.unit.apps.image.gallery.conftest import bars


def module_of(*layers: Any) -> torch.nn.Module:
    scale = rv.Normalization(mean=(60.0,), variance=(4900.0,))
    return rv.build(rv.Network(scale, *layers), (12, 12, 1))


@pytest.fixture
def network() -> torch.nn.Module:
    return module_of(
        rv.RandomFlip(),
        rv.Conv(4, kernel=3, activation="relu"),
        rv.GlobalAveragePool(),
        rv.Dense(3),
    )


@pytest.fixture
def data(task: Task) -> PictureData:
    test = bars(30, first=61, folder="test")
    return PictureData(
        task=task, why="", encoder=PictureEncoder(task, PictureForm(12, 12, 1), (60.0,), (70.0,)),
        train=bars(60), validation=None, test=test, findings=(),
        profile={"twins": {"groups": [[1, 4]]}}, split="", sizes="", fingerprint="", source="",
    )  # fmt: skip


def answers_of(module: torch.nn.Module, data: PictureData) -> dict[str, np.ndarray]:
    head = Head.fit(data.task, (3,), None)
    module.eval()
    with torch.no_grad():
        return {
            name: head.predict(module(torch.from_numpy(part.pixels))).numpy()
            for name, part in (("train", data.train), ("test", data.test))
            if part is not None
        }


def test_records_are_plain_small_and_in_order(network: torch.nn.Module, data: PictureData) -> None:
    head = Head.fit(data.task, (3,), None)
    found = list(gallery(network, head, data, answers_of(network, data)))
    kinds = [record["what"] for record in found]
    assert kinds[:4] == ["samples", "augmented", "classes", "errors"] and kinds[-1] == "twins"
    assert not any("failed" in record for record in found)
    assert len(json.dumps(found)) < 1_500_000
    errors = found[3]
    assert errors["part"] == "test"
    for item in errors["items"]:
        assert b64decode(item["heat"], validate=True).startswith(b"\x89PNG")


def test_the_same_network_gives_the_same_records(
    network: torch.nn.Module, data: PictureData
) -> None:
    head, answers = Head.fit(data.task, (3,), None), answers_of(network, data)
    first, again = (list(gallery(network, head, data, answers, seed=5)) for _ in range(2))
    assert first == again


def test_what_cannot_be_made_is_said_and_costs_nothing_else(
    network: torch.nn.Module, data: PictureData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("ranvier.apps.image.gallery.records.augmented", broken)
    head = Head.fit(data.task, (3,), None)
    found = {r["what"]: r for r in gallery(network, head, data, answers_of(network, data))}
    assert found["augmented"]["failed"] == "RuntimeError: out of memory"
    assert found["errors"]["items"]


def test_a_network_without_maps_shows_its_gradients_instead(task: Task, data: PictureData) -> None:
    module = module_of(rv.Flatten(), rv.Dense(3))
    heat = heat_of(module, Head.fit(task, (3,), None))
    pictures = data.train.pixels[:2]
    shown = heat(pictures, np.array([0, 1]))
    assert shown is not None and shown.shape == (2, 12, 12, 3) and shown.dtype == np.uint8


def test_heat_lies_where_the_answer_comes_from(task: Task) -> None:
    """A network that answers by the brightness of a corner is warm there and nowhere else."""
    module = module_of(rv.Flatten(), rv.Dense(3))
    weight = torch.zeros(3, 12, 12)
    weight[0, :3, :3] = 1.0
    module[-1].weight.data = weight.reshape(3, -1)
    pictures = np.full((1, 12, 12, 1), 200, dtype=np.uint8)
    shown = heat_of(module, Head.fit(task, (3,), None))(pictures, np.array([0]))
    assert shown is not None
    coloured = shown[0].max(-1).astype(int) - shown[0].min(-1)
    assert (coloured[:3, :3] > 30).all()
    assert (coloured[3:] == 0).all() and (coloured[:, 3:] == 0).all()
