"""Real and drawn pictures in files: every kind of target reaches its mark, and resumes exactly."""

from __future__ import annotations

import csv
import json
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

import ranvier as rv
from ranvier import api
from tests.faults.test_kills import in_child, weights_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))


def digit_pictures() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits of 8 × 8 bytes, and what they show."""
    digits = load_digits()
    return (digits.images * 255 / 16).round().astype(np.uint8), digits.target


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each digit, with a PNG file for each picture."""
    folder = tmp_path_factory.mktemp("digits")
    for number, (pixels, label) in enumerate(zip(*digit_pictures(), strict=True)):
        path = folder / str(label) / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


# Linear models get about 0.96 on a random split of these, and nearest neighbours 0.985.
@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_folders_of_digits_are_told_apart(digits: Path, tmp_path: Path, seed: int) -> None:
    run = rv.train(None, digits, epochs=6, seed=seed, threads=1, out=tmp_path / "run")
    assert run.task.kind == "classification"
    assert run.metrics["test"]["accuracy"] > 0.975
    assert run.baseline["test"]["accuracy"] < 0.2
    # Files lie class by class in their folders, which is nothing to be said.
    assert "ordered rows" not in [finding.symptom for finding in run.findings]


def test_predictions_are_a_row_per_picture_in_the_order_of_names(
    digits: Path, tmp_path: Path
) -> None:
    run = rv.train(None, digits, epochs=2, threads=1, out=tmp_path / "run")
    some = tmp_path / "some"
    some.mkdir()
    chosen = sorted(digits.glob("*/*.png"))[::100]
    for number, path in enumerate(chosen):
        (some / f"{number:02}.png").write_bytes(path.read_bytes())
    table = run.predict_table(some)
    assert table["file"].to_list() == [f"{number:02}.png" for number in range(len(chosen))]
    probabilities = run.predict_proba(some)
    assert probabilities.shape == (len(chosen), 10)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    picked = [run.task.classes[place] for place in probabilities.argmax(1)]
    assert table["prediction"].to_list() == picked
    alone = run.predict_proba(some / "05.png")
    assert np.allclose(alone, probabilities[5:6], atol=1e-5)
    assert run.evaluate(digits)["accuracy"] > 0.5


def test_the_classes_of_pictures_that_show_several_are_all_found(tmp_path: Path) -> None:
    """Two digits beside each other are both true."""
    pictures, labels = digit_pictures()
    draw = np.random.default_rng(0)
    pairs = draw.integers(len(pictures), size=(1_500, 2))
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "digits"])
        for number, (left, right) in enumerate(pairs):
            whole = np.concatenate([pictures[left], pictures[right]], axis=1)
            Image.fromarray(whole).save(tmp_path / f"{number}.png")
            shown = sorted({f"d{labels[left]}", f"d{labels[right]}"})
            rows.writerow([f"{number}.png", "|".join(shown)])
    source = tmp_path / "pairs.csv"
    run = rv.train(None, source, epochs=8, threads=1, seed=0, out=tmp_path / "run")
    assert run.task.kind == "multilabel"
    assert run.task.outputs == 10
    assert run.metrics["test"]["f1_macro"] > 0.8
    assert run.metrics["test"]["f1_macro"] > run.baseline["test"]["f1_macro"] + 0.3


def test_the_angle_of_a_bar_is_a_number_that_is_learnt(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    with (tmp_path / "bars.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["picture", "degrees"])
        for number, degrees in enumerate(draw.uniform(-60, 60, 600)):
            picture = Image.new("L", (96, 96), 20)
            middle = 48 + draw.uniform(-6, 6, 2)
            way = 36 * np.array([np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))])
            ImageDraw.Draw(picture).line([*(middle - way), *(middle + way)], fill=230, width=12)
            picture.resize((24, 24)).save(tmp_path / f"{number}.png")
            rows.writerow([f"{number}.png", round(degrees, 1)])
    source = tmp_path / "bars.csv"
    run = rv.train(None, source, epochs=5, threads=1, seed=0, out=tmp_path / "run")
    assert run.task.kind == "regression"
    assert run.metrics["test"]["r2"] > 0.95


NOISY = {
    "epochs": 3,
    "batch_size": 64,
    "augmentation": "shift,erase",
    "mixup": 0.4,
    "cutmix": 1.0,
    "checkpoint_seconds": 0.01,
    "average_decay": 0.9,
    "threads": 1,
    "seed": 3,
}


def small() -> rv.Network:
    return rv.Network(
        rv.Conv(8, kernel=3, activation="relu"), rv.BatchNorm(), rv.MaxPool(2),
        rv.GlobalAveragePool(), rv.Dropout(0.1), rv.Dense(10),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("executor", "kills"), [("replay", 1), pytest.param("eager", 3, marks=pytest.mark.slow)]
)
def test_a_killed_run_with_everything_random_resumes_to_the_same_bits(
    digits: Path, tmp_path: Path, executor: str, kills: int
) -> None:
    in_child(time.sleep, 0)  # the server starts with its first child
    alone, settings = tmp_path / "alone", {**NOISY, "executor": executor}
    begun = time.monotonic()
    assert in_child(api.train, small(), digits, out=alone, **settings) == 0
    duration, draw, killed = time.monotonic() - begun, random.Random(0), 0
    wanted = rv.load(alone)
    for number in range(20):
        run = tmp_path / f"run-{number}"
        moment = draw.uniform(0, duration)
        code = in_child(api.train, small(), digits, out=run, kill_after=moment, **settings)
        if not (run / "run.json").exists():  # killed while it still read the pictures
            continue
        killed += code == -signal.SIGKILL
        assert in_child(api.resume, run) == 0, run
        resumed = rv.load(run)
        assert weights_of(run) == weights_of(alone)
        assert resumed.history == wanted.history
        assert resumed.metrics == wanted.metrics
        if killed == kills:
            break
    assert killed == kills


def test_verify_replays_a_run_of_pictures_to_the_same_bits(digits: Path, tmp_path: Path) -> None:
    rv.train(small(), digits, out=tmp_path / "run", **NOISY)
    verdict = api.verify(tmp_path / "run")
    assert verdict.damaged == ()
    assert verdict.replay is not None
    assert verdict.is_whole


def test_a_run_says_what_it_is_of(digits: Path, tmp_path: Path) -> None:
    rv.train(small(), digits, epochs=1, threads=1, out=tmp_path / "run")
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert document["application"] == "image"
    assert document["data"]["pictures"] == 1797
    assert (tmp_path / "run" / "report.html").stat().st_size < 5_000_000
