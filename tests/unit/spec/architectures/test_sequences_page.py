"""What docs/architectures_sequences.md says is what the networks say, and its blocks run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from ranvier.spec.architectures import ARCHITECTURES

PAGE = (Path(__file__).parents[4] / "docs" / "architectures_sequences.md").read_text("utf-8")
ROW = re.compile(
    r"^\| `(\w+)` \| ([\d ×and]+) \| ([\d,]+) \| ([\d.]+) ([GM]) \| ?([^|]*) ?\|$", re.MULTILINE
)
ROWS = ROW.findall(PAGE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_row_of_the_page_is_read():
    assert len(ROWS) == PAGE.count("\n| `")


@pytest.mark.parametrize(("name", "input_", "parameters", "cost", "unit", "published"), ROWS)
def test_a_row_says_what_the_network_says(name, input_, parameters, cost, unit, published):
    is_encoder = name.startswith(("bert", "minilm"))
    network = ARCHITECTURES[name](**{"outputs": ("places", "pooled")} if is_encoder else {})
    shapes = [tuple(map(int, shape.split(" × "))) for shape in input_.split(" and ")]
    description = network.describe(input=shapes)
    assert f"{description.parameters:,}" == parameters
    assert float(cost) == pytest.approx(description.flops / {"G": 2e9, "M": 2e6}[unit], rel=0.005)
    exact = re.match(r"[\d,]{9,}", published)
    assert exact is None or exact[0] == parameters


def test_the_blocks_run(tmp_path):
    script = tmp_path / "page.py"
    script.write_text("\n".join(BLOCK.findall(PAGE)), encoding="utf-8")
    ended = runpy.run_path(str(script))
    assert ended["words"].shape == (1, 7)
    assert ended["report"].unfilled == ended["report"].unused == ()
