"""`kill -9` while saving: the checkpoint and the model are whole, old or new, never mixed."""

from __future__ import annotations

import os
import signal
import time

import pytest
import torch

from ranvier.core.random import generator
from ranvier.runs import checkpoints
from ranvier.runs.durable import UNFINISHED
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model, save_model

SYSTEM_CALLS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir")


def state(value):
    return {name: torch.full((size,), float(value)) for name, size in [("w", 3000), ("b", 7)]}


def assert_not_mixed(folder, step):
    loaded, tensors, document = checkpoints.load(folder, step)
    assert loaded == step
    values = {float(value) for tensor in tensors.values() for value in tensor}
    assert values == {float(document["value"])}
    assert document["value"] % 1000 == step % 1000


def test_200_kills_at_random_moments_leave_every_checkpoint_readable_and_unmixed(
    tmp_path, in_a_child
):
    random = generator(0, "kills while saving")
    checkpoints.save(tmp_path, 1, state(1), {"value": 1})
    killed_in_the_middle = 0
    for _ in range(200):
        begin = checkpoints.load(tmp_path)[0]
        reader, writer = os.pipe()

        def save_for_ever(begin=begin, writer=writer):
            for step in range(begin, begin + 900):  # the first is saved a second time
                checkpoints.save(tmp_path, step, state(step), {"value": step})
                checkpoints.prune(tmp_path)
                os.write(writer, step.to_bytes(4, "little"))

        child = in_a_child(save_for_ever)
        os.close(writer)
        time.sleep(float(random.uniform(0.004, 0.03)))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        said = os.read(reader, 4096)
        os.close(reader)
        killed_in_the_middle += any(UNFINISHED in name for name in os.listdir(tmp_path))

        known = checkpoints.steps(tmp_path)
        assert known
        for step in known:
            assert_not_mixed(tmp_path, step)
        if said:
            assert checkpoints.load(tmp_path)[0] >= int.from_bytes(said[-4:], "little")
    assert killed_in_the_middle > 50
    checkpoints.save(tmp_path, 10_000, state(10_000), {"value": 10_000})
    assert not any(UNFINISHED in name for name in os.listdir(tmp_path))


def die_at_call(number):
    """Make this process end, as by `kill -9`, just before its system call of that number."""
    left = [number]

    def counted(call):
        def wrapper(*arguments, **options):
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
            return call(*arguments, **options)

        return wrapper

    for name in SYSTEM_CALLS:
        setattr(os, name, counted(getattr(os, name)))


def die_at_every_call(in_a_child, prepare, deed, inspect):
    """Run `deed` with a death before each of its system calls in turn; gives how many there are."""
    for number in range(1000):
        prepare()

        def die_in_the_middle(number=number):
            die_at_call(number)
            deed()

        _, status = os.waitpid(in_a_child(die_in_the_middle), 0)
        inspect()
        if os.waitstatus_to_exitcode(status) == 0:
            return number
        assert os.waitstatus_to_exitcode(status) == 9
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("step", [5, 3])
def test_death_at_any_system_call_of_a_save_leaves_the_old_or_the_new(tmp_path, in_a_child, step):
    seen = set()

    def prepare():
        checkpoints.save(tmp_path, 3, state(3), {"value": 3})
        checkpoints.prune(tmp_path, keep=1)
        if checkpoints.steps(tmp_path) != [3]:
            checkpoints.discard_folder(tmp_path / "step-5")
            checkpoints.save(tmp_path, 3, state(3), {"value": 3})

    def save():
        value = 1000 + step
        checkpoints.save(tmp_path, step, state(value), {"value": value})
        checkpoints.prune(tmp_path, keep=1)

    def inspect():
        known = checkpoints.steps(tmp_path)
        assert known in ([3], [5], [3, 5])
        for each in known:
            assert_not_mixed(tmp_path, each)
        seen.add(checkpoints.load(tmp_path)[2]["value"])

    assert die_at_every_call(in_a_child, prepare, save, inspect) > 15
    assert seen == {3, 1000 + step}


def test_death_at_any_system_call_leaves_the_old_model_or_the_new(tmp_path, in_a_child):
    run = RunFolder.create(tmp_path / "run")
    seen = set()

    def prepare():
        save_model(run, state(1), '{"units": 1}', {"value": 1})

    def save():
        save_model(run, state(2), '{"units": 2}', {"value": 2})

    def inspect():
        model = load_model(run)
        assert model.encoder_json is not None
        assert model.network_json is not None
        value = model.encoder_json["value"]
        assert f'"units": {value}' in model.network_json
        assert {float(v) for t in model.tensors.values() for v in t} == {float(value)}
        seen.add(value)

    assert die_at_every_call(in_a_child, prepare, save, inspect) > 20
    assert seen == {1, 2}
