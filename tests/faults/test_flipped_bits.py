"""One flipped bit anywhere in a real run's files: found by verify, and by whoever reads the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.cli.app import main
from ranvier.core.errors import RunError
from ranvier.core.random import generator
from ranvier.runs import checkpoints
from ranvier.runs.layout import RunFolder
from ranvier.runs.seal import check_report
from ranvier.runs.verify import damaged_files

FLIPS = 200


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    random = np.random.default_rng(0)
    age = random.integers(18, 90, 120)
    city = random.choice(["Ulm", "Bonn"], 120)
    return pl.DataFrame({"age": age, "city": city, "bought": np.where(age > 50, "yes", "no")})


@pytest.fixture(scope="module")
def run(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> rv.Run:
    path = tmp_path_factory.mktemp("data") / "people.csv"
    frame.write_csv(path)
    network = rv.Network(rv.Dense(4, activation="relu"), rv.Dense(2))
    out = tmp_path_factory.mktemp("runs") / "run"
    return rv.train(network, path, out=out, epochs=3, threads=1)


def files_of(run: rv.Run) -> list[Path]:
    return sorted(p for p in run.path.rglob("*") if p.is_file() and p.name != ".lock")


def flip(path: Path, position: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def found_on_load(run: RunFolder, frame: pl.DataFrame) -> str | None:
    """The message of the first reader that refuses, if one does; each reads the files anew."""
    readers: list[Callable[[], object]] = [
        lambda: rv.load(run.path),
        lambda: rv.load(run.path).history,
        lambda: rv.load(run.path).network,
        lambda: rv.load(run.path).predict(frame),
        lambda: checkpoints.load(run.checkpoints),  # as a resume does
    ]
    for read in readers:
        try:
            read()
        except RunError as error:
            return str(error)
    return None


def is_read(run: rv.Run, path: Path) -> bool:
    """Whether loading, the history, a prediction or a resume reads the file at all."""
    older = checkpoints.steps(run.folder.checkpoints)[:-1]
    is_older = any(path.parent.name == f"step-{step}" for step in older)
    return not is_older and path != run.folder.report


def test_200_flipped_bits_are_found_in_200_of_200(run: rv.Run, frame: pl.DataFrame) -> None:
    random = generator(0, "flipped bits")
    files = files_of(run)
    assert len(files) == 13
    by_verify, on_load, read = 0, 0, 0
    for turn in range(FLIPS):
        path = files[turn % len(files)]
        position, bit = int(random.integers(path.stat().st_size)), int(random.integers(8))
        flip(path, position, bit)
        by_verify += any(str(path) in line for line in damaged_files(run.folder))
        if is_read(run, path):
            read += 1
            message = found_on_load(run.folder, frame)
            assert message is not None and path.name in message, (path, position, bit)
            on_load += 1
        elif path == run.folder.report:
            with pytest.raises(RunError, match="report.html"):
                check_report(path)
        flip(path, position, bit)
    assert by_verify == FLIPS
    assert on_load == read > FLIPS // 2
    assert damaged_files(run.folder) == []


def test_the_command_line_names_the_damaged_file_and_exits_2(
    run: rv.Run, capfd: pytest.CaptureFixture[str]
) -> None:
    random = generator(1, "flipped bits")
    for path in files_of(run):
        flip_at = int(random.integers(path.stat().st_size)), int(random.integers(8))
        flip(path, *flip_at)
        capfd.readouterr()
        assert main(["verify", str(run.path)]) == 2
        said = capfd.readouterr()
        assert str(path) in said.out + said.err
        assert "Traceback" not in said.err
        flip(path, *flip_at)
    assert main(["verify", str(run.path), "--quiet"]) == 0


def test_a_prediction_from_damaged_weights_is_refused_at_the_command_line(
    run: rv.Run, frame: pl.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame.write_csv(tmp_path / "new.csv")
    weights = run.folder.model / "weights.safetensors"
    flip(weights, weights.stat().st_size - 2, 6)
    capfd.readouterr()
    assert main(["predict", str(run.path), str(tmp_path / "new.csv")]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert str(weights) in said.err
    flip(weights, weights.stat().st_size - 2, 6)


def test_a_damaged_network_is_not_described(run: rv.Run, capfd: pytest.CaptureFixture[str]) -> None:
    network = run.folder.network
    good = network.read_text()
    network.write_text(good.replace('"units": 4', '"units": 5'))
    capfd.readouterr()
    assert main(["describe", str(run.path), "--input", "4"]) == 2
    assert f"{network}: damaged" in capfd.readouterr().err
    network.write_text(good)
    assert main(["describe", str(run.path), "--input", "4"]) == 0
