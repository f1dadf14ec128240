from __future__ import annotations

import errno
import os

import pytest

from ranvier.core.errors import RunError
from ranvier.runs import durable
from ranvier.runs.durable import (
    discard_folder,
    new_folder,
    published,
    read_published,
    sweep,
    write_file,
)


@pytest.fixture
def calls(monkeypatch):
    """The names of the system calls that make things durable, in order, with what they touch."""
    log: list[tuple[str, ...]] = []
    rename, fsync, write = os.rename, os.fsync, os.write

    def name(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        return "folder" if os.path.isdir(path) else "file"

    def logged_rename(source, target):
        log.append(("rename", os.path.basename(target)))
        rename(source, target)

    def logged_fsync(descriptor):
        log.append(("fsync", name(descriptor)))
        fsync(descriptor)

    def logged_write(descriptor, data):
        log.append(("write", name(descriptor)))
        return write(descriptor, data)

    monkeypatch.setattr(os, "rename", logged_rename)
    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "write", logged_write)
    return log


def test_a_file_is_written_synced_renamed_and_its_folder_synced_in_that_order(tmp_path, calls):
    write_file(tmp_path / "run.json", [b"one", b"two"])
    assert calls == [
        ("write", "file"),
        ("write", "file"),
        ("fsync", "file"),
        ("rename", "run.json"),
        ("fsync", "folder"),
    ]
    assert (tmp_path / "run.json").read_bytes() == b"onetwo"


def test_a_folder_is_filled_renamed_and_its_parent_synced(tmp_path, calls):
    with new_folder(tmp_path / "model") as building:
        write_file(building / "weights", [b"w"])
    assert calls[-3:] == [("fsync", "folder"), ("rename", "model"), ("fsync", "folder")]
    assert os.listdir(tmp_path) == ["model"]


def test_replacing_a_folder_keeps_one_of_the_two_at_every_moment(tmp_path, calls):
    for content in (b"old", b"new"):
        calls.clear()
        with new_folder(tmp_path / "model") as building:
            write_file(building / "weights", [content])
    renames = [call[1] for call in calls if call[0] == "rename"]
    assert renames[:3] == ["weights", "model.replaced", "model"]
    assert (tmp_path / "model" / "weights").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model"]


def test_a_folder_left_aside_by_a_crash_is_still_read(tmp_path):
    (tmp_path / "model.replaced").mkdir()
    assert published(tmp_path / "model") == tmp_path / "model.replaced"
    with new_folder(tmp_path / "model"):
        pass
    assert published(tmp_path / "model") == tmp_path / "model"
    assert os.listdir(tmp_path) == ["model"]


def test_a_reader_looks_again_when_the_folder_was_replaced_under_it(tmp_path):
    with new_folder(tmp_path / "model") as building:
        (building / "weights").write_bytes(b"old")
    looks = []

    def look(folder):
        looks.append(folder)
        if len(looks) == 1:
            with new_folder(tmp_path / "model") as building:
                (building / "weights").write_bytes(b"new")
            raise RunError("half of the old one is gone")
        return (folder / "weights").read_bytes()

    assert read_published(tmp_path / "model", look) == b"new"


def test_a_reader_gives_up_when_nothing_changed_meanwhile(tmp_path):
    def look(folder):
        raise RunError("damaged")

    with pytest.raises(RunError, match="damaged"):
        read_published(tmp_path / "model", look)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full. What was there before is untouched. Free some space"),
        (errno.EDQUOT, "your share of the disk is used up."),
        (errno.EACCES, "you may not write there."),
        (errno.EROFS, "that file system can only be read."),
        (errno.EIO, "Input/output error. What was there before is untouched. Mend it"),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_refused_write_is_explained_and_leaves_the_old_file_and_no_litter(
    tmp_path, monkeypatch, number, sentence, call
):
    path = tmp_path / "run.json"
    write_file(path, [b"old"])

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, call, refuse)
        with pytest.raises(RunError) as caught:
            write_file(path, [b"new"])
    assert str(caught.value).startswith(f"{path}: cannot write: ")
    assert sentence in str(caught.value)
    assert caught.value.errno == number
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_an_absent_folder_is_explained(tmp_path):
    with pytest.raises(RunError, match=r"there is no such folder\. Was the run moved"):
        write_file(tmp_path / "gone" / "run.json", [b"x"])


def test_an_error_while_a_folder_is_filled_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "step-1") as building:
        (building / "tensors").write_bytes(b"half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_short_writes_are_continued(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(durable.os, "write", lambda fd, data: write(fd, data[:2]))
    write_file(tmp_path / "file", [b"hello world"])
    assert (tmp_path / "file").read_bytes() == b"hello world"


def test_sweeping_takes_what_is_unfinished_and_nothing_else(tmp_path):
    (tmp_path / ".step-3.tmp-12-ab").mkdir()
    (tmp_path / ".step-3.tmp-12-ab" / "tensors").write_bytes(b"half")
    (tmp_path / ".run.json.tmp-12-ab").write_bytes(b"half")
    (tmp_path / ".hidden").write_bytes(b"mine")
    (tmp_path / "notes.tmp-1").write_bytes(b"mine")
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".hidden", "notes.tmp-1"]


def test_a_folder_leaves_its_name_before_it_is_emptied(tmp_path, calls):
    (tmp_path / "step-1").mkdir()
    discard_folder(tmp_path / "step-1")
    assert calls[0][0] == "rename"
    assert calls[0][1].startswith(".step-1.tmp-")
    assert os.listdir(tmp_path) == []
    discard_folder(tmp_path / "step-1")
