"""One picture file becomes bytes of the form, or a problem with a name."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ranvier.core.errors import ConfigError, MissingExtraError
from ranvier.data.image import bring
from ranvier.data.image.decode import PIXELS_VARIABLE, read_header, read_picture, reading
from ranvier.data.image.encode import PictureForm

GREY, COLOUR = PictureForm(12, 16, 1), PictureForm(12, 16, 3)


def scene(height=12, width=16):
    """Red grows to the right, green downwards, blue is even: any turn or swap shows."""
    down, across = np.mgrid[:height, :width]
    return np.stack(
        [across * 255 // (width - 1), down * 255 // (height - 1), np.full_like(down, 99)], axis=-1
    ).astype(np.uint8)


def read(path, form=COLOUR):
    with reading():
        return read_picture(path, form, name=path.name)


def kinds(decoded):
    return [problem.kind for problem in decoded.problems]


@pytest.mark.parametrize(
    "ending", ["png", "bmp", "tiff", "ppm", "gif", "webp", "jp2", "avif", "jpg"]
)
def test_every_format_gives_the_picture_that_was_saved(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    exact = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}
    Image.fromarray(scene()).save(path, **exact.get(ending, {}))
    found = read(path)
    assert found.problems == () and found.size == (16, 12)
    difference = np.abs(found.pixels.astype(int) - scene())
    allowed = {"jpg": 8, "avif": 24, "gif": 40}.get(ending, 0)
    assert difference.mean() <= allowed and found.pixels.shape == (12, 16, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_kind_of_colour_becomes_what_pillow_shows(tmp_path, mode):
    path = tmp_path / "a.tiff"
    picture = Image.fromarray(scene()).convert(mode)
    picture.save(path)
    shown = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(read(path).pixels, shown)
    expected = np.asarray(picture.convert("RGB").convert("L"))
    assert np.abs(read(path, GREY).pixels[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_transparency_is_laid_on_white_and_said(tmp_path, ending):
    alpha = np.zeros((12, 16), dtype=np.uint8)
    alpha[:, 8:] = 255
    path = tmp_path / f"a.{ending}"
    Image.fromarray(np.dstack([scene(), alpha]), "RGBA").save(path, lossless=True)
    found = read(path)
    assert (found.pixels[:, :8] == 255).all()
    np.testing.assert_array_equal(found.pixels[:, 8:], scene()[:, 8:])
    assert "transparent" in found.traits


@pytest.mark.parametrize("ending", ["jpg", "png", "tiff", "webp"])
def test_a_picture_is_turned_as_its_camera_was_held(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    notes = Image.Exif()
    notes[0x0112] = 6  # the top of the scene is at the right of what is stored
    turned = np.rot90(scene(), 1)
    exact = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}
    Image.fromarray(np.ascontiguousarray(turned)).save(path, exif=notes, **exact.get(ending, {}))
    difference = np.abs(read(path).pixels.astype(int) - scene())
    assert difference.max() <= 24
    with reading():
        assert read_header(path)[:2] == (16, 12)


@pytest.mark.parametrize("levels", [None, (0.0, 4095.0)])
def test_sixteen_bits_become_bytes_by_the_levels_or_by_the_range_of_the_type(tmp_path, levels):
    numbers = np.linspace(0, 4095, 192).reshape(12, 16).astype(np.uint16)
    path = tmp_path / "a.png"
    Image.fromarray(numbers).save(path)
    found = read(path, PictureForm(12, 16, 1, levels=levels))
    white = 65535 if levels is None else 4095
    np.testing.assert_array_equal(found.pixels[..., 0], np.rint(numbers / white * 255))
    assert "more than 8 bits" in found.traits


def test_numbers_that_are_not_finite_are_black_in_a_picture_of_floats(tmp_path):
    numbers = np.full((12, 16), 0.5, dtype=np.float32)
    numbers[0, 0] = np.nan
    Image.fromarray(numbers).save(tmp_path / "a.tiff")
    found = read(tmp_path / "a.tiff", GREY).pixels
    assert found[0, 0, 0] == 0 and (found[1:] == 128).all()


@pytest.mark.parametrize("ending", ["gif", "png", "tiff", "webp"])
def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    first, second = Image.new("RGB", (16, 12), "red"), Image.new("RGB", (16, 12), "blue")
    first.save(path, save_all=True, append_images=[second], lossless=True)
    found = read(path)
    assert kinds(found) == ["animated"] and not found.problems[0].is_left_out
    assert found.pixels[5, 5, 0] > 200 and found.pixels[5, 5, 2] < 50


def test_a_format_that_its_name_does_not_tell_is_read_and_said(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(scene()).save(path, "PNG")
    found = read(path)
    np.testing.assert_array_equal(found.pixels, scene())
    assert kinds(found) == ["another format"] and not found.problems[0].is_left_out
    assert "it is PNG" in found.problems[0].detail


def bad_files(folder):
    """For each file that gives no picture the kind of its problem."""
    Image.fromarray(scene(64, 64)).save(folder / "whole.png")
    Image.fromarray(scene(64, 64)).save(folder / "whole.jpg")
    for ending in ("png", "jpg"):
        whole = (folder / f"whole.{ending}").read_bytes()
        (folder / f"cut.{ending}").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("This is a shopping list.")
    (folder / "program.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    os.symlink("nowhere.png", folder / "link.png")
    body = zlib.compress(b"\x07" * 100)
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    (folder / "bomb.png").write_bytes(png(header, body))
    (folder / "bad.png").write_bytes(png(struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0), b"no zlib"))
    return {
        "cut.png": "truncated",
        "cut.jpg": "truncated",
        "text.jpg": "not a picture",
        "program.png": "not a picture",
        "empty.png": "empty",
        "dot.png": "too small",
        "folder.png": "unreadable",
        "pipe.png": "unreadable",
        "link.png": "unreadable",
        "bomb.png": "too large",
        "bad.png": "damaged",
    }


def png(header, body):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_file_that_gives_no_picture_is_a_problem_with_a_name(tmp_path):
    expected = bad_files(tmp_path)
    found = {name: read(tmp_path / name) for name in expected}
    assert {name: kinds(each) for name, each in found.items()} == {
        name: [kind] for name, kind in expected.items()
    }
    assert all(each.pixels is None and each.problems[0].is_left_out for each in found.values())
    assert "40,000×40,000 = 1,600,000,000 pixels" in found["bomb.png"].problems[0].detail
    assert PIXELS_VARIABLE in found["bomb.png"].problems[0].detail
    assert "b'This is '" in found["text.jpg"].problems[0].detail


def test_the_limit_of_pixels_can_be_set(tmp_path, monkeypatch):
    Image.fromarray(scene(40, 40)).save(tmp_path / "a.png")
    monkeypatch.setenv(PIXELS_VARIABLE, "1000")
    assert kinds(read(tmp_path / "a.png")) == ["too large"]
    monkeypatch.setenv(PIXELS_VARIABLE, "1600")
    assert kinds(read(tmp_path / "a.png")) == []
    monkeypatch.setenv(PIXELS_VARIABLE, "many")
    with pytest.raises(ConfigError, match="RANVIER_MOST_PIXELS=many: expected the pixels"):
        read(tmp_path / "a.png")


def test_a_plain_jpeg_above_the_limit_is_decoded_small_and_a_progressive_one_refused(
    tmp_path, monkeypatch
):
    picture = Image.fromarray(scene(400, 400))
    picture.save(tmp_path / "plain.jpg")
    picture.save(tmp_path / "progressive.jpg", progressive=True)
    monkeypatch.setenv(PIXELS_VARIABLE, "20000")
    assert kinds(read(tmp_path / "plain.jpg")) == []
    assert kinds(read(tmp_path / "progressive.jpg")) == ["too large"]


def test_a_header_is_read_without_decoding_what_it_announces(tmp_path, monkeypatch):
    bad_files(tmp_path)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with reading():
        assert read_header(tmp_path / "bomb.png") == (40_000, 40_000, "RGB")


def test_pillows_own_limit_and_warnings_are_as_before_afterwards():
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError), reading():
        assert Image.MAX_IMAGE_PIXELS is None
        raise ValueError
    assert before == Image.MAX_IMAGE_PIXELS


def test_without_pillow_the_install_line_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ranvier\[image\]'"):
        bring.pillow()


def saved(ending):
    file = io.BytesIO()
    Image.fromarray(scene(24, 32)).save(file, ending)
    return file.getvalue()


WHOLE = {ending: saved(ending) for ending in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP")}
EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=6)


@settings(max_examples=150, deadline=None)
@given(ending=st.sampled_from(sorted(WHOLE)), edits=EDITS, keep=st.floats(0, 1))
def test_a_mutated_file_gives_pixels_in_form_or_one_problem(tmp_path_factory, ending, edits, keep):
    data = bytearray(WHOLE[ending])
    for place, piece in edits:
        start = int(place * (len(data) - len(piece)))
        data[start : start + len(piece)] = piece
    path = tmp_path_factory.getbasetemp() / f"mutated.{ending.lower()}"
    path.write_bytes(data[: max(1, int(keep * len(data)))] if keep < 0.5 else data)
    found = read(path)
    if found.pixels is None:
        assert len(found.problems) == 1 and found.problems[0].is_left_out
    else:
        assert found.pixels.shape == COLOUR.shape and found.pixels.dtype == np.uint8


@settings(max_examples=100, deadline=None)
@given(data=st.binary(min_size=1, max_size=200))
def test_bytes_of_any_kind_are_no_traceback(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "random.png"
    path.write_bytes(data)
    found = read(path)
    assert (found.pixels is None) == any(problem.is_left_out for problem in found.problems)
