"""Array files from unknown hands: read as what they say or refused in words, and never trusted
with memory that they cannot fill."""

from __future__ import annotations

import gzip
import io
import resource
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.core.errors import DataError
from ranvier.data.image.idx import read_idx
from ranvier.data.image.npy import npz_names, read_npy, read_npz

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
X = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(array: np.ndarray, *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, images=array)
    return file.getvalue()


IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3, 4, 5) + X.tobytes()
WHOLE = {
    "a-idx3-ubyte": IDX,
    "a-idx3-ubyte.gz": gzip.compress(IDX),
    "a.npy": npy(X),
    "a.npz": npz(X),
    "b.npz": npz(X, compressed=True),
}


def read(path: Path) -> np.ndarray:
    if path.suffix == ".npz":
        names = npz_names(path)
        return read_npz(path, names[0]) if names else np.empty(0)
    return read_npy(path) if path.suffix == ".npy" else read_idx(path)


def is_refused_or_whole(path: Path, data: bytes) -> None:
    """Either a typed refusal that names the file, or an array that the bytes can hold."""
    path.write_bytes(data)
    tracemalloc.start()
    refusal, size = str(path), 0
    try:
        size = read(path).nbytes
    except DataError as error:
        refusal = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert str(path) in refusal
    assert size <= 1_100 * len(data) and peak < 16 << 20


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_whole_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(WHOLE[name])
    np.testing.assert_array_equal(read(tmp_path / name), X)


@pytest.mark.parametrize("name", WHOLE)
@FEW
@given(data=st.binary(max_size=300))
def test_bytes_at_random_are_refused(name: str, data: bytes, tmp_path: Path) -> None:
    is_refused_or_whole(tmp_path / name, data)


@pytest.mark.parametrize("name", WHOLE)
@FEW
@given(place=st.integers(0, 10_000), value=st.binary(min_size=1, max_size=8))
def test_changed_bytes_are_refused_or_harmless(
    name: str, place: int, value: bytes, tmp_path: Path
) -> None:
    data = bytearray(WHOLE[name])
    place %= len(data)
    data[place : place + len(value)] = value
    is_refused_or_whole(tmp_path / name, bytes(data))


@pytest.mark.parametrize("name", WHOLE)
@FEW
@given(share=st.floats(0, 0.999))
def test_a_file_cut_off_is_refused(name: str, share: float, tmp_path: Path) -> None:
    path, data = tmp_path / name, WHOLE[name]
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"a(-idx3|\.np)|b\.npz"):
        read(path)


@FEW
@given(place=st.integers(0, len(X.tobytes()) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_numbers_is_found_in_an_archive(
    place: int, bit: int, tmp_path: Path
) -> None:
    data = bytearray(WHOLE["a.npz"])
    start = bytes(data).index(X.tobytes())
    data[start + place] ^= 1 << bit
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match="Bad CRC-32"):
        read(tmp_path / "a.npz")


@FEW
@given(sizes=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8), kind=st.integers(0, 20))
def test_no_idx_header_gets_memory_that_its_file_cannot_fill(
    sizes: list[int], kind: int, tmp_path: Path
) -> None:
    header = bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    is_refused_or_whole(tmp_path / "a-idx3-ubyte", header + bytes(40))
    is_refused_or_whole(tmp_path / "a-idx3-ubyte.gz", gzip.compress(header + bytes(40)))


def header_of(text: str, *, version: int = 1, body: bytes = b"") -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1") + body


HOSTILE = {
    "terabytes": header_of("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,), }"),
    "a product beyond 64 bits": header_of(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 3), }"
    ),
    "objects": header_of("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", body=b"cos\n"),
    "records": header_of(
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", body=bytes(8)
    ),
    "code": header_of("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': ()}"),
    "deep nesting": header_of("(" * 4_000 + ")" * 4_000),
    "a header of gigabytes": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{" * 50,
    "a version to come": b"\x93NUMPY\x09\x00" + bytes(80),
    "a negative size": header_of("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
    "words of a gigabyte": header_of(
        "{'descr': '<U268435456', 'fortran_order': False, 'shape': (1,), }"
    ),
    "no type of NumPy": header_of(
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }", body=bytes(3)
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_alone_and_in_an_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataError, match=r"a\.npy: "):
        read_npy(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", HOSTILE[name])
    with pytest.raises(DataError, match=r"a\.npz, array 'x': "):
        read_npz(tmp_path / "a.npz", "x")


def lie(data: bytes, size: int) -> bytes:
    """A compressed archive whose directory and own header claim another size of the member."""
    field = struct.pack("<I", len(npy(X)))
    assert data.count(field) == 2
    return data.replace(field, struct.pack("<I", size))


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a claim of gigabytes": lambda: lie(WHOLE["b.npz"], 2**32 - 2),
    "a claim too small": lambda: lie(WHOLE["b.npz"], 130),
    "no archive": lambda: b"PK\x03\x04" + bytes(200),
    "an empty file": lambda: b"",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_lies_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(ARCHIVES[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"a\.npz"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_a_member_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy(X))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.npy", npy(X))
    with pytest.raises(
        DataError, match="2 members, 1 different; expected at most 1,000, each once"
    ):
        npz_names(tmp_path / "a.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = npy(np.zeros((4_000, 100, 100), dtype=np.uint8))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", bomb)
    with pytest.raises(DataError, match="compressed or encrypted in a way that NumPy does not"):
        read_npz(tmp_path / "a.npz", "x")
