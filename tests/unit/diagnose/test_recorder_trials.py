"""A recorder tries what would have helped: only where a training falls short, once, unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ranvier as rv
from ranvier.diagnose import start as start_module
from ranvier.diagnose.preflight.trials import trial_facts
from ranvier.runs.history import History

X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
Y = X[:, :1] * 2 - X[:, 1:2]
GOOD, TOO_LOW = 0.1, 2e-4
UPDATES = 120


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Of every time that trials were made: with which settings. They have 25 updates."""
    calls: list[dict[str, Any]] = []

    def noted(*given: Any, **settings: Any) -> Any:
        calls.append(settings)
        return trial_facts(*given, updates=25, **settings)

    monkeypatch.setattr(start_module, "trial_facts", noted)
    return calls


def recorder_of(rate: float, **settings: Any) -> rv.Recorder:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    given = {"loss": F.mse_loss, "train": (X, Y)} | settings
    return rv.Recorder(model, torch.optim.SGD(model.parameters(), rate), **given)


def trained(recorder: rv.Recorder, updates: int = UPDATES, *, epoch_every: int = 0) -> rv.Recorder:
    for update in range(1, updates + 1):
        rows = slice(20 * (update % 10), 20 * (update % 10) + 20)
        recorder.optimizer.zero_grad()
        loss = F.mse_loss(recorder.model(X[rows]), Y[rows])
        loss.backward()
        recorder.optimizer.step()
        recorder.step(loss)
        if epoch_every and update % epoch_every == 0:
            recorder.epoch()
    return recorder


def test_a_training_that_does_well_is_not_tried(made: list[Any]) -> None:
    recorder = trained(recorder_of(GOOD), epoch_every=30)
    assert not [each for each in recorder.findings() if each.severity == "error"]
    assert made == [] and recorder.history.of("trials") == []


def test_findings_before_the_training_make_no_trials(made: list[Any]) -> None:
    recorder = recorder_of(TOO_LOW)
    recorder.findings()
    assert made == [] and recorder.history.of("trials") == []
    # And they can still be made once there is something to try.
    trained(recorder).findings()
    assert len(made) == 1


def test_a_training_that_falls_short_is_tried_once_when_findings_are_asked_for(
    made: list[Any],
) -> None:
    recorder = trained(recorder_of(TOO_LOW))
    assert made == []
    first = recorder.findings()
    assert (first[0].number, first[0].category) == (7, "learning_rate")
    assert first[0].evidence["trial"] in ("rate × 100", "Adam", "rate × 10")
    again = recorder.findings()
    assert [each.number for each in again] == [each.number for each in first]
    trained(recorder, 30)
    recorder.findings()
    assert [each["batch_size"] for each in made] == [20]
    (record,) = recorder.history.of("trials")
    assert record["step"] == UPDATES
    assert {each["updates"] for each in record["trials"]} == {25}
    assert record["trials"][0]["name"] == "as it is"


def test_trials_begin_with_the_weights_before_training() -> None:
    recorder = recorder_of(GOOD)
    with torch.no_grad():
        began = float(F.mse_loss(recorder.model(X), Y))
    trained(recorder)
    with torch.no_grad():
        for parameter in recorder.model.parameters():
            parameter.zero_()
    recorder.findings()
    (record,) = recorder.history.of("trials")
    assert record["trials"][0]["before"] == pytest.approx(began)


@pytest.mark.parametrize("missing", ["loss", "train"])
def test_without_loss_or_rows_there_is_nothing_to_try(missing: str, made: list[Any]) -> None:
    recorder = trained(recorder_of(TOO_LOW, **{missing: None}))
    recorder.findings()
    assert made == []


def test_with_a_folder_trials_are_made_at_the_third_epoch_and_written(
    tmp_path: Path, made: list[Any]
) -> None:
    recorder = trained(recorder_of(TOO_LOW, out=tmp_path), 60, epoch_every=30)
    assert made == []
    trained(recorder, 30, epoch_every=30)
    assert len(made) == 1
    (record,) = History.read(tmp_path).of("trials")
    assert record["step"] == 90
    trained(recorder, 300, epoch_every=30)
    recorder.findings()
    assert len(made) == 1


def test_without_a_folder_no_epoch_makes_trials(made: list[Any]) -> None:
    trained(recorder_of(TOO_LOW), epoch_every=10)
    assert made == []


def test_the_loop_does_not_notice(tmp_path: Path, made: list[Any]) -> None:
    """Gradients are cleared right after a step here: one that a trial left would count, even of a
    loss that reaches into the network by itself."""

    def weights(*, is_recorded: bool) -> list[torch.Tensor]:
        parameters: list[nn.Parameter] = []

        def penalised(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return F.mse_loss(outputs, targets) + 1e-3 * sum(p.square().sum() for p in parameters)

        settings = {"loss": penalised, "out": tmp_path} if is_recorded else {}
        recorder = recorder_of(TOO_LOW, **settings)
        parameters += list(recorder.model.parameters())
        for update in range(1, 61):
            rows = torch.randint(0, 200, (16,))
            loss = penalised(recorder.model(X[rows]), Y[rows])
            loss.backward()
            recorder.optimizer.step()
            recorder.optimizer.zero_grad()
            if is_recorded:
                recorder.step(loss)
                if update % 10 == 0:
                    recorder.epoch()
        return [each.detach().clone() for each in parameters]

    torch.manual_seed(5)
    alone = weights(is_recorded=False)
    torch.manual_seed(5)
    recorded = weights(is_recorded=True)
    assert len(made) == 1
    assert all(map(torch.equal, alone, recorded))


def test_optimisers_that_evaluate_the_loss_again_are_tried_too(made: list[Any]) -> None:
    recorder = recorder_of(GOOD)
    model = recorder.model
    optimizer = torch.optim.LBFGS(model.parameters(), 1e-6, max_iter=2)
    recorder = rv.Recorder(model, optimizer, loss=F.mse_loss, train=(X, Y))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(X), Y)
        loss.backward()
        return loss

    for _ in range(40):
        recorder.step(optimizer.step(closure))
    recorder.findings()
    (record,) = recorder.history.of("trials")
    after = {each["name"]: each["after"] for each in record["trials"]}
    assert after["Adam"] < after["as it is"]
    assert after["rate × 100"] < after["rate × 10"] < after["as it is"]


def test_a_trial_that_cannot_be_made_is_a_note_and_the_findings_come_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no room")

    monkeypatch.setattr(start_module, "trial_facts", fails)
    recorder = trained(recorder_of(1e-6))
    assert 7 in [each.number for each in recorder.findings()]
    notes = {note["what"]: note["text"] for note in recorder.history.of("note")}
    assert notes["trials"] == "RuntimeError: no room"
    assert recorder.history.of("trials") == []
