"""The defaults of pictures: what they follow from, and what they never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ranvier.apps.choices import fill, spell_out
from ranvier.apps.image.augmentations import NAMES
from ranvier.apps.image.budget import Budget
from ranvier.apps.image.defaults import default_augmentation, default_network, default_settings
from ranvier.apps.image.networks import Demand, multiply_adds_of, network_for
from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.data.image import PictureData, Pictures
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Conv, Dense, GlobalAveragePool, Network, Normalization, RandomFlip

FAST, SLOW = 2.6e11, 2.6e10
DIGITS = Task("classification", "class", tuple(range(10)))
SETTINGS = TrainSettings()


def data_of(
    shape: tuple[int, int, int] = (28, 28, 1),
    *,
    rows: int = 50_000,
    task: Task = DIGITS,
    symmetry: dict[str, object] | None = None,
) -> PictureData:
    """Pictures of a form, as far as defaults look at them: nobody writes to their pixels."""
    pixels = np.broadcast_to(np.zeros((), dtype=np.uint8), (rows, *shape))
    numbers = np.broadcast_to(np.zeros((), dtype=np.int64), (rows,))
    part = Pictures(pixels, numbers, numbers, None, numbers, range(rows))  # type: ignore[arg-type]
    channels = shape[2]
    encoder = PictureEncoder(task, PictureForm(*shape), (80.0,) * channels, (60.0,) * channels)
    profile = {} if symmetry is None else {"symmetry": symmetry}
    return PictureData(
        task, "", encoder, part, part, None, (), profile, "", "", fingerprint="", source="pictures"
    )


def chosen(data: PictureData, settings: TrainSettings = SETTINGS) -> tuple[Network, TrainSettings]:
    augmentation, _ = default_augmentation(data, settings)
    network, _ = default_network(data, augmentation, settings)
    filled, _ = fill(settings, default_settings(network, data, settings))
    return network, filled


MIRRORED = {
    "flips": True,
    "flips_vertically": False,
    "turns": False,
    "evidence": "mirror images are as alike as others",
    "scores": {},
}


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (8, 8, 1), (28, 28, 1), (32, 32, 3), (48, 96, 3), (224, 224, 3)], ids=str
)
@pytest.mark.parametrize(
    "task",
    [
        Task("classification", "class", ("cat", "dog")),
        Task("classification", "class", tuple(range(1000))),
        Task("multilabel", "tags", ("sky", "sea", "sun")),
        Task("regression", "age"),
    ],
    ids=lambda task: f"{task.kind}-{task.outputs}",
)
def test_pictures_of_any_size_and_task_get_a_network_and_every_setting(shape, task):
    network, settings = chosen(data_of(shape, task=task, rows=1000, symmetry=MIRRORED))
    assert network.output_shape(shape) == (task.outputs,)
    assert isinstance(network.layers[0], Normalization)
    assert Network.from_json(network.to_json()) == network
    spelt = spell_out(settings)
    assert None not in (spelt.epochs, spelt.batch_size, spelt.views, spelt.metric, spelt.mixup)


def test_bytes_are_standardised_by_the_training_pictures():
    network, _ = chosen(data_of())
    assert network.layers[0] == Normalization((80.0,), (3600.0,))


def test_nothing_is_mirrored_unless_the_data_shows_that_it_may_be():
    digits, _ = default_augmentation(data_of(), SETTINGS)
    clothes, _ = default_augmentation(data_of(symmetry=MIRRORED), SETTINGS)
    assert not any(isinstance(layer, RandomFlip) for layer in digits)
    assert any(isinstance(layer, RandomFlip) for layer in clothes)
    assert chosen(data_of())[1].views == "none"
    assert chosen(data_of(symmetry=MIRRORED))[1].views == "flip"


def test_the_reason_for_augmentation_names_the_evidence():
    _, (choice,) = default_augmentation(data_of(symmetry=MIRRORED), SETTINGS)
    assert "mirror images are as alike as others" in choice.why


def test_what_is_named_is_done_in_its_order_and_nothing_else():
    settings = replace(SETTINGS, augmentation="flip, erase")
    layers, choices = default_augmentation(data_of(), settings)
    assert [type(layer).__name__ for layer in layers] == ["RandomFlip", "RandomErasing"]
    assert choices == []
    assert default_augmentation(data_of(), replace(SETTINGS, augmentation="none")) == ((), [])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gives_layers_for_colour_pictures(name):
    settings = replace(SETTINGS, augmentation=name)
    layers, _ = default_augmentation(data_of((32, 48, 3)), settings)
    assert layers
    assert Network(*layers).output_shape((32, 48, 3)) == (32, 48, 3)


def test_an_unknown_augmentation_is_answered_with_the_nearest():
    with pytest.raises(ConfigError) as refused:
        default_augmentation(data_of(), replace(SETTINGS, augmentation="shift,flop"))
    assert str(refused.value) == (
        "augmentation 'shift,flop': 'flop' is not known; expected none, or names with commas "
        "between. Did you mean 'flip'?"
    )


def test_changes_of_colour_are_refused_for_grey_pictures_by_name():
    with pytest.raises(ConfigError, match="the pictures are grey. Leave it out, or set channels"):
        default_augmentation(data_of(), replace(SETTINGS, augmentation="trivial"))


def test_more_time_never_makes_the_network_narrower_nor_the_training_shorter():
    demand = Demand((28, 28, 1), rows=50_000, validation_rows=10_000, outputs=10)
    seen = []
    for minutes in (0.5, 1, 2, 5, 10, 30, 120):
        budget = Budget(minutes, FAST)
        network, _ = network_for(demand, budget)
        size = multiply_adds_of(network, demand.shape)
        seen.append((size, size * demand.epochs(network, budget)))
    assert seen == sorted(seen)
    assert seen[0][0] < seen[-1][0]


@pytest.mark.parametrize("minutes", [0.5, 1, 5, 10, 60])
@pytest.mark.parametrize("speed", [SLOW, FAST])
def test_what_is_chosen_fits_into_the_minutes_where_anything_does(minutes, speed):
    demand = Demand((28, 28, 1), rows=50_000, validation_rows=10_000, outputs=10)
    budget = Budget(minutes, speed)
    network, _ = network_for(demand, budget)
    epochs = demand.epochs(network, budget)
    each = budget.seconds_per_epoch(
        multiply_adds_of(network, demand.shape), rows=50_000, validation_rows=10_000
    )
    assert epochs == 1 or epochs * each <= 60 * minutes


def test_pictures_that_a_simple_classifier_tells_apart_get_less_time():
    easy, hard = data_of(), data_of()
    easy.profile["symmetry_scores"] = {"score": 0.94}
    hard.profile["symmetry_scores"] = {"score": 0.82}
    sizes = [
        multiply_adds_of(network, (28, 28, 1)) * settings.epochs
        for network, settings in map(chosen, (easy, hard))
    ]
    assert sizes[0] < sizes[1]


def test_time_that_is_asked_for_counts_whatever_the_pictures():
    easy = data_of()
    easy.profile["symmetry_scores"] = {"score": 0.94}
    asked = replace(SETTINGS, minutes=7.0)
    assert chosen(easy, asked) == chosen(data_of(), asked)


def test_fewer_threads_make_smaller_work():
    one, two = (
        multiply_adds_of(network, (28, 28, 1)) * settings.epochs
        for network, settings in (
            chosen(data_of(), replace(SETTINGS, threads=threads)) for threads in (1, 2)
        )
    )
    assert one < two


def test_few_pictures_to_validate_pick_no_epoch():
    assert chosen(data_of(rows=200))[1].metric == "last"
    assert chosen(data_of(rows=5_000))[1].metric == "loss"


def test_few_pictures_are_seen_often_and_many_within_the_time():
    few, many = chosen(data_of(rows=200))[1], chosen(data_of(rows=1_000_000))[1]
    assert few.epochs * 200 / few.batch_size >= 1_000
    assert many.epochs < few.epochs


def test_the_same_facts_give_the_same_choices():
    assert chosen(data_of(symmetry=MIRRORED)) == chosen(data_of(symmetry=MIRRORED))


def test_a_network_of_the_callers_own_gets_the_optimizer_that_suits_any():
    own = Network(Conv(8, 3), GlobalAveragePool(), Dense(10), name="mine")
    filled, _ = fill(SETTINGS, default_settings(own, data_of(), SETTINGS))
    assert filled.optimizer == "adamw"
    assert chosen(data_of())[1].optimizer == "muon"


def test_the_batch_size_asked_for_decides_the_learning_rate():
    asked = replace(SETTINGS, batch_size=512)
    assert chosen(data_of(), asked)[1].learning_rate == pytest.approx(
        2 * chosen(data_of())[1].learning_rate
    )


def test_a_transformer_is_for_very_many_pictures_and_a_machine_that_is_fast_enough():
    demand = Demand((224, 224, 3), rows=1_000_000, validation_rows=10_000, outputs=1000)
    week = 7 * 24 * 60
    names = [
        network_for(replace(demand, rows=rows), Budget(week, speed))[0].name
        for rows, speed in ((1_000_000, 2e13), (100_000, 2e13), (1_000_000, FAST), (2_000, 2e13))
    ]
    assert names == ["vit_small", "resnet34", "resnet18", "compact_resnet32"]
