"""Three lines round a loop: what they record, and what they say of arguments that cannot be."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ranvier as rv
from ranvier.core.errors import ConfigError
from ranvier.diagnose import journal
from ranvier.diagnose import recorder as recorder_module
from ranvier.diagnose.evidence import Evidence
from ranvier.runs.history import History

X = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
Y = X[:, :1] * 2 - X[:, 1:2]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))


def recorder_round(model: nn.Module, optimizer=None, **settings) -> rv.Recorder:
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.05)
    given = {"loss": F.mse_loss, "train": (X, Y)} | settings
    return rv.Recorder(model, optimizer, **given)


def trained(recorder: rv.Recorder, updates: int = 64, *, epoch_every: int = 0, targets=Y, **scores):
    model, optimizer = recorder.model, recorder.optimizer
    for update in range(1, updates + 1):
        rows = torch.arange(32) * 11 % 400 + update % 11
        optimizer.zero_grad()
        loss = F.mse_loss(model(X[rows % 400]), targets[rows % 400])
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        if epoch_every and update % epoch_every == 0:
            recorder.epoch(**scores)
    return recorder


def test_losses_and_gradient_norms_are_those_of_the_loop():
    model = network()
    recorder = recorder_round(model)
    losses, norms = [], []
    for update in range(70):
        recorder.optimizer.zero_grad()
        loss = F.mse_loss(model(X[update : update + 40]), Y[update : update + 40])
        loss.backward()
        recorder.optimizer.step()
        norms.append(float(np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in model.parameters()))))
        losses.append(loss.item())
        recorder.step(loss)
    assert recorder.history.series("loss") == pytest.approx(losses)
    assert recorder.history.series("gradient_norm") == pytest.approx(norms, rel=1e-5)
    assert recorder.history.series("learning_rate") == [0.05] * 70


def test_gradients_that_were_cleared_before_the_call_are_recorded_all_the_same():
    model = network()
    recorder = recorder_round(model)
    for _ in range(20):
        loss = F.mse_loss(model(X), Y)
        loss.backward()
        recorder.optimizer.step()
        recorder.optimizer.zero_grad()
        recorder.step(loss)
    assert min(recorder.history.series("gradient_norm")) > 0
    assert [record["left_over"] for record in recorder.history.of("weights")][1:] == [0.0]


def test_batches_that_no_update_follows_count_towards_the_next_one():
    model = network()
    recorder = recorder_round(model)
    losses = []
    for batch in range(24):
        loss = F.mse_loss(model(X[batch : batch + 30]), Y[batch : batch + 30])
        loss.backward()
        losses.append(loss.item())
        if batch % 3 == 2:
            recorder.optimizer.step()
            recorder.optimizer.zero_grad()
        recorder.step(loss)
    found = recorder.history.series("loss")
    # Before the first update nobody can know that several batches make one.
    assert found[:3] == pytest.approx(losses[:3])
    assert found[3:] == pytest.approx(np.reshape(losses[3:], (-1, 3)).mean(1))


def test_a_loop_that_never_updates_is_recorded_as_it_is():
    model = network()
    recorder = recorder_round(model)
    for _ in range(40):
        loss = F.mse_loss(model(X), Y)
        loss.backward()
        recorder.step(loss)
    assert len(recorder.history.series("loss")) == 40
    assert {change for r in recorder.history.of("weights") for change in r["update"]} == {0.0}


def test_findings_at_any_time_add_no_epochs():
    recorder = trained(recorder_round(network()), 60, epoch_every=20)
    trained(recorder, 10)
    before = len(recorder.history.epochs)
    for _ in range(3):
        recorder.findings()
    assert len(recorder.history.epochs) == before == 3
    assert [each["epoch"] for each in recorder.history.epochs] == [1, 2, 3]


def test_a_loop_without_epochs_is_evaluated_at_even_distances():
    recorder = trained(recorder_round(network()), 300)
    steps = [each.step for each in Evidence(recorder.history).evaluations]
    assert steps == [64, 128, 192, 256]
    recorder.findings()
    assert Evidence(recorder.history).evaluations[-1].step == 300
    recorder.epoch(val=0.5)
    assert [each.step for each in Evidence(recorder.history).evaluations] == [300]


def test_many_evaluations_thin_out_and_stay_even(monkeypatch):
    monkeypatch.setattr(recorder_module, "AUTOMATIC_EVERY", 4)
    monkeypatch.setattr(recorder_module, "MOST_AUTOMATIC", 4)
    recorder = recorder_round(network(), train=None)
    trained(recorder, 64)
    steps = [each["step"] for each in recorder.history.epochs]
    assert len(steps) <= 4
    assert len(set(np.diff(steps))) == 1


def test_scores_are_kept_by_their_names_and_the_rest_is_measured():
    recorder = recorder_round(network(), validation=(X[:50], Y[:50]))
    trained(recorder, 20, epoch_every=20, loss=3.0, val=torch.tensor(0.25), mine=np.float32(2))
    (epoch,) = recorder.history.epochs
    assert epoch["train"] == {"loss": 3.0, "mine": 2.0}
    assert epoch["validation"]["score"] == 0.25
    with torch.no_grad():
        expected = float(F.mse_loss(recorder.model(X[:50]), Y[:50]))
    assert epoch["validation"]["loss"] == pytest.approx(expected)
    assert epoch["probe"]["loss"] == pytest.approx(float(F.mse_loss(recorder.model(X), Y).detach()))
    assert epoch["probe"]["gradient_noise"] > 0


def test_the_loss_of_an_epoch_is_the_mean_of_its_updates_where_it_is_not_given():
    recorder = trained(recorder_round(network()), 30, epoch_every=15)
    losses = recorder.history.series("loss")
    found = [epoch["train"]["loss"] for epoch in recorder.history.epochs]
    assert found == pytest.approx([np.mean(losses[:15]), np.mean(losses[15:])])


def test_plain_descent_is_measured_for_sharpness():
    recorder = trained(recorder_round(network()), 20, epoch_every=20)
    assert recorder.history.epochs[0]["probe"]["sharpness"] > 0
    adam = network()
    recorder = trained(
        recorder_round(adam, torch.optim.Adam(adam.parameters())), 20, epoch_every=20
    )
    assert "sharpness" not in recorder.history.epochs[0]["probe"]


def test_what_the_loop_feeds_the_network_is_noted():
    model = network()
    recorder = recorder_round(model, train=(X * 100, Y))
    trained(recorder, 16)
    (seen,) = recorder.history.of("loop")
    assert seen["batch_size"] == 32
    assert seen["input_shape"] == [4]
    assert seen["output_shape"] == [32, 1]
    assert seen["input_std"] == pytest.approx(1.0, abs=0.2)
    assert seen["pairs_every_row"] is False
    assert not model._forward_hooks


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_that_pairs_every_row_is_seen_in_the_loop():
    recorder = trained(recorder_round(network(), train=(X, Y[:, 0])), 16, targets=Y[:, 0])
    assert Evidence(recorder.history).pairs_every_row is True
    recorder = trained(recorder_round(network(), train=(X, Y[:, 0])), 16, targets=Y)
    assert Evidence(recorder.history).pairs_every_row is False


def test_a_copy_of_a_model_does_not_tell_the_recorder():
    recorder = recorder_round(network())
    twin = copy.deepcopy(recorder.model)
    for _ in range(5):
        F.mse_loss(twin(X), Y).backward()
    assert recorder._batches.size is None


def test_a_compiled_model_is_looked_at_as_it_was_written():
    model = torch.compile(network(), backend="eager")
    recorder = trained(recorder_round(model), 20)
    assert recorder.history.of("start")[0]["layers"] == ["0", "1", "2"]
    assert recorder.history.of("activations")


def test_a_model_may_be_compiled_whole_while_it_is_recorded():
    model = network()
    recorder = recorder_round(model)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    loss = F.mse_loss(compiled(X), Y)
    loss.backward()
    recorder.optimizer.step()
    recorder.step(loss)
    assert len(recorder.history.series("loss")) == 1


def test_functions_are_looked_at_where_dead_units_are():
    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.head = nn.Linear(4, 8), nn.Linear(8, 1)
            nn.init.constant_(self.hidden.bias, -100.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(F.relu(self.hidden(x)))

    recorder = trained(recorder_round(Silent()), 40)
    start = recorder.history.of("start")[0]
    assert start["layers"] == ["hidden", "relu", "head"]
    assert start["output_layer"] == "head"
    assert recorder.history.of("activations")[-1]["dead"][1] == 1.0


def test_records_in_a_folder_are_those_in_memory(tmp_path):
    recorder = trained(recorder_round(network(), out=tmp_path / "run"), 40, epoch_every=20)
    recorder.findings()
    written = History.read(tmp_path / "run")
    assert written.series("loss") == pytest.approx(recorder.history.series("loss"))
    assert len(written.epochs) == 2
    assert {f.number for f in rv.diagnose(written)} == {f.number for f in recorder.findings()}


def test_a_full_disk_ends_the_writing_and_not_the_loop(tmp_path, monkeypatch):
    recorder = recorder_round(network(), out=tmp_path)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder._journal._writer, "append", full)
    trained(recorder, 70)
    assert len(recorder.history.series("loss")) == 70
    assert "No space left" in recorder.history.of("note")[0]["text"]


def test_rules_that_fail_do_not_take_the_others_with_them(monkeypatch):
    recorder = trained(recorder_round(network()), 20)

    def fails(_history, *, numbers=None):
        if numbers is None or 7 in numbers:
            raise ZeroDivisionError
        return []

    monkeypatch.setattr(journal, "diagnose", fails)
    assert recorder.findings() == []
    assert {note["what"] for note in recorder.history.of("note")} >= {"diagnosis", "rule 7"}


def test_odd_losses_and_scores_are_noted_and_left_out():
    recorder = recorder_round(network())
    for loss in ("high", None, [1.0, 2.0]):
        recorder.step(loss)
    recorder.step(2)
    recorder.step(torch.tensor([[0.5]]))
    recorder.step(np.float64(0.25))
    recorder.epoch(val="good", train=None)
    assert recorder.history.series("loss") == [2.0, 0.5, 0.25]
    assert {note["what"] for note in recorder.history.of("note")} == {"step", "score val"}


def test_everything_may_be_left_out():
    model = network()
    recorder = rv.Recorder(model)
    for _ in range(40):
        loss = F.mse_loss(model(X), Y)
        loss.backward()
        recorder.step(loss.item())
    recorder.epoch()
    recorder.epoch(val_loss=0.5)
    assert recorder.findings() is not None
    assert len(recorder.history.epochs) == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": 3}, "model is a int; expected the torch.nn.Module that trains"),
        ({"optimizer": 0.1}, "optimizer is a float; expected one of torch.optim, or None"),
        ({"loss": torch.tensor(1.0)}, "loss is a Tensor, a value; expected the function"),
        ({"loss": nn.MSELoss}, "loss is the class MSELoss; expected one made of it: MSELoss()"),
        ({"train": X}, "train is a Tensor; expected a pair (inputs, targets)"),
        ({"validation": (X, Y[:3])}, "validation has 400 rows of inputs and 3 targets"),
        ({"out": 5}, "out is a int; expected the path of a folder."),
        ({"model": None, "loss": 3}, "trains; loss is a int, a value"),
    ],
)
def test_arguments_that_could_never_work_are_refused(settings, words):
    given = {"model": network(), "optimizer": None} | settings
    with pytest.raises(ConfigError) as caught:
        rv.Recorder(given.pop("model"), given.pop("optimizer"), **given)
    assert words in str(caught.value)


def test_a_schedule_in_place_of_its_optimiser_is_named():
    optimizer = torch.optim.SGD(network().parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(ConfigError, match=r"give its \.optimizer"):
        rv.Recorder(network(), schedule)


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        rv.Recorder(network(), out=tmp_path / "run")


def test_the_recorders_own_gradients_are_not_taken_for_gradients_left_lying():
    recorder = recorder_round(network())
    for _ in range(6):
        trained(recorder, 15)
        recorder.epoch()
        trained(recorder, 1)
    left = [each["left_over"] for each in recorder.history.of("weights")]
    assert len(left) >= 4
    assert set(left) == {0.0}


@pytest.mark.parametrize(
    ("loss", "inside", "targets", "applies", "is_wrong"),
    [
        (nn.BCELoss(), torch.sigmoid, (Y > 0).float(), "sigmoid", False),
        (nn.BCEWithLogitsLoss(), torch.sigmoid, (Y > 0).float(), "sigmoid", True),
        (nn.BCEWithLogitsLoss(), lambda x: x, (Y > 0).float(), None, False),
        (nn.NLLLoss(), lambda x: x.log_softmax(1), (Y > 0).long()[:, 0], "log_softmax", False),
        (nn.CrossEntropyLoss(), lambda x: x.softmax(1), (Y > 0).long()[:, 0], "softmax", True),
        (nn.CrossEntropyLoss(), lambda x: x, (Y > 0).long()[:, 0], None, False),
        (nn.MSELoss(), lambda x: x.squeeze(1), Y[:, 0], None, False),
    ],
)  # fmt: skip
def test_what_a_loop_applies_before_its_loss_is_seen_and_measured_with(
    loss, inside, targets, applies, is_wrong
):
    torch.manual_seed(0)
    width = 2 if targets.dtype == torch.int64 else 1
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, width))
    recorder = recorder_round(model, loss=loss, train=(X, targets))
    for update in range(60):
        rows = torch.arange(40) * 9 % 400 + update % 8
        recorder.optimizer.zero_grad()
        value = loss(inside(model(X[rows])), targets[rows])
        value.backward()
        recorder.optimizer.step()
        recorder.step(value)
    recorder.epoch()
    found = recorder.findings()
    (seen,) = recorder.history.of("loop")
    assert seen.get("applies") == applies
    assert [each.number for each in found if each.severity == "error"] == ([47] if is_wrong else [])
    with torch.no_grad():
        expected = float(loss(inside(model(X)), targets))
    assert recorder.history.epochs[-1]["probe"]["loss"] == pytest.approx(expected)


def test_targets_without_their_axis_are_measured_beside_their_outputs():
    recorder = trained(recorder_round(network(), train=(X, Y[:, 0])), 20, epoch_every=20)
    facts = recorder.history.of("preflight")[0]
    assert facts["loss"]["broadcasts"] is True
    with torch.no_grad():
        expected = float(F.mse_loss(recorder.model(X), Y))
    assert recorder.history.epochs[-1]["probe"]["loss"] == pytest.approx(expected)
    assert Evidence(recorder.history).pairs_every_row is False


def test_a_beginning_that_fails_is_not_tried_again_at_every_step(monkeypatch):
    tries = []

    def fails(*_arguments, **_settings):
        tries.append(1)
        raise MemoryError("no room")

    monkeypatch.setattr(recorder_module, "examine", fails)
    recorder = trained(recorder_round(network()), 20, epoch_every=10)
    assert len(tries) == 1
    assert len(recorder.history.series("loss")) == 20
    assert recorder.history.of("note")[0] == {"what": "start", "text": "MemoryError: no room"}
    assert recorder.findings() is not None


def test_weights_that_the_first_batch_makes_are_looked_at_from_then_on():
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(1))
    recorder = trained(recorder_round(model), 40)
    assert recorder.history.of("start")[0]["parameter_shapes"] == [[8, 4], [8], [1, 8], [1]]
    assert len(recorder.history.series("loss")) == 40
    looks = recorder.history.of("weights")
    assert [look["step"] for look in looks] == [16, 32]
    assert all(look["update"][0] > 0 for look in looks)
