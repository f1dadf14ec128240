"""Data on the way in: how layers refuse what cannot be."""

from __future__ import annotations

import pytest

from ranvier.core.errors import DataError, NetworkError, ShapeError
from ranvier.spec import (
    CategoryEncoding,
    Discretization,
    FeatureCross,
    Hashing,
    IntegerLookup,
    Normalization,
    StringLookup,
    TextVectorization,
)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Normalization((0, 1), (1, 1)),
            (3,),
            "network: Normalization got an input of shape (3,); expected (..., 2), the features it "
            "was fitted on. Give it the features in the same order, or fit it anew.",
        ),
        (
            CategoryEncoding(3, mode="count"),
            (),
            "network: CategoryEncoding got an input of shape (); expected (..., codes): several "
            "codes, which are taken together. Use mode='one_hot' for a single code.",
        ),
        (
            FeatureCross(((0, 3),), bins=5),
            (3,),
            "network: FeatureCross got an input of shape (3,); expected (..., codes) with at least "
            "4 columns of codes. Count columns from 0, and cross such as there are.",
        ),
        *(
            (
                layer,
                (),
                f"network: {type(layer).__name__} got an input of shape (); expected (..., bytes): "
                "texts as bytes. Encode the strings first, with encode_text.",
            )
            for layer in (Hashing(3, texts=True), StringLookup(("a",)), TextVectorization(("a",)))
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_its_path(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Normalization((0, 1), (1,)),
            "Normalization: got 2 means and 1 variances; expected one of each per feature.",
        ),
        (
            lambda: Normalization((0,), (-1,)),
            "Normalization.variance: got (-1,); expected as many numbers of at least 0 as means. "
            "Number 1 is -1; give a number of at least 0.",
        ),
        (
            lambda: Discretization((1, 1)),
            "Discretization.edges: got (1, 1); expected one rising edge or more.",
        ),
        (
            lambda: StringLookup(("a", "b", "a")),
            "StringLookup.vocabulary: got ('a', 'b', 'a'); expected one or more different strings. "
            "'a' stands in it twice.",
        ),
        (
            lambda: IntegerLookup(()),
            "IntegerLookup.vocabulary: got (); expected one or more different whole numbers.",
        ),
        (
            lambda: TextVectorization(("a",), mode="tf_idf"),
            "TextVectorization.idf: got no weights for 1 words in the mode 'tf_idf'; expected one "
            "per word in the mode 'tf_idf' and none else. TextVectorization.fit finds them.",
        ),
        (
            lambda: TextVectorization(("a",), mode="count", length=3),
            "TextVectorization.length: got 3 in the mode 'count', whose rows have a place per "
            "word; expected None. Leave it out, or use the mode 'int'.",
        ),
        (
            lambda: TextVectorization(("a",), mode="counts"),
            "TextVectorization.mode: got 'counts'; expected one of 'int', 'multi_hot', 'count', "
            "'tf_idf'. Did you mean 'count'?",
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize("data", [[], [[1.0], [float("nan")]]], ids=["empty", "missing"])
@pytest.mark.parametrize(
    "fit",
    [Normalization.fit, lambda data: Discretization.fit(data, bins=2)],
    ids=["normalization", "discretization"],
)
def test_data_that_is_empty_or_missing_is_refused(fit, data):
    with pytest.raises(DataError, match="expected one row or more of finite numbers. Fill or"):
        fit(data)
