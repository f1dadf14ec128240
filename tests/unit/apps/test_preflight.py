"""Preflight of a job: what stops it, what is told, what is not said twice, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.apps import preflight as module
from ranvier.apps.preflight import Preflight, preflight
from ranvier.apps.tabular import choose
from ranvier.core.errors import PreflightError, RanvierError
from ranvier.core.finding import Finding
from ranvier.diagnose import diagnose
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings

QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 32, "threads": 1}


def table(rows: int = 300, *, rare: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    label = np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")
    label[:rare] = "seldom"
    city = random.choice(["Ulm", "Bonn", "Kiel"], rows)
    return pl.DataFrame({"a": x[:, 0], "b": 1e5 * x[:, 1], "c": x[:, 2], "city": city, "y": label})


def examined(network: Any = None, source: Any = None, **settings: Any) -> Preflight:
    prepared = choose(network, table() if source is None else source, TrainSettings(**settings))
    encoder = prepared.data.encoder
    return preflight(
        prepared.job(),
        names=encoder.feature_names,
        looked_up=len(encoder.layout.cardinalities),
        said=prepared.data.findings,
    )


class Reads(nn.Module):
    """A network of somebody else's: a linear layer and whatever is done with it."""

    def __init__(self, finish: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.hidden = nn.LazyLinear(16)
        self.out = nn.LazyLinear(2)
        self.finish = finish

    def forward(self, inputs: Tensor) -> Tensor:
        return self.finish(self.out(torch.relu(self.hidden(inputs))))


def made(finish: Callable[[Tensor], Tensor]) -> nn.Module:
    network = Reads(finish)
    network(torch.zeros(2, 6))
    return network


def test_the_default_network_on_a_healthy_table_has_nothing_to_say() -> None:
    assert examined().said == []


def test_facts_are_those_of_the_training() -> None:
    facts = examined(batch_size=40, learning_rate=0.02, optimizer="adam").facts
    assert facts.origin == "own" and facts.batch_size == 40
    assert facts.notes == ()
    assert facts.loss is not None and facts.loss.kind == "cross_entropy"
    assert facts.loss.trivial == pytest.approx(np.log(2), abs=0.03)
    assert facts.optimizer is not None
    assert (facts.optimizer.kind, facts.optimizer.learning_rate) == ("adam", 0.02)
    assert facts.probes is not None and facts.probes.memory_bytes
    assert facts.inputs is not None and facts.inputs.names[:3] == ("a", "b", "c")
    # Codes that are looked up have no scale of their own.
    assert facts.inputs.indicators[-1] is True
    assert all(each.is_optimized for each in facts.parameters if each.is_trained)


def test_weights_of_rows_count_in_the_trivial_loss() -> None:
    lopsided = table(rare=0).with_columns(
        y=pl.Series(["rare" if i % 20 == 0 else "usual" for i in range(300)])
    )
    plain = examined(source=lopsided).facts.loss
    balanced = examined(source=lopsided, class_weight="balanced").facts.loss
    assert plain is not None and balanced is not None
    assert plain.trivial == pytest.approx(0.2, abs=0.06)
    assert balanced.trivial == pytest.approx(np.log(2), abs=0.06)


def test_an_error_stops_before_there_is_a_folder_and_says_what_to_do(tmp_path: Path) -> None:
    network = made(lambda outputs: torch.softmax(outputs, 1))
    with pytest.raises(PreflightError) as caught:
        rv.train(network, table(), out=tmp_path / "run", **QUICK)
    said = str(caught.value)
    assert said.startswith("before the first update 1 error was found:\n  ")
    assert "loss and head disagree" in said and "Give logits to cross-entropy" in said
    assert said.endswith(
        "Mend this first, or train all the same with --no-preflight (preflight=False)."
    )
    assert isinstance(caught.value, RanvierError) and caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_without_preflight_it_trains_all_the_same(tmp_path: Path) -> None:
    network = made(lambda outputs: torch.softmax(outputs, 1))
    run = rv.train(network, table(), out=tmp_path / "run", preflight=False, **QUICK)
    assert run.summary["status"] == "finished"
    assert run.history.of("preflight") == []


def test_rows_that_see_each_other_stop_a_training(tmp_path: Path) -> None:
    network = made(lambda outputs: outputs - outputs.mean(0, keepdim=True))
    with pytest.raises(PreflightError, match="rows that see each other"):
        rv.train(network, table(), out=tmp_path / "run", **QUICK)


def test_what_is_measured_is_a_record_of_the_run_and_part_of_its_verdict(tmp_path: Path) -> None:
    run = rv.train(None, table(), out=tmp_path / "run", **QUICK)
    [record] = run.history.of("preflight")
    assert record["origin"] == "own" and record["seconds"] > 0
    assert run.findings == diagnose(History.read(tmp_path / "run" / "events"))


def test_looking_changes_no_bit_of_the_training(tmp_path: Path) -> None:
    one = rv.train(None, table(), out=tmp_path / "one", **QUICK)
    other = rv.train(None, table(), out=tmp_path / "other", preflight=False, **QUICK)
    weights = [(r.path / "model" / "weights.safetensors").read_bytes() for r in (one, other)]
    assert weights[0] == weights[1]


def test_what_reading_the_data_said_is_not_said_again(tmp_path: Path) -> None:
    source = table(400, rare=6)
    found = examined(source=source)
    prepared = choose(None, source, TrainSettings())
    assert [each.number for each in prepared.data.findings] == [33]
    assert 33 not in [each.number for each in found.findings]
    run = rv.train(None, source, out=tmp_path / "run", **QUICK)
    assert [each.number for each in run.findings].count(33) == 1


def test_what_was_said_of_several_columns_is_not_said_again() -> None:
    assert examined(source="digits").said == []


def test_a_training_that_does_not_fit_into_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "memory_available", lambda device: 2**18)
    found = examined(rv.Network(rv.Dense(512, activation="relu"), rv.Dense(2)), batch_size=200)
    with pytest.raises(PreflightError, match="more memory than there is. An update needs about"):
        found.require_no_error()
    assert "Lower batch_size" in found.findings[0].advice


def test_only_what_is_known_of_memory_is_held_against_a_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "memory_available", lambda device: None)
    assert examined().said == []


def test_several_errors_are_told_together() -> None:
    facts = examined().facts
    errors = [Finding("error", f"fault {n}", "data", f"place {n}", f"Mend {n}.") for n in (1, 2)]
    warning = Finding("warning", "so so", "data", "there", "Look.")
    found = replace(Preflight(facts, ()), findings=(*errors, warning))
    with pytest.raises(PreflightError) as caught:
        found.require_no_error()
    assert "2 errors were found:\n  place 1: fault 1. Mend 1.\n  place 2: fault 2." in str(
        caught.value
    )
    assert "so so" not in str(caught.value)


def test_experiments_are_bounded_by_the_training_they_precede() -> None:
    prepared = choose(None, table(), TrainSettings(epochs=1))
    assert module._seconds(prepared.job()) == module.LEAST_SECONDS
    longer = replace(prepared.settings, epochs=10**6)
    assert module._seconds(replace(prepared, settings=longer).job()) == module.MOST_SECONDS
