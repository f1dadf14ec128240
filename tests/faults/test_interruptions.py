"""A training at the command line that is cut short: by a signal, a full disk, a torn checkpoint."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.cli.app import main
from ranvier.runs import checkpoints
from ranvier.runs.layout import RunFolder
from ranvier.runs.verify import damaged_files

OPTIONS = [
    *("--target", "bought", "--network", "net.json", "--threads", "1", "--patience", "0"),
    *("--epochs", "120", "--batch-size", "16", "--checkpoint-seconds", "0.05"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a network, and a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    age = random.integers(18, 90, 120)
    frame = pl.DataFrame({"age": age, "x": random.normal(size=120), "bought": (age > 50) + 0})
    frame.write_csv(folder / "people.csv")
    layers = rv.Dense(8, activation="relu"), rv.BatchNorm(), rv.Dropout(0.2), rv.Dense(2)
    (folder / "net.json").write_text(rv.Network(*layers).to_json())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "people.csv", "--out", "alone", "--quiet", *OPTIONS]) == 0
    return folder


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def start(out: str, *options: str, limit: int | None = None) -> subprocess.Popen[str]:
    """`ranvier train` in a process of its own, which may write no file larger than `limit`."""
    # Python ignores SIGXFSZ from its start, so a write beyond the limit fails as on a full disk.
    code = (
        "import resource, sys; from ranvier.cli.app import main; limit = int(sys.argv[1]); "
        "limit and resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); "
        "sys.exit(main(sys.argv[2:]))"
    )
    words = ["train", "people.csv", "--out", out, *OPTIONS, *options]
    return subprocess.Popen(
        [sys.executable, "-c", code, str(limit or 0), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cut(out: str, number: signal.Signals, *options: str) -> tuple[int, str, str]:
    """Train, and send a signal once there is a checkpoint behind the first."""
    child = start(out, *options)
    folder = Path(out) / "checkpoints"
    while child.poll() is None and max(checkpoints.steps(folder), default=0) == 0:
        time.sleep(0.01)
    child.send_signal(number)
    said, complained = child.communicate(timeout=60)
    return child.returncode, said, complained


def weights_of(run: str) -> bytes:
    return (Path(run) / "model" / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_leaves_and_resume_ends_as_if_nothing_had_been(
    here: Path, number: signal.Signals, code: int
) -> None:
    out = f"cut-{number.name}"
    returned, said, complained = cut(out, number)
    assert returned == code, complained
    assert said == ""
    last = complained.splitlines()[-1]
    assert last.startswith(f"ranvier: {out}: stopped after ")
    assert last.endswith(f"a checkpoint is saved. Go on with: ranvier resume {out}")
    assert "Traceback" not in complained
    assert not (Path(out) / "summary.json").exists()
    assert damaged_files(RunFolder.open(out)) == []
    assert main(["resume", out, "--quiet"]) == 0
    assert weights_of(out) == weights_of("alone")
    assert rv.load(out).history == rv.load("alone").history
    assert rv.load(out).metrics == rv.load("alone").metrics


def test_a_signal_under_json_is_one_document(here: Path) -> None:
    returned, said, _ = cut("cut-json", signal.SIGTERM, "--json")
    assert returned == 143
    assert json.loads(said)["error"]["kind"] == "StoppedError"


def test_a_full_disk_is_an_error_and_the_last_checkpoint_goes_on(here: Path) -> None:
    child = start("full", limit=100_000)  # the events reach it, no checkpoint does
    said, complained = child.communicate(timeout=60)
    assert child.returncode == 2, complained
    assert said == ""
    assert "full/events/000001.jsonl: cannot write" in complained
    assert "Raise the limit (see ulimit -f)." in complained
    assert "Traceback" not in complained
    assert checkpoints.steps("full/checkpoints")[-1] > 0
    assert damaged_files(RunFolder.open("full")) == []
    assert main(["resume", "full", "--quiet"]) == 0
    assert weights_of("full") == weights_of("alone")
    assert rv.load("full").history == rv.load("alone").history


def test_a_disk_too_full_for_the_first_checkpoint_is_an_error(here: Path) -> None:
    child = start("tiny", limit=4_000)
    said, complained = child.communicate(timeout=60)
    assert child.returncode == 2, complained
    assert said == ""
    assert "cannot write" in complained
    assert "Traceback" not in complained
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_torn_checkpoint_is_named_and_the_older_one_offered(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut("torn", signal.SIGTERM)
    older, newest = checkpoints.steps("torn/checkpoints")
    tensors = Path(f"torn/checkpoints/step-{newest}/tensors.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-100])
    capfd.readouterr()
    assert main(["resume", "torn"]) == 2
    said = capfd.readouterr()
    assert str(tensors) in said.err
    assert f"The checkpoint of step {older} is whole: delete {tensors.parent} to go on" in said.err
    assert "Traceback" not in said.err
    assert checkpoints.steps("torn/checkpoints") == [older, newest]
    for file in tensors.parent.iterdir():
        file.unlink()
    tensors.parent.rmdir()
    assert main(["resume", "torn", "--quiet"]) == 0
    assert weights_of("torn") == weights_of("alone")
