"""Picture files with bytes changed at random: a picture or a problem, never anything else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ranvier.data.image.decode import read_header, read_numbers, read_picture, reading
from ranvier.data.image.encode import PictureForm
from tests.faults import pictures as make

FORM = PictureForm(32, 32, 3)
# A damaged header may claim what is just below the limit, and that is decoded.
MOST_SECONDS = 5.0


def whole_files(folder: Path) -> list[bytes]:
    picture = Image.fromarray(make.pixels(7, 0, side=40))
    formats = ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ppm", "jpeg2000")
    files = [make.encoded(kind, picture) for kind in formats]
    files += [make.encoded("tiff", picture, compression=how) for how in ("tiff_lzw", "jpeg")]
    files += [make.encoded("jpeg", picture, progressive=True)]
    for kind in ("gif", "png", "webp"):
        make.animated(kind)(folder / "animated")
        files.append((folder / "animated").read_bytes())
    return [*files, make.grey16(), make.cmyk(), make.palette(), make.rotated()]


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    """Some bytes changed, the end cut off, bytes put in, or a number of the header made extreme."""
    changed = bytearray(content)
    at = int(draw.integers(len(changed)))
    match draw.integers(4):
        case 0:
            for place in draw.integers(len(changed), size=draw.integers(1, 20)):
                changed[place] = int(draw.integers(256))
        case 1:
            del changed[at:]
        case 2:
            changed[at:at] = draw.bytes(int(draw.integers(1, 30)))
        case _:
            start = at % 64
            changed[start : start + 4] = bytes(draw.choice([0, 127, 128, 255], 4).tolist())
    return bytes(changed)


@pytest.mark.parametrize("count", [400, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutated_files_are_pictures_or_problems(
    tmp_path: Path, count: int, capfd: pytest.CaptureFixture[str]
) -> None:
    files, draw = whole_files(tmp_path), np.random.default_rng(count)
    path, slowest, outcomes = tmp_path / "mutated", 0.0, set()
    with reading():
        for _ in range(count):
            path.write_bytes(mutated(files[draw.integers(len(files))], draw))
            begun = time.process_time()
            decoded = read_picture(path, FORM, name="mutated")
            read_header(path)
            read_numbers(path, most=100)
            slowest = max(slowest, time.process_time() - begun)
            if decoded.pixels is None:
                assert decoded.problems[0].kind
                assert decoded.problems[0].detail
                outcomes.add(decoded.problems[0].kind)
            else:
                assert decoded.pixels.shape == FORM.shape
                outcomes.add("read")
    assert {"read", "truncated", "damaged"} <= outcomes
    assert slowest < MOST_SECONDS
