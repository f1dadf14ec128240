"""The tables we know: an entry and a converter each.

The columns are those of the package, less what gives the answer away or says nothing of a row.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

from ranvier.core.errors import MissingExtraError
from ranvier.data.known.entry import DataSet, ReadMember, known

if TYPE_CHECKING:
    import polars as pl


@known(
    DataSet(
        name="iris",
        task="classification",
        target="species",
        rows=150,
        columns=5,
        package="scikit-learn",
        license="BSD-3-Clause",
        source="E. Anderson, R. A. Fisher (1936)",
        reference="linear discriminant analysis: accuracy 0.980, ten-fold",
    )
)
def iris(_: ReadMember) -> pl.DataFrame:
    """Three species of iris by the lengths of their leaves."""
    from sklearn.datasets import load_iris

    return _named_classes(load_iris(), "species")


@known(
    DataSet(
        name="wine",
        task="classification",
        target="cultivar",
        rows=178,
        columns=14,
        package="scikit-learn",
        license="BSD-3-Clause",
        source="M. Forina et al., PARVUS (1988); UCI",
        reference="linear discriminant analysis: accuracy 0.989, leave one out",
    )
)
def wine(_: ReadMember) -> pl.DataFrame:
    """Three cultivars of one Italian region by the chemistry of their wines."""
    from sklearn.datasets import load_wine

    return _named_classes(load_wine(), "cultivar")


@known(
    DataSet(
        name="breast-cancer",
        task="classification",
        target="diagnosis",
        rows=569,
        columns=31,
        package="scikit-learn",
        license="BSD-3-Clause",
        source="W. H. Wolberg, W. N. Street, O. L. Mangasarian (1993); UCI",
        reference="support vectors on scaled features: accuracy 0.975, ten-fold",
    )
)
def breast_cancer(_: ReadMember) -> pl.DataFrame:
    """Malignant or benign, by the shapes of cell nuclei."""
    from sklearn.datasets import load_breast_cancer

    return _named_classes(load_breast_cancer(), "diagnosis")


@known(
    DataSet(
        name="diabetes",
        task="regression",
        target="progression",
        rows=442,
        columns=11,
        package="scikit-learn",
        license="BSD-3-Clause",
        source="B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004)",
        reference="ordinary least squares: R² 0.48, ten-fold",
    )
)
def diabetes(_: ReadMember) -> pl.DataFrame:
    """The progress of diabetes a year on, by ten measurements of each patient."""
    from sklearn.datasets import load_diabetes

    # In their own units: scaling is fitted on the training rows alone, by whoever trains.
    return _table(load_diabetes(scaled=False), "progression")


@known(
    DataSet(
        name="digits",
        task="classification",
        target="digit",
        rows=1797,
        columns=65,
        package="scikit-learn",
        license="BSD-3-Clause",
        source="E. Alpaydin, C. Kaynak (1998), the test part; UCI",
        reference="support vectors: accuracy 0.987, ten-fold",
    )
)
def digits(_: ReadMember) -> pl.DataFrame:
    """Handwritten digits as 8 × 8 grey values from 0 to 16."""
    from sklearn.datasets import load_digits

    return _table(load_digits(), "digit")


@known(
    DataSet(
        name="employment",
        task="classification",
        target="employed",
        rows=277_677,
        columns=17,
        test_rows=208_892,
        package="nannyml",
        version="0.13.1",
        registry="PyPI",
        sha256="cf5f4a33489834ae6773cb1baa33a0f98c0a3ee6ed9b43049478b25ce22fe869",
        license="Apache-2.0",
        source="US Census Bureau, American Community Survey, Massachusetts 2015–2018",
        reference="gradient boosting, trained on 2015: AUC 0.905, accuracy 0.828 on 2016–2018",
    )
)
def employment(read: ReadMember) -> pl.DataFrame:
    """2015 is the training part, 2016 to 2018 the test."""
    import polars as pl

    reference, analysis, truth = (
        pl.read_parquet(io.BytesIO(read(f"nannyml/datasets/data/employment_MA_{part}.pq")))
        for part in ("reference", "analysis", "analysis_target")
    )
    later = analysis.join(truth, on="id", how="left", maintain_order="left", validate="1:1")
    # The package adds a model's own predictions; id and year tell only where a row stands.
    columns = [
        column
        for column in reference.columns
        if column not in ("id", "year", "prediction", "predicted_probability")
    ]
    return pl.concat([reference.select(columns), later.select(columns)])


@known(
    DataSet(
        name="letter",
        task="classification",
        target="lettr",
        rows=20_000,
        columns=17,
        test_rows=4_000,
        package="r-cran-mlbench",
        version="2.1-3-1",
        registry="Debian",
        sha256="2f1127f7b5e7d08703b13b52ef1976a0c355a7660d6ac575e29b87b13921bc06",
        license="GPL-2.0",
        source="P. W. Frey, D. J. Slate (1991); UCI",
        reference="nearest neighbour: accuracy 0.9565, first 16,000 / last 4,000",
    )
)
def letter(read: ReadMember) -> pl.DataFrame:
    """Capital letters in twenty fonts, distorted, by sixteen moments of their pixels."""
    member = "usr/lib/R/site-library/mlbench/data/LetterRecognition.rda"
    return _read_rda("letter", read(member), "LetterRecognition")


@known(
    DataSet(
        name="diamonds",
        task="regression",
        target="log_price",
        rows=53_940,
        columns=10,
        package="plotnine",
        version="0.15.9",
        registry="PyPI",
        sha256="36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
        license="MIT",
        source="H. Wickham, ggplot2: prices of 53,940 round cut diamonds",
        reference="gradient boosting: R² 0.992 of the log price, $277 mean error, random 80/20",
    )
)
def diamonds(read: ReadMember) -> pl.DataFrame:
    """The natural logarithm of the price in US dollars takes the price's place."""
    import polars as pl

    table = pl.read_csv(io.BytesIO(read("plotnine/data/diamonds.csv")))
    return table.with_columns(log_price=pl.col("price").log()).drop("price")


def _table(bunch: Any, target: str) -> pl.DataFrame:
    import polars as pl

    columns = {str(name): bunch.data[:, j] for j, name in enumerate(bunch.feature_names)}
    return pl.DataFrame({**columns, target: bunch.target})


def _named_classes(bunch: Any, target: str) -> pl.DataFrame:
    import polars as pl

    names = pl.Series(target, bunch.target_names[bunch.target].astype(object), dtype=pl.String)
    return _table(bunch, target).with_columns(names)


def _read_rda(name: str, content: bytes, variable: str) -> pl.DataFrame:
    try:
        import rdata
    except ImportError as error:
        raise MissingExtraError(
            f"{name}: reading R's data files needs the package rdata, which is not installed. "
            "Run: pip install 'ranvier[data]'"
        ) from error
    import polars as pl

    with tempfile.NamedTemporaryFile(suffix=".rda") as file, warnings.catch_warnings():
        # Older R files do not name their encoding; ours hold ASCII alone.
        warnings.filterwarnings("ignore", message="Unknown encoding")
        file.write(content)
        file.flush()
        frame = rdata.read_rda(file.name)[variable]
    return pl.DataFrame(
        {
            column: values.astype(str).tolist() if values.dtype.name == "category" else values
            for column, values in ((column, frame[column]) for column in frame.columns)
        }
    )
