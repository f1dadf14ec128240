from __future__ import annotations

import pytest

from ranvier.core.errors import DamagedError, RunError
from ranvier.runs.seal import check_report, seal_report, write_report

PAGE = "<!doctype html>\n<title>Größe</title>\n<p>0.98</p>\n"


def test_a_sealed_page_passes_and_keeps_its_text(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(seal_report(PAGE), encoding="utf-8")
    check_report(path)
    assert path.read_text(encoding="utf-8").startswith(PAGE + "<!-- sha256 ")
    write_report(path, PAGE.rstrip())
    check_report(path)
    assert path.read_text(encoding="utf-8") == seal_report(PAGE)


def test_a_flipped_bit_in_any_byte_is_found(tmp_path):
    path = tmp_path / "report.html"
    data = seal_report(PAGE).encode()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedError):
            check_report(path)


@pytest.mark.parametrize(
    "text", ["", "<p>", PAGE, seal_report(PAGE) + "\n", seal_report(PAGE)[:-1]]
)
def test_a_page_without_its_seal_says_what_to_do(tmp_path, text):
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DamagedError) as caught:
        check_report(path)
    assert str(caught.value) == (
        f"{path}: damaged, or edited by hand: its digest does not fit its text. "
        f"Write it again: ranvier report {tmp_path}."
    )


def test_a_missing_page_is_said(tmp_path):
    with pytest.raises(RunError, match="this file of the run is missing"):
        check_report(tmp_path / "report.html")
