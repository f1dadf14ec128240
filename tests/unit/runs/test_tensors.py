from __future__ import annotations

import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import load_file

from ranvier.core.errors import DamagedError, RunError
from ranvier.runs import tensors as module
from ranvier.runs.tensors import HEADER, check_tensors, read_tensors, write_tensors


def every_kind():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 4, generator=generator)
    return {
        "weight": matrix,
        "step": torch.tensor(7),
        "flag": torch.tensor([True, False, True]),
        "transposed": matrix.T,
        "strided": matrix[::2, 1],
        "empty": torch.empty(0, 3),
        "half": matrix.to(torch.bfloat16),
        "float16": matrix.to(torch.float16),
        "double": matrix.to(torch.float64),
        "scalar_bfloat16": torch.tensor(0.5, dtype=torch.bfloat16),
        "bytes": torch.arange(256, dtype=torch.uint8),
        "random_state": torch.get_rng_state(),
        "not_finite": torch.tensor([float("nan"), float("inf"), -0.0]),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "trained": torch.nn.Parameter(matrix),
        "ünï.\n": torch.tensor([-(2**63), 2**63 - 1]),
    }


def same_bits(one, other):
    one, other = one.detach().resolve_conj(), other.detach().resolve_conj()
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    flat = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)]
    return torch.equal(*flat)


def test_every_kind_of_tensor_comes_back_with_its_bits_in_the_same_order(tmp_path):
    given = every_kind()
    digests = write_tensors(tmp_path / "t", given)
    back = read_tensors(tmp_path / "t", digests)
    assert list(back) == list(given)
    for name in given:
        assert same_bits(back[name], given[name]), name
    check_tensors(tmp_path / "t", digests)


def test_the_safetensors_library_reads_the_same(tmp_path):
    given = every_kind()
    write_tensors(tmp_path / "t", given)
    back = load_file(tmp_path / "t")
    assert set(back) == set(given)
    for name in given:
        assert same_bits(back[name], given[name]), name


def test_tensors_read_are_in_memory_of_their_own(tmp_path):
    digests = write_tensors(tmp_path / "t", {"w": torch.ones(3)})
    back = read_tensors(tmp_path / "t", digests)
    back["w"].zero_()
    assert read_tensors(tmp_path / "t", digests)["w"].tolist() == [1, 1, 1]


def test_no_tensors_at_all_are_a_file_too(tmp_path):
    digests = write_tensors(tmp_path / "t", {})
    assert read_tensors(tmp_path / "t", digests) == {}
    assert load_file(tmp_path / "t") == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_on_a_gpu_are_written_from_there(tmp_path):
    given = {"w": torch.arange(5.0, device="cuda")}
    digests = write_tensors(tmp_path / "t", given)
    assert torch.equal(read_tensors(tmp_path / "t", digests)["w"], given["w"].cpu())


def test_a_flipped_bit_in_any_byte_is_found_and_the_tensor_named(tmp_path):
    path = tmp_path / "t"
    given = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3], dtype=torch.int64)}
    digests = write_tensors(path, given)
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for position in range(len(data)):
        # Widest first: "b" stands before "a".
        named = "the header" if position < header else "'b'" if position < header + 8 else "'a'"
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        for read in (read_tensors, check_tensors):
            with pytest.raises(DamagedError, match=named):
                read(path, digests)


def test_the_message_says_where_what_and_what_to_do(tmp_path):
    path = tmp_path / "t"
    digests = write_tensors(path, {"dense_0.weight": torch.ones(4)})
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        read_tensors(path, digests)
    assert str(caught.value) == (
        f"{path}: tensor 'dense_0.weight' is not what was written. Restore the file from a copy."
    )


def test_a_file_cut_short_or_made_longer_anywhere_is_refused(tmp_path):
    path = tmp_path / "t"
    digests = write_tensors(path, {"w": torch.arange(4.0)})
    data = path.read_bytes()
    for changed in [*(data[:size] for size in range(len(data))), data + b"\0"]:
        path.write_bytes(changed)
        for read in (read_tensors, check_tensors):
            with pytest.raises(DamagedError):
                read(path, digests)


def test_another_runs_file_is_refused(tmp_path):
    digests = write_tensors(tmp_path / "one", {"w": torch.zeros(3)})
    write_tensors(tmp_path / "two", {"w": torch.ones(3)})
    with pytest.raises(DamagedError, match="tensor 'w'"):
        read_tensors(tmp_path / "two", digests)
    with pytest.raises(DamagedError, match="the list of tensors"):
        read_tensors(tmp_path / "one", {**digests, "more": "0"})


def test_a_missing_file_is_said(tmp_path):
    for read in (read_tensors, check_tensors):
        with pytest.raises(RunError, match="this file of the run is missing"):
            read(tmp_path / "t", {})


def hostile(table, *, data=b"", size=None):
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        hostile({}, size=2**63),
        hostile(b"{"),
        hostile(b"[" * 50_000),
        hostile([1]),
        hostile({"w": 3}),
        hostile({"w": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}),
        hostile({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
        hostile({"w": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}, data=b"1234"),
        hostile({"w": {"dtype": "PY", "shape": [1], "data_offsets": [0, 4]}}, data=b"1234"),
        hostile({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        hostile({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, data=b"12345678"),
        hostile({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, data=b"1234"),
    ],
)
def test_a_header_made_up_by_somebody_is_refused_before_memory_is_taken(tmp_path, content):
    path = tmp_path / "t"
    path.write_bytes(content)
    size = int.from_bytes(content[:8], "little")
    digests = {HEADER: hashlib.sha256(content[: 8 + min(size, 1 << 20)]).hexdigest(), "w": "0"}
    for read in (read_tensors, check_tensors):
        with pytest.raises(DamagedError):
            read(path, digests)


def test_a_dtype_that_the_format_has_no_name_for_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"w: a file of tensors has no name for torch.complex128"):
        write_tensors(tmp_path / "t", {"w": torch.zeros(1, dtype=torch.complex128)})
    assert os.listdir(tmp_path) == []


def test_tensors_larger_than_a_chunk_are_checked_to_their_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 64)
    given = {"w": torch.arange(100.0), "v": torch.arange(16.0)}
    digests = write_tensors(tmp_path / "t", given)
    check_tensors(tmp_path / "t", digests)
    data = bytearray((tmp_path / "t").read_bytes())
    data[-65] ^= 1
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(DamagedError, match="tensor 'w'"):
        check_tensors(tmp_path / "t", digests)
