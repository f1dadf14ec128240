"""The numbers on docs/architectures.md are those of the networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ranvier.spec.architectures import ARCHITECTURES

PAGE = Path(__file__).parents[4] / "docs" / "architectures.md"
ROW = re.compile(r"^\| `(\w+)` \| ([\d ×]+) \| ([\d,]+) \| ([\d.]+) ([GM]) \|", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_rows_of_pictures_codes_and_diffusion():
    assert {"resnet50", "unet", "vae", "dit_xlarge"} <= {name for name, *_ in ROWS}


@pytest.mark.parametrize(("name", "shape", "parameters", "cost", "unit"), ROWS)
def test_a_row_says_what_the_network_says(name, shape, parameters, cost, unit):
    network = ARCHITECTURES[name]()
    shapes = [tuple(int(side) for side in shape.split(" × "))]
    shapes += [()] * (len(network.inputs or ("input",)) - 1)
    description = network.describe(input=shapes)
    assert f"{description.parameters:,}" == parameters
    multiply_adds = description.flops / {"G": 2e9, "M": 2e6}[unit]
    assert float(cost) == pytest.approx(multiply_adds, rel=0.005)
