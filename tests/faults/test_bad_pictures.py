"""Every way in which pictures can be bad: named in one summary or refused with a reason."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ranvier.data.image import PictureData, Problem, prepare
from ranvier.runs.settings import TrainSettings
from tests.faults import pictures as make
from tests.faults.conftest import Ask

QUICK = ["--epochs", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def folder(here: Path) -> Path:
    return make.healthy(here / "pets")


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that take a while to make, made once."""
    made = tmp_path_factory.mktemp("bombs")
    make.zeros_bomb(made / "zeros.png")
    make.text_bomb(made / "text.png")
    return made


def problems_of(data: PictureData) -> list[Problem]:
    """What the profile says, name by name; of several of a kind the detail is the first's."""
    return [
        Problem(name, group["kind"], group["detail"], group["is_left_out"])
        for group in data.profile["problems"]
        for name in group["names"]
    ]


# What stands in the place of a picture, under which name, and the kind of problem it is called.
BAD: dict[str, tuple[make.Maker, str, str]] = {
    "half a PNG": (make.truncated("png"), "x.png", "truncated"),
    "half a JPEG": (make.truncated("jpeg"), "x.jpg", "truncated"),
    "half a GIF": (make.truncated("gif"), "x.gif", "truncated"),
    "half a WebP": (make.truncated("webp"), "x.webp", "truncated"),
    "half a BMP": (make.truncated("bmp"), "x.bmp", "truncated"),
    "half a TIFF": (make.truncated("tiff"), "x.tif", "truncated"),
    "a damaged PNG": (make.flipped_png, "x.png", "damaged"),
    "text called .jpg": (make.of_bytes(b"Dear Sir or Madam,\n" * 9), "x.jpg", "not a picture"),
    "a program in SVG": (make.of_bytes(b"<svg><script>1</script></svg>"), "x.png", "not a picture"),
    "PostScript": (make.of_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "x.png", "not a picture"),
    "no bytes": (make.of_bytes(b""), "x.png", "empty"),
    "a header of 30,000 squared": (make.header_bomb, "x.png", "too large"),
    "one pixel": (make.of_bytes(make.sides(1, 1)), "x.png", "too small"),
    "one line of 20,000": (make.of_bytes(make.sides(20_000, 1)), "x.png", "too small"),
    "a folder called .png": (make.directory, "x.png", "class folder"),
    "a link to nothing": (make.dangling, "x.png", "broken link"),
    "a link to itself": (make.points_at_itself, "x.png", "symlink loop"),
    "a pipe": (make.pipe, "x.png", "no file"),
    "a socket": (make.plug, "x.png", "no file"),
    "a device without end": (make.endless, "x.png", "no file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_one_bad_picture_is_named_and_left_out_of_training(folder: Path, name: str) -> None:
    maker, file, kind = BAD[name]
    maker(folder / "cat" / file)
    data = prepare(folder, TrainSettings())
    if name == "a folder called .png":
        assert not [each for each in problems_of(data) if file in each.name and each.is_left_out]
        return
    (problem,) = [each for each in problems_of(data) if each.name == f"cat/{file}"]
    assert problem.kind == kind
    assert problem.is_left_out
    assert problem.detail
    assert sum(data.profile["parts"].values()) == 2 * make.EACH


def test_a_bomb_is_left_out_by_what_its_header_says(folder: Path, bombs: Path) -> None:
    (folder / "cat" / "zeros.png").write_bytes((bombs / "zeros.png").read_bytes())
    (folder / "cat" / "words.png").write_bytes((bombs / "text.png").read_bytes())
    found = {each.name: each for each in problems_of(prepare(folder, TrainSettings()))}
    assert found["cat/zeros.png"].kind == "too large"
    assert "20,000×20,000" in found["cat/zeros.png"].detail
    assert found["cat/words.png"].is_left_out


# Pictures of uncommon kinds that are whole: all are read, and some are worth a word.
ODD: dict[str, tuple[bytes | make.Maker, str, str | None]] = {
    "an animated GIF": (make.animated("gif"), "x.gif", "animated"),
    "an animated PNG": (make.animated("png"), "x.png", "animated"),
    "an animated WebP": (make.animated("webp"), "x.webp", "animated"),
    "a PNG called .jpg": (make.encoded("png"), "x.jpg", "another format"),
    "16-bit grey": (make.grey16(), "x.png", None),
    "CMYK": (make.cmyk(), "x.jpg", None),
    "a palette with transparency": (make.palette(), "x.png", None),
    "turned by its camera": (make.rotated(), "x.jpg", None),
    "grey and alpha": (make.converted("LA"), "x.png", None),
    "one bit": (make.converted("1"), "x.png", None),
    "real numbers": (make.converted("F", "tiff"), "x.tif", None),
    "64 million pixels": (make.sides(8_000, 8_000), "x.png", None),
    "an ending in capitals": (make.encoded("png"), "X.PNG", None),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_picture_that_is_whole_is_trained_on(folder: Path, name: str) -> None:
    content, file, kind = ODD[name]
    maker = make.of_bytes(content) if isinstance(content, bytes) else content
    maker(folder / "cat" / file)
    data = prepare(folder, TrainSettings())
    found = [each.kind for each in problems_of(data) if each.name == f"cat/{file}"]
    assert found == ([] if kind is None else [kind])
    assert not any(each.is_left_out for each in problems_of(data))
    assert data.profile["pictures"] == 2 * make.EACH + 1


def test_a_link_back_to_where_it_lies_is_entered_once(folder: Path) -> None:
    (folder / "cat" / "again").symlink_to("..")
    (folder / "dog" / "here").symlink_to(".")
    data = prepare(folder, TrainSettings())
    loops = [each for each in problems_of(data) if each.kind == "symlink loop"]
    assert [each.name for each in loops] == ["cat/again", "dog/here"]
    assert data.profile["pictures"] == 2 * make.EACH


def test_the_same_picture_under_two_classes_is_said(folder: Path) -> None:
    content = (folder / "cat" / "003.png").read_bytes()
    (folder / "dog" / "003.png").write_bytes(content)
    data = prepare(folder, TrainSettings())
    (told,) = [finding for finding in data.findings if finding.category == "labels"]
    assert "cat/003.png" in str(told)
    assert "dog/003.png" in str(told)


# Folders that cannot be trained on, each with what is said.


def one_class(root: Path) -> None:
    make.healthy(root, classes=("cat",))


def no_class(root: Path) -> None:
    make.healthy(root / "pets")
    for path in list(root.glob("pets/*/*.png")):
        path.rename(root / f"{path.parent.name}-{path.name}")


def no_pictures(root: Path) -> None:
    root.mkdir()
    (root / "notes.txt").write_text("later")


def missing_in_training(root: Path) -> None:
    make.healthy(root / "train", classes=("cat", "dog"))
    make.healthy(root / "test", classes=("cat", "dog", "fox"), each=5)


def mostly_damaged(root: Path) -> None:
    make.healthy(root)
    for path in list(root.glob("cat/*.png"))[:10]:
        path.write_bytes(path.read_bytes()[:50])


def two_pictures(root: Path) -> None:
    make.healthy(root, each=1)


REFUSED: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "one class": (one_class, ("one class only, 'cat' (30 pictures)", "expected at least two")),
    "no class": (no_class, ("60 pictures in no class folder", "a folder for each class")),
    "no pictures": (no_pictures, ("pictures", "expected")),
    "an empty folder": (lambda root: root.mkdir(), ("pictures", "expected")),
    "a class missing in training": (missing_in_training, ("train/fox: a missing class folder",)),
    "most pictures damaged": (mostly_damaged, ("10 of 60", "truncated", "most_left_out")),
    "nothing there": (lambda root: None, ("pets",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_on_is_refused_with_its_reason_and_leaves_nothing(
    ask: Ask, here: Path, name: str
) -> None:
    maker, messages = REFUSED[name]
    maker(here / "pets")
    said = ask("train", "pets", *QUICK, "--json")
    assert said.code == 2, said.err
    assert "Traceback" not in said.err
    error = json.loads(said.out)["error"]
    for message in messages:
        assert message in error["message"]
    assert not (here / "runs").exists()


def test_a_class_that_the_test_part_lacks_is_said_and_trained(ask: Ask, here: Path) -> None:
    make.healthy(here / "pets" / "train", classes=("cat", "dog", "fox"))
    make.healthy(here / "pets" / "test", classes=("cat", "dog"), each=5)
    said = ask("train", "pets", *QUICK, "--json")
    assert said.code == 0, said.err
    assert "test/fox" in said.err
    assert "missing class folder" in said.err


# Sources of arrays and tables.


def lying_npz(path: Path) -> None:
    """An array whose header asks for a tebibyte, in a file of some hundred bytes."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1048576, 1024, 1024), }"
    header += b" " * (117 - len(header)) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(10)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", array)
        archive.writestr("y_train.npy", array)


def zeros_npz(path: Path) -> None:
    """An array of 1 GiB of zeros that is 1 MB when compressed."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1024, 1024, 1024), }"
    header += b" " * (117 - len(header)) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x_train.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
            for _ in range(1024):
                member.write(bytes(1 << 20))


def objects_npz(path: Path) -> None:
    """Labels that are objects, which NumPy would unpickle."""
    pictures = np.stack([make.pixels(number, number % 2) for number in range(40)])
    labels = np.array([{"label": number % 2} for number in range(40)], dtype=object)
    np.savez(path, x=pictures, y=labels)


def idx(path: Path, shape: tuple[int, ...], content: bytes) -> None:
    path.write_bytes(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + content)


def lying_idx(folder: Path) -> None:
    folder.mkdir()
    idx(folder / "train-images-idx3-ubyte", (60_000, 28, 28), bytes(28 * 28 * 3))
    idx(folder / "train-labels-idx1-ubyte", (60_000,), bytes(3))


def unequal_idx(folder: Path) -> None:
    folder.mkdir()
    idx(folder / "train-images-idx3-ubyte", (40, 8, 8), bytes(40 * 64))
    idx(folder / "train-labels-idx1-ubyte", (39,), bytes(range(2)) * 19 + b"\0")


def huge_idx(folder: Path) -> None:
    folder.mkdir()
    idx(folder / "train-images-idx3-ubyte", (0xFFFFFFFF, 0xFFFF, 0xFFFF), b"")
    idx(folder / "train-labels-idx1-ubyte", (0xFFFFFFFF,), b"")


def missing_files(path: Path) -> None:
    make.healthy(path.parent / "pets")
    path.write_text("file,kind\n" + "".join(f"pets/none/{n}.png,cat\n" for n in range(9)))


ARRAYS: dict[str, tuple[Callable[[Path], None], str, tuple[str, ...]]] = {
    "an npz that asks for a tebibyte": (lying_npz, "x.npz", ("x_train", "its header says")),
    "an npz of objects": (objects_npz, "x.npz", ("objects are pickles",)),
    "an npz that is none": (make.of_bytes(b"PK\x03\x04 no"), "x.npz", ("cannot be read",)),
    "an npy that is none": (make.of_bytes(b"\x93NUMPY"), "x.npy", ("x.npy",)),
    "IDX with too few bytes": (lying_idx, "digits", ("cut off", "60000")),
    "IDX of unequal counts": (unequal_idx, "digits", ("40", "39")),
    "IDX that asks for everything": (huge_idx, "digits", ("4294967295",)),
    "a table of files that are not there": (missing_files, "x.csv", ("none of 9 files is there", "pets/none/0.png")),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_a_file_that_lies_is_refused_before_its_memory_is_taken(
    ask: Ask, here: Path, name: str
) -> None:
    maker, file, messages = ARRAYS[name]
    maker(here / file)
    said = ask("train", file, *QUICK, "--json")
    assert said.code == 2, said.err
    assert "Traceback" not in said.err
    error = json.loads(said.out)["error"]
    for message in messages:
        assert message in error["message"]


def test_rows_whose_file_is_not_there_are_left_out_by_name(here: Path, folder: Path) -> None:
    files = [path.relative_to(here) for path in sorted(folder.glob("*/*.png"))]
    rows = [f"{file},{file.parts[1]}\n" for file in files]
    rows += ["pets/cat/lost.png,cat\n", f"{files[0]},cat\n"]
    (here / "list.csv").write_text("file,kind\n" + "".join(rows))
    data = prepare(here / "list.csv", TrainSettings())
    found = {each.name: each.kind for each in problems_of(data)}
    assert found == {"pets/cat/lost.png": "missing file", str(files[0]): "listed twice"}
    assert data.profile["pictures"] == 2 * make.EACH


# Names that are hard on terminals, pages and tables.


def test_every_name_is_trained_on_and_shown_harmlessly(ask: Ask, here: Path, folder: Path) -> None:
    for place, name in enumerate(make.NAMES.values()):
        make.named(
            folder / "cat", name, make.encoded("png", Image.fromarray(make.pixels(100 + place, 0)))
        )
        make.named(folder / "dog", name, b"GIF89a")
    said = ask("train", "pets", *QUICK, "--out", "run", "--most-left-out", "0.5", "--json")
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    assert json.loads(said.out)["status"] == "finished"
    report = (here / "run" / "report.html").read_text(encoding="utf-8")
    for words in (said.err, report):
        assert "\x1b]0;" not in words
        assert "\u202e" not in words
    assert "<img src=x" not in report
    predicted = ask("predict", "run", "pets/cat", "--json")
    assert predicted.code == 0, predicted.err
    assert len(json.loads(predicted.out)["predictions"]) == make.EACH + len(make.NAMES)
    assert ask("predict", "run", "pets/cat", "--out", "rows.csv").code == 0
    assert ask("verify", "run").code == 0


# Everything at once, as a user would meet it.


def everything_bad(folder: Path, bombs: Path) -> set[str]:
    """One of each bad file among the healthy ones; the names that have to be told."""
    names = set()
    for place, (maker, file, _) in enumerate(BAD.values()):
        name = f"bad-{place}-{file}"
        maker(folder / "cat" / name)
        if maker is not make.directory:
            names.add(f"cat/{name}")
    for bomb in bombs.iterdir():
        (folder / "dog" / f"bad-{bomb.name}").write_bytes(bomb.read_bytes())
        names.add(f"dog/bad-{bomb.name}")
    (folder / "cat" / "again").symlink_to("..")
    return {*names, "cat/again"}


def test_all_of_them_at_once_are_one_summary_and_a_trained_network(
    ask: Ask, here: Path, folder: Path, bombs: Path
) -> None:
    names = everything_bad(folder, bombs)
    said = ask("train", "pets", *QUICK, "--out", "run", "--most-left-out", "0.5", "--json")
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    groups = json.loads((here / "run" / "run.json").read_text())["data"]["problems"]
    assert sum(group["count"] for group in groups) == len(names)
    report = (here / "run" / "report.html").read_text(encoding="utf-8")
    for group in groups:
        # One line for each kind, with the first names of those that it is about.
        assert said.err.count(f"{group['kind']}: {group['count']} left out") == 1
        assert set(group["names"]) <= names
        assert all(name in said.err and name in report for name in group["names"])


def test_over_the_limit_all_is_refused_with_the_summary(
    ask: Ask, here: Path, folder: Path, bombs: Path
) -> None:
    everything_bad(folder, bombs)
    said = ask("train", "pets", *QUICK, "--json")
    assert said.code == 2
    assert "Traceback" not in said.err
    message = json.loads(said.out)["error"]["message"]
    assert "truncated (" in message
    assert "too large (" in message
    assert "most_left_out=0.2" in message
    assert not (here / "runs").exists()


MEASURED = """
import resource, sys
from ranvier.data.image import prepare
from ranvier.runs.settings import TrainSettings
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = prepare(sys.argv[1], TrainSettings(most_left_out=0.9))
rows = data.profile["pictures"] - data.profile["left_out"]
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, rows)
"""


def test_bombs_take_less_memory_than_the_largest_picture_that_is_read(
    here: Path, folder: Path, bombs: Path
) -> None:
    everything_bad(folder, bombs)
    for copy in range(4):
        (folder / "dog" / f"more-{copy}.png").write_bytes((bombs / "zeros.png").read_bytes())
        make.header_bomb(folder / "dog" / f"header-{copy}.png")
        (folder / "dog" / f"large-{copy}.png").write_bytes(make.sides(7_000, 7_000))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    before, peak, rows = map(int, done.stdout.split())
    assert rows == 2 * make.EACH + 4
    # One of 20,000 × 20,000 would be 381 MiB of grey bytes, five at once two GiB; a picture of
    # 7,000 × 7,000 takes 187 MiB, and as many are decoded at once as there are threads.
    assert peak - before < 1_200 * 1024


def test_a_bad_picture_among_those_to_predict_is_named(ask: Ask, folder: Path, here: Path) -> None:
    assert ask("train", "pets", *QUICK, "--out", "run").code == 0
    fresh = make.healthy(here / "fresh", each=2)
    make.truncated("png")(fresh / "cat" / "half.png")
    said = ask("predict", "run", "fresh", "--json")
    assert said.code == 0
    rows = {row["file"]: row for row in json.loads(said.out)["predictions"]}
    assert list(rows) == sorted(rows)
    assert [name for name, row in rows.items() if row["problem"]] == ["cat/half.png"]
    assert rows["cat/half.png"]["prediction"] is None
    assert "it ends before the picture does" in rows["cat/half.png"]["problem"]
    assert "1 of 5 pictures cannot be read" in said.err
    missing = ask("predict", "run", "fresh/none.png")
    assert (missing.code, missing.out) == (2, "")
    assert "fresh/none.png" in missing.err
