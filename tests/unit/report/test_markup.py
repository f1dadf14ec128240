from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from ranvier.report.markup import Markup, element, escape, join


@given(st.text(), st.text())
def test_any_text_is_valid_xml_once_it_is_in_an_element(inner: str, attribute: str) -> None:
    made = element("p", inner, title=attribute)
    root = ElementTree.fromstring(made.encode("utf-8"))
    assert len(root) == 0
    assert set(root.attrib) == {"title"}


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_printable_text_reads_as_it_was_written(text: str) -> None:
    root = ElementTree.fromstring(element("p", text, title=text))
    assert (root.text or "") == text
    assert root.attrib["title"] == text


def test_lone_surrogates_and_reordering_characters_are_replaced() -> None:
    assert escape("a\ud800b\u202ec\x00d") == "a\N{REPLACEMENT CHARACTER}b\ufffdc\ufffdd"


def test_markup_is_written_as_it_stands_and_none_is_left_out() -> None:
    assert join([Markup("<i>a</i>"), None, ["<b>", 3]]) == "<i>a</i>&lt;b&gt;3"


def test_empty_elements_that_html_would_leave_open_are_closed() -> None:
    assert element("td") == "<td></td>"
    assert element("rect", x=1) == '<rect x="1"/>'
