"""`explain`: what it asks of a run, what it prints, and what it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError
from ranvier.explain import METHODS, explain


class Brightness(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        bright = pictures.float().mean((1, 2, 3)) / 255
        return torch.stack([bright, 1 - bright], dim=1)


@pytest.fixture
def asked(api) -> list[tuple]:
    """What the stand-in for a run is asked; it answers with a real explanation of two pictures."""
    calls: list[tuple] = []

    def answer(source, **options):
        calls.append((source, options))
        pictures = np.stack([np.full((4, 4, 1), level, dtype=np.uint8) for level in (0, 200)])
        return explain(
            Brightness(), pictures, names=["night.png", "day.png"], classes=("bright", "dark"),
            probabilities=np.array([[0.0, 1.0], [0.8, 0.2]]), method="saliency",
            target=options["target"], left_out=3,
        )  # fmt: skip

    api.run.explain = answer
    return calls


def test_a_page_is_written_here_unless_told(run_command, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run_command("explain", "run", "pictures")
    assert outcome.code == 0, outcome.err
    assert asked == [
        ("pictures", {"method": "grad_cam", "target": None, "layer": None, "limit": 48})
    ]
    assert Path("explanation.html").read_text().startswith("<!doctype html>")
    words = outcome.out.split()
    assert words[:4] == ["picture", "says", "sure", "explained"]
    assert words[4:10] == ["1", "night.png", "dark", "100.0", "%", "dark"]
    assert outcome.err == (
        "2 explained in explanation.html\n3 more were left out; --limit takes more of them.\n"
    )


def test_json_alone_writes_no_file(run_command, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = run_command("explain", "run", "pictures", "--json", "--top", "1").document
    assert (document["run"], document["source"], document["method"]) == (
        "run",
        "pictures",
        "saliency",
    )
    assert document["pictures"][1]["top"] == [{"class": "bright", "probability": 0.8}]
    assert document["left_out"] == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["why.html", "why.png", "why"])
def test_what_is_written_is_named(run_command, asked, tmp_path, name):
    out = tmp_path / name
    outcome = run_command(
        "explain", "run", "pictures", "--out", out, "--method", "grad_cam", "--layer", "conv_1",
        "--target", "dark", "--limit", "7", "--json",
    )  # fmt: skip
    assert outcome.document["out"] == str(out)
    assert out.exists()
    assert asked[0][1] == {"method": "grad_cam", "target": "dark", "layer": "conv_1", "limit": 7}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--top", "0"], "--top 0: expected a whole number of at least 1."),
        (["--limit", "-1"], "--limit -1: expected a whole number of at least 1."),
        (["--out", "why.pgn"], "why.pgn: explanations are not written as '.pgn'; expected a page"),
    ],
)
def test_what_cannot_be_is_refused_before_the_run_is_read(run_command, api, options, words):
    outcome = run_command("explain", "run", "pictures", *options)
    assert outcome.code == 2
    assert outcome.err.startswith(f"ranvier: {words}")
    assert api.calls == []


def test_a_run_that_is_not_on_pictures_is_the_callers_to_mend(run_command, api):
    def refuse(source, **options):
        raise ConfigError("run: this run is on a table; explain is for runs on pictures so far.")

    api.run.explain = refuse
    outcome = run_command("explain", "run", "rows.csv", "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["kind"] == "ConfigError"


def test_the_help_names_every_method(run_command):
    shown = run_command("explain", "--help").out
    assert all(name in shown for name in METHODS)
