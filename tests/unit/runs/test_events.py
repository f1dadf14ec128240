from __future__ import annotations

import errno
import os
import zlib

import numpy as np
import pytest

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs import events
from ranvier.runs.events import EventWriter, check_closed, check_events, read_events


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events").mkdir()
    return tmp_path / "events"


def problems_of(folder, *, closed):
    problems = check_events(folder)
    if closed and not problems:
        try:
            check_closed(folder)
        except DamagedError as error:
            problems.append(str(error))
    return problems


def kinds(folder):
    return [record["kind"] for record in read_events(folder)]


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def one_bit_a_byte_and_all_of_the_last(path):
    size = path.stat().st_size
    return [(place, place % 8) for place in range(size)] + [
        (place, bit) for place in range(size - 4, size) for bit in range(8)
    ]


def line_of(body: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(body), body)


def test_records_come_back_in_order_while_the_writer_goes_on(folder):
    writer = EventWriter(folder)
    assert list(read_events(folder)) == []
    writer.append("start", {"step": 0, "parameters": ["dense_0.weight"]})
    assert list(read_events(folder)) == [
        {"kind": "start", "step": 0, "parameters": ["dense_0.weight"]}
    ]
    writer.append("window", {"loss": [0.5, 0.1 + 0.2]})
    assert list(read_events(folder))[1] == {"kind": "window", "loss": [0.5, 0.1 + 0.2]}
    writer.close()
    assert kinds(folder) == ["start", "window"]
    assert problems_of(folder, closed=True) == []


def test_a_folder_without_records_has_none(folder):
    assert list(read_events(folder)) == []
    assert list(read_events(folder / "absent")) == []
    assert problems_of(folder, closed=False) == []


def test_a_record_is_one_line_with_its_checksum_and_number(folder):
    writer = EventWriter(folder)
    writer.append("epoch", {"epoch": 1})
    head, record = (folder / "000001.jsonl").read_bytes().splitlines(keepends=True)
    assert record == line_of(b'{"n":0,"kind":"epoch","epoch":1}')
    assert b'"format":1' in head
    assert b'"follows":null' in head


def test_numbers_that_are_not_finite_become_null_and_arrays_become_lists(folder):
    writer = EventWriter(folder)
    writer.append(
        "window",
        {"loss": [float("nan"), np.float64("inf")], "norm": np.float32([1, np.nan]), "n_": 1},
    )
    assert list(read_events(folder)) == [
        {"kind": "window", "loss": [None, None], "norm": [1.0, None], "n_": 1}
    ]


def test_every_record_is_one_write(folder, monkeypatch):
    writer = EventWriter(folder)
    sizes = []
    write = os.write
    monkeypatch.setattr(
        events.os, "write", lambda fd, data: sizes.append(len(data)) or write(fd, data)
    )
    for number in range(5):
        writer.append("window", {"loss": [0.25] * 1000, "step": number})
    assert len(sizes) == 5


def test_names_of_our_own_are_refused_in_a_payload(folder):
    writer = EventWriter(folder)
    for kind, payload in [("epoch", {"n": 1}), ("epoch", {"kind": "x"}), ("closed", {})]:
        with pytest.raises(ValueError, match="may not set n or kind"):
            writer.append(kind, payload)


def test_a_position_is_synced_before_it_is_given(folder, monkeypatch):
    writer = EventWriter(folder)
    writer.append("epoch", {})
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(events.os, "fsync", lambda fd: synced.append(fd) or fsync(fd))
    assert writer.position() == {
        "segment": 1,
        "offset": (folder / "000001.jsonl").stat().st_size,
    }
    assert len(synced) == 1


def test_a_resumed_run_supersedes_what_came_after_its_checkpoint(folder):
    first = EventWriter(folder)
    for step in (1, 2):
        first.append("window", {"step": step})
    checkpoint = first.position()
    for step in (3, 4):
        first.append("window", {"step": step, "lost": True})
    second = EventWriter(folder, follows=checkpoint)
    for step in (3, 4, 5):
        second.append("window", {"step": step})
    later = second.position()
    second.append("window", {"step": 6, "lost": True})
    third = EventWriter(folder, follows=later)
    third.append("window", {"step": 6})
    third.close()
    assert list(read_events(folder)) == [
        {"kind": "window", "step": step} for step in (1, 2, 3, 4, 5, 6)
    ]
    assert problems_of(folder, closed=True) == []


