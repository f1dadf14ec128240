"""An explanation says what the network said, and saves as a page, a sheet or a folder."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, DataError, UnknownNameError
from ranvier.explain import Explanation, check_destination, explain
from ranvier.explain.sheet import GAP, pair_of


class Corners(nn.Module):
    """One class for each half of the picture: the brightness there."""

    def forward(self, pictures: Tensor) -> Tensor:
        half = pictures.shape[2] // 2
        numbers = pictures.float()
        parts = (numbers[:, :, :half], numbers[:, :, half:])
        return torch.stack([part.sum((1, 2, 3)) for part in parts], dim=1) / 255


PICTURES = np.zeros((3, 4, 6, 1), dtype=np.uint8)
PICTURES[0, 1, 1], PICTURES[1, 2, 4], PICTURES[2, 3, 5] = 255, 255, 100
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])


def explained(**options) -> Explanation:
    given = {
        "names": ["left/a.png", "right/b.png", "<c>.png"],
        "classes": ("left", "right"),
        "probabilities": PROBABILITIES,
        "method": "input_x_gradient",
        "source": "halves",
    }
    return explain(Corners(), PICTURES, **{**given, **options})


def test_each_picture_is_told_with_its_likeliest_class():
    first, second, _ = explained().told()
    assert (first.name, first.prediction, first.probability) == ("left/a.png", "left", 0.9)
    assert first.explained == "left" and first.output == 1.0
    assert second.top == (("right", 0.8), ("left", 0.2))


def test_the_heat_lies_where_the_answer_comes_from():
    document = explained().to_json()
    assert [each["center"] for each in document["pictures"]] == [(1.0, 1.0), (2.0, 4.0), (3.0, 5.0)]
    assert document["method"] == "input_x_gradient" and document["layer"] is None


def test_a_class_that_is_named_is_explained_for_every_picture():
    found = explained(target="right")
    assert [each.explained for each in found.told()] == ["right"] * 3
    assert found.to_json()["pictures"][0]["center"] is None  # nothing there speaks for it


def test_classes_are_named_as_the_data_spells_them():
    found = explained(classes=(3, 8), target="8")
    assert [each.explained for each in found.told()] == [8, 8, 8]
    with pytest.raises(UnknownNameError) as caught:
        explained(target="rigth")
    assert str(caught.value) == (
        "target 'rigth': the network knows no such class. Did you mean 'right'?"
    )


def test_outputs_without_names_are_numbered():
    found = explained(classes=(), probabilities=None, target="1")
    assert [(each.prediction, each.explained) for each in found.told()] == [(None, 1)] * 3
    with pytest.raises(ConfigError, match="target 'right': the network's outputs have no names"):
        explained(classes=(), target="right")


def test_a_number_explains_itself():
    class Total(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            return pictures.float().mean((1, 2, 3))

    found = explain(Total(), PICTURES, values=np.array([1.0, 2.0, 3.0]), method="saliency")
    told = found.told()[1]
    assert (told.name, told.prediction, told.probability, told.explained, told.top) == (
        "picture 2", 2.0, None, None, (),
    )  # fmt: skip
    assert "says <b><bdi" in page_of(found)


def test_one_logit_of_two_classes_is_read_as_both():
    class One(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            left, right = Corners()(pictures).unbind(1)
            return (right - left).unsqueeze(1)

    found = explain(
        One(), PICTURES, classes=("left", "right"), probabilities=PROBABILITIES, method="saliency"
    )
    assert [each.output for each in found.told()] == [1.0, 1.0, pytest.approx(100 / 255)]


@pytest.mark.parametrize(
    ("pictures", "options", "words"),
    [
        (PICTURES / 255, {}, "pictures: got float64"),
        (PICTURES[0], {}, "expected bytes"),
        (PICTURES[:0], {}, "at least one picture"),
        (PICTURES, {"names": ["a"]}, "names: got 1 for 3 pictures; expected one each."),
    ],
)
def test_what_are_no_pictures_is_refused(pictures, options, words):
    with pytest.raises(DataError, match=re.escape(words)):
        explain(Corners(), pictures, **options)


def page_of(explanation: Explanation) -> str:
    from ranvier.explain.page import page_of as made

    return made(explanation)


def test_a_page_holds_every_picture_twice_and_fetches_nothing(tmp_path):
    path = explained(left_out=7).save(tmp_path / "why.html")
    text = path.read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == 2 * 3 + 1
    assert not re.search(r'(?:src|href)="(?!data:image/png;base64,)', text)
    assert "&lt;c&gt;.png" in text and "<c>.png" not in text
    assert "7 more pictures were left out." in text
    assert "How to read it. " in text and "not what is true of the picture" in text
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_is_the_same_for_the_same_explanation():
    assert page_of(explained()) == page_of(explained())


def test_a_page_names_what_is_explained_where_that_is_not_what_is_said():
    text = page_of(explained(target="right"))
    assert text.count("; explained is ") == 1


def test_a_sheet_shows_the_pictures_beside_their_heat(tmp_path):
    path = explained().save(tmp_path / "why.png")
    with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
        sheet = np.asarray(image)
    pair = pair_of(explained(), 0)
    assert pair.shape == (160, 2 * 240 + GAP // 2, 3)
    assert np.array_equal(sheet[GAP : GAP + 160, GAP : GAP + pair.shape[1]], pair)
    assert (pair[:, :240:40][::40, :, 0] == PICTURES[0, :, :, 0]).all()


def test_a_folder_holds_the_page_and_a_picture_each(tmp_path):
    folder = explained().save(tmp_path / "why")
    assert sorted(path.name for path in folder.iterdir()) == [
        "1-left-a.png", "2-right-b.png", "3-c.png", "index.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("why.pgn", "are not written as '.pgn'; expected a page (.html), a sheet (.png), or a"),
        ("missing/why.html", "cannot be written (No such file or directory). Name a place in"),
        ("file", "this is a file; name a folder, or a file ending in .html."),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, words):
    (tmp_path / "file").write_text("older")
    with pytest.raises(ConfigError, match=re.escape(words)):
        explained().save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_source_is_never_overwritten(tmp_path):
    source = tmp_path / "cat.png"
    source.write_bytes(b"a picture")
    with pytest.raises(ConfigError, match="this is the source itself; name another place"):
        check_destination(source, str(source))
    check_destination(tmp_path / "why.png", str(source))
