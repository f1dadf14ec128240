from __future__ import annotations

import json
import os

import pytest
import torch

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs import checkpoints
from ranvier.runs.checkpoints import check, load, prune, save, steps


def state(value):
    return {"weight": torch.full((3,), float(value)), "step": torch.tensor(value)}


def flip(path, position=-1):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_what_is_saved_is_loaded_newest_first_or_by_its_step(tmp_path):
    for step in (5, 40, 9):
        save(tmp_path, step, state(step), {"epoch": step, "nested": {"random": [2**70]}})
    assert steps(tmp_path) == [5, 9, 40]
    step, tensors, document = load(tmp_path)
    assert (step, document) == (40, {"epoch": 40, "nested": {"random": [2**70]}})
    assert torch.equal(tensors["weight"], torch.full((3,), 40.0))
    assert tensors["step"].item() == 40
    assert load(tmp_path, 9)[2]["epoch"] == 9


def test_pruning_keeps_the_newest(tmp_path):
    for step in (1, 2, 3, 10):
        save(tmp_path, step, state(step), {})
    prune(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["step-10", "step-3"]
    prune(tmp_path, keep=1)
    assert os.listdir(tmp_path) == ["step-10"]
    prune(tmp_path, keep=5)
    assert os.listdir(tmp_path) == ["step-10"]


def test_saving_a_step_again_takes_the_olds_place(tmp_path):
    save(tmp_path, 3, state(1), {"attempt": 1})
    save(tmp_path, 3, state(2), {"attempt": 2})
    assert os.listdir(tmp_path) == ["step-3"]
    assert load(tmp_path)[2] == {"attempt": 2}


def test_what_a_crash_left_is_not_read_and_the_next_save_deletes_it(tmp_path):
    save(tmp_path, 3, state(3), {})
    (tmp_path / ".step-9.tmp-123-abc").mkdir()
    (tmp_path / ".step-9.tmp-123-abc" / "tensors.safetensors").write_bytes(b"half")
    assert steps(tmp_path) == [3]
    save(tmp_path, 4, state(4), {})
    assert sorted(os.listdir(tmp_path)) == ["step-3", "step-4"]


def test_no_checkpoint_says_what_to_do(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunError) as caught:
            load(folder)
        assert str(caught.value) == (
            f"{folder}: there is no checkpoint. The run stopped before its first; train again."
        )


def test_a_step_without_a_checkpoint_lists_those_there_are(tmp_path):
    for step in (3, 8):
        save(tmp_path, step, state(step), {})
    with pytest.raises(RunError, match=r"no checkpoint of step 5. There are those of step 3, 8\."):
        load(tmp_path, 5)


@pytest.mark.parametrize("name", ["tensors.safetensors", "checkpoint.json"])
def test_a_damaged_newest_is_refused_and_the_whole_one_before_it_named(tmp_path, name):
    for step in (1, 2, 3):
        save(tmp_path, step, state(step), {})
    flip(tmp_path / "step-2" / name)
    flip(tmp_path / "step-3" / name)
    with pytest.raises(DamagedError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'step-3' / name}: ")
    assert str(caught.value).endswith(
        f"The checkpoint of step 1 is whole: delete {tmp_path / 'step-3'} to go on from it."
    )
    assert load(tmp_path, 1)[0] == 1


@pytest.mark.parametrize("name", ["tensors.safetensors", "checkpoint.json"])
def test_a_missing_file_is_refused_by_name(tmp_path, name):
    path = save(tmp_path, 1, state(1), {})
    (path / name).unlink()
    with pytest.raises(DamagedError) as caught:
        load(tmp_path)
    assert str(path / name) in str(caught.value)
    assert "No older checkpoint is whole." in str(caught.value)


def test_tensors_of_another_checkpoint_are_refused(tmp_path):
    save(tmp_path, 1, state(1), {})
    save(tmp_path, 2, state(2), {})
    other = (tmp_path / "step-1" / "tensors.safetensors").read_bytes()
    (tmp_path / "step-2" / "tensors.safetensors").write_bytes(other)
    with pytest.raises(DamagedError, match="tensor 'step' is not what was written"):
        load(tmp_path)


def test_a_renamed_checkpoint_is_refused(tmp_path):
    save(tmp_path, 1, state(1), {}).rename(tmp_path / "step-7")
    with pytest.raises(DamagedError, match="this checkpoint is of step 1; the folder was renamed"):
        load(tmp_path)


def test_a_newer_format_is_not_called_damaged(tmp_path):
    path = save(tmp_path, 1, state(1), {})
    (path / "checkpoint.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(FormatError, match="was written by a newer Ranvier"):
        load(tmp_path)


def test_checking_gives_the_document_and_finds_damage_without_reading_tensors(tmp_path):
    path = save(tmp_path, 1, state(1), {"events": {"segment": 1, "offset": 2}})
    assert check(tmp_path, 1) == {"events": {"segment": 1, "offset": 2}}
    flip(path / "tensors.safetensors")
    with pytest.raises(DamagedError):
        check(tmp_path, 1)


def test_a_checkpoint_pruned_while_it_is_read_gives_the_next(tmp_path, monkeypatch):
    save(tmp_path, 1, state(1), {})
    read = checkpoints.read_tensors

    def prune_then_read(path, digests):
        if path.parent.name == "step-1":
            save(tmp_path, 2, state(2), {})
            prune(tmp_path, keep=1)
        return read(path, digests)

    monkeypatch.setattr(checkpoints, "read_tensors", prune_then_read)
    assert load(tmp_path)[0] == 2


def test_every_file_is_on_the_disk_before_the_checkpoint_has_its_name(tmp_path, monkeypatch):
    log = []
    rename, fsync = os.rename, os.fsync

    def logged_fsync(descriptor):
        log.append(("fsync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def logged_rename(source, target):
        log.append(("rename", os.path.basename(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "rename", logged_rename)
    save(tmp_path, 12, state(12), {})
    deeds = [(deed, name.lstrip(".").split(".tmp-")[0]) for deed, name in log]
    assert deeds == [
        ("fsync", "tensors.safetensors"),
        ("rename", "tensors.safetensors"),
        ("fsync", "step-12"),
        ("fsync", "checkpoint.json"),
        ("rename", "checkpoint.json"),
        ("fsync", "step-12"),
        ("rename", "step-12"),
        ("fsync", tmp_path.name),
    ]