def test_a_run_resumed_twice_from_one_checkpoint_takes_the_latest(folder):
    first = EventWriter(folder)
    first.append("a", {})
    checkpoint = first.position()
    EventWriter(folder, follows=checkpoint).append("b", {})
    EventWriter(folder, follows=checkpoint).append("c", {})
    assert kinds(folder) == ["a", "c"]


def test_a_run_begun_again_before_its_first_checkpoint_supersedes_all(folder):
    EventWriter(folder).append("a", {})
    EventWriter(folder).append("b", {})
    assert kinds(folder) == ["b"]


def test_a_finished_run_can_go_on(folder):
    first = EventWriter(folder)
    first.append("a", {})
    position = first.position()
    first.append("end", {})
    assert first.close()["offset"] > position["offset"]
    second = EventWriter(folder, follows=position)
    second.append("b", {})
    second.close()
    second.close()
    assert kinds(folder) == ["a", "b"]
    assert problems_of(folder, closed=True) == []


def test_a_resumed_run_reads_right_whatever_byte_its_last_record_was_torn_at(folder):
    writer = EventWriter(folder)
    writer.append("a", {})
    checkpoint = writer.position()
    writer.append("b", {"loss": [0.5, 0.25]})
    path = folder / "000001.jsonl"
    data = path.read_bytes()
    for size in range(checkpoint["offset"], len(data)):
        path.write_bytes(data[:size])
        assert kinds(folder) == ["a"]
        assert problems_of(folder, closed=False) == []
        second = EventWriter(folder, follows=checkpoint)
        second.append("c", {})
        second.close()
        assert kinds(folder) == ["a", "c"]
        assert problems_of(folder, closed=True) == []
        (folder / "000002.jsonl").unlink()


def test_a_bit_changed_in_what_a_crash_tore_is_found_once_the_run_went_on(folder):
    writer = EventWriter(folder)
    writer.append("a", {})
    checkpoint = writer.position()
    writer.append("b", {"loss": [0.5]})
    path = folder / "000001.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    EventWriter(folder, follows=checkpoint).close()
    flip(path, -3)
    assert kinds(folder) == ["a"]
    problems = problems_of(folder, closed=True)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: this file is not what was written")


@pytest.mark.parametrize(
    "left", [b"\0" * 50, b"\0" * 50 + b"\n", b"\n\n", b"garbage\n01234567 {}\n"]
)
def test_whatever_a_power_loss_left_after_the_checkpoint_is_no_obstacle(folder, left):
    writer = EventWriter(folder)
    writer.append("a", {})
    checkpoint = writer.position()
    path = folder / "000001.jsonl"
    path.write_bytes(path.read_bytes() + left)
    second = EventWriter(folder, follows=checkpoint)
    second.append("b", {})
    second.close()
    assert kinds(folder) == ["a", "b"]
    assert problems_of(folder, closed=True) == []
    flip(path, -1)
    assert len(problems_of(folder, closed=True)) == 1


def test_a_position_that_no_record_ends_at_is_refused(folder):
    writer = EventWriter(folder)
    writer.append("a", {})
    place = writer.position()
    for offset in (place["offset"] - 1, place["offset"] + 1, 0):
        with pytest.raises(DamagedError, match="the record up to byte"):
            EventWriter(folder, follows={**place, "offset": offset})


def test_a_flipped_bit_in_any_byte_of_a_closed_run_is_found(folder):
    writer = EventWriter(folder)
    writer.append("start", {"step": 0})
    writer.append("epoch", {"loss": 0.5})
    writer.close()
    path = folder / "000001.jsonl"
    for position, bit in one_bit_a_byte_and_all_of_the_last(path):
        flip(path, position, bit)
        assert len(problems_of(folder, closed=True)) == 1, (position, bit)
        with pytest.raises(DamagedError):
            list(read_events(folder))
        flip(path, position, bit)


def test_a_flipped_bit_in_any_byte_of_a_killed_run_is_found(folder):
    writer = EventWriter(folder)
    writer.append("epoch", {"loss": 0.5})
    path = folder / "000001.jsonl"
    for position, bit in one_bit_a_byte_and_all_of_the_last(path):
        flip(path, position, bit)
        assert len(problems_of(folder, closed=False)) == 1, (position, bit)
        flip(path, position, bit)


