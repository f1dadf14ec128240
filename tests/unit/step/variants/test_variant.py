"""What a variant says of itself, and what it refuses."""

from __future__ import annotations

import json

import pytest

from ranvier.core.errors import ConfigError
from ranvier.step.variants import Variant


def test_a_variant_comes_back_from_json_as_it_was() -> None:
    variant = Variant(number_format="bfloat16", attention="plain", recurrent="fused", threads=3)
    assert Variant.from_json(json.loads(json.dumps(variant.to_json()))) == variant


def test_threads_alone_leave_a_variant_plain() -> None:
    assert Variant(threads=2).is_plain
    assert not Variant(layout="channels_first").is_plain


def test_a_number_format_that_is_not_known_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown number format 'bfloat'.*'bfloat16'"):
        Variant(number_format="bfloat")


def test_no_thread_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="threads=0: expected at least one"):
        Variant(threads=0)


@pytest.mark.parametrize(
    "document", [{"atention": "plain"}, {"threads": "two"}, {"threads": True}], ids=str
)
def test_a_document_that_is_no_variant_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Variant.from_json(document)