def test_a_damaged_record_is_named_with_what_to_do(folder):
    writer = EventWriter(folder)
    place = writer.position()["offset"]
    writer.append("epoch", {"loss": 0.5})
    flip(folder / "000001.jsonl", place + 15)
    with pytest.raises(DamagedError) as caught:
        list(read_events(folder))
    assert str(caught.value) == (
        f"{folder / '000001.jsonl'}: the record at byte {place} is not what was written. "
        "Restore the file from a copy; the checkpoints and the model do not depend on it."
    )


def test_missing_and_reordered_and_repeated_records_are_found(folder):
    writer = EventWriter(folder)
    for number in range(4):
        writer.append("epoch", {"epoch": number})
    writer.close()
    path = folder / "000001.jsonl"
    head, *records, last = path.read_bytes().splitlines(keepends=True)
    a, b, c, d = records
    for order in ([a, c, d], [b, a, c, d], [a, b, b, c, d], [b, c, d]):
        path.write_bytes(b"".join([head, *order, last]))
        with pytest.raises(DamagedError, match=r"is number \d, not \d"):
            list(read_events(folder))
    path.write_bytes(b"".join([head, *records]))
    assert kinds(folder) == ["epoch"] * 4
    assert "the end of this file is missing" in problems_of(folder, closed=True)[0]
    path.write_bytes(b"".join([head, *records, last, line_of(b'{"n":5,"kind":"epoch"}')]))
    with pytest.raises(DamagedError, match="stands after the end"):
        list(read_events(folder))
    path.write_bytes(b"".join(records))
    with pytest.raises(DamagedError, match="is not the head of a segment"):
        list(read_events(folder))


def test_missing_swapped_and_emptied_segments_are_named(folder):
    first = EventWriter(folder)
    first.append("a", {})
    second = EventWriter(folder, follows=first.position())
    second.append("b", {})
    EventWriter(folder, follows=second.position()).close()
    paths = [folder / f"00000{number}.jsonl" for number in (1, 2, 3)]
    contents = [path.read_bytes() for path in paths]

    paths[1].unlink()
    assert f"{paths[1]}: this file of the run's events is missing" in " ".join(
        problems_of(folder, closed=True)
    )
    with pytest.raises(DamagedError, match="is missing"):
        list(read_events(folder))

    paths[1].write_bytes(b"")
    with pytest.raises(DamagedError, match="has no head"):
        list(read_events(folder))

    paths[1].write_bytes(contents[0])
    with pytest.raises(DamagedError, match="is segment 1"):
        list(read_events(folder))

    paths[1].write_bytes(contents[1])
    assert problems_of(folder, closed=True) == []


def test_a_newer_format_says_so(folder):
    body = b'{"kind":"segment","format":2,"anything":"else"}'
    (folder / "000001.jsonl").write_bytes(line_of(body))
    with pytest.raises(FormatError, match=r"newer Ranvier \(format 2; this one reads up to 1\)"):
        list(read_events(folder))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"kind":3}',
        b'{"n":0}',
        b'{"kind":"segment"}',
        b'{"kind":"segment","format":1,"segment":1,"first":"x","follows":null,"before":null}',
        b'{"kind":"segment","format":1,"segment":1,"first":0,'
        b'"follows":{"segment":1,"offset":0},"before":null}',
        b"[" * 100_000,
    ],
)
def test_a_segment_made_up_by_somebody_is_called_damaged(folder, body):
    (folder / "000001.jsonl").write_bytes(line_of(body))
    with pytest.raises(DamagedError):
        list(read_events(folder))


def test_a_full_disk_is_explained_and_leaves_whole_records(folder, monkeypatch):
    writer = EventWriter(folder)
    writer.append("a", {})
    write = os.write
    calls = []

    def half_then_full(descriptor, data):
        calls.append(None)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(events.os, "write", half_then_full)
        with pytest.raises(RunError) as caught:
            writer.append("b", {"loss": [0.5] * 10})
    assert str(caught.value) == (
        f"{folder / '000001.jsonl'}: cannot write: the disk is full. "
        "The records before are untouched. Free some space, then try again."
    )
    writer.append("c", {})
    writer.close()
    assert kinds(folder) == ["a", "c"]
    assert problems_of(folder, closed=True) == []
