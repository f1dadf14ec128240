"""What each column is taken for, decided on the training rows alone, with the reason in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import polars as pl

from ranvier.core.finding import Finding
from ranvier.data.tabular.coded import Signal, are_codes
from ranvier.data.tabular.schema import Column, TableSchema, category_option

# A category seen less often than this in a column of many is folded into "other": a network
# learns nothing about it but noise.
FOLD_ABOVE = 50
RARE_BELOW = 3
# ACS employment gains 0.0003 of AUC by schooling (24 levels) and relationship (18) as numbers too,
# and loses as much by the columns of 9 codes and fewer.
MAYBE_ORDERED = 10

_IDENTIFIER_NAME = re.compile(
    r"(^|[^a-z])(id|ids|uuid|guid|index|idx|rownames?|row_?(id|nr|num|number))$", re.IGNORECASE
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID)$")
_TIME_NAME = re.compile(r"year|month|day|date|time|age|hour", re.IGNORECASE)
_YES_NO = ({"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})


def infer_schema(
    columns: Iterable[pl.Series],
    *,
    roles: dict[str, Column],
    categories: Collection[str] = (),
    declared: Collection[str] = (),
    has_names: bool = True,
    signal: Signal | None = None,
) -> TableSchema:
    """The schema of training columns; `roles` holds those whose use the caller has settled.

    An identifier is left out only while something else is left to learn from. With the `signal`
    of the target, codes are told from counts, but in columns that are `declared` categories.
    """
    found = []
    for series in columns:
        if series.name in roles:
            found.append(roles[series.name])
            continue
        as_category = series.name in categories
        column = infer_column(series, as_category=as_category, has_names=has_names)
        if series.name in declared:
            found.append(_as_declared(column, series))
        else:
            found.append(_with_codes(column, series, signal))
    if not any(column.is_feature for column in found):
        found = [_keep_as_number(column) for column in found]
    return TableSchema(tuple(found))


def _as_declared(column: Column, series: pl.Series) -> Column:
    """Numbers that the source itself calls categories are categories; where there are many whole
    ones, they are given as a number too, since so many are seldom without order."""
    if column.kind != "numeric":
        return column
    if series.n_unique() <= MAYBE_ORDERED or not column.why.endswith("whole numbers"):
        return Column(column.name, "category", f"{column.why}, which the source calls categories")
    why = f"{column.why}, which the source calls categories: given as both"
    return Column(column.name, "numeric", why, also_category=True)


def _with_codes(column: Column, series: pl.Series, signal: Signal | None) -> Column:
    """Whole numbers that jump about in the target are given to the network as categories too."""
    if signal is None or column.kind != "numeric" or not column.why.endswith("whole numbers"):
        return column
    numbers = series.gather(signal.rows).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if not are_codes(numbers, signal):
        return column
    why = f"{column.why}, which jump like codes: given as a number and as a category"
    return Column(column.name, "numeric", why, also_category=True)


def _keep_as_number(column: Column) -> Column:
    if column.kind == "identifier" and column.why.startswith("whole"):
        return Column(column.name, "numeric", f"{column.why}, but there is no other feature")
    return column


def infer_column(series: pl.Series, *, as_category: bool, has_names: bool) -> Column:
    """The kind of one column of training values."""
    name = series.name
    if series.dtype.is_float():
        series = series.set(~series.is_finite().fill_null(True), None)
    present = series.drop_nulls()
    if present.is_empty():
        return Column(name, "empty", "no value in any training row")
    distinct = present.n_unique()
    if distinct == 1 and len(present) == len(series):
        return Column(name, "constant", f"every training row says {present[0]!r}")
    if as_category:
        return Column(name, "category", f"{_values(distinct, 'value')}, as asked")
    if present.dtype == pl.Boolean:
        return Column(name, "boolean", "true or false")
    if present.dtype.is_temporal():
        return Column(name, "date", f"from {_day(present.min())} to {_day(present.max())}")
    if present.dtype.is_numeric():
        may_number_rows = has_names and len(present) == len(series)
        return _number(name, present, distinct, may_number_rows=may_number_rows)
    return _words(name, present, distinct)


def _day(moment: object) -> str:
    return str(moment)[:10]


def _values(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} different {noun}s"


def _number(name: str, present: pl.Series, distinct: int, *, may_number_rows: bool) -> Column:
    whole = present.dtype.is_integer() or bool((present % 1 == 0).all())
    if not whole:
        return Column(name, "numeric", _values(distinct, "number"))
    if distinct <= 2:
        listed = " and ".join(f"{value:g}" for value in sorted(present.unique()))
        return Column(name, "boolean", f"whole numbers, only {listed}")
    if may_number_rows and distinct == len(present) and _numbers_rows(name, present):
        return Column(name, "identifier", "whole numbers, another one in every row")
    return Column(name, "numeric", f"{distinct:,} different whole numbers")


def _numbers_rows(name: str, present: pl.Series) -> bool:
    """All different, and called an identifier or (nearly) counting up without a gap."""
    if len(present) < 20:
        return False
    if _IDENTIFIER_NAME.search(name) or _CAMEL_ID.search(name):
        return True
    # The training rows are a sample of the rows, so a running number has gaps of a row or two.
    numbers = present.to_numpy()
    reach = float(numbers.max()) - float(numbers.min()) + 1
    return reach < 2 * len(present) and not _TIME_NAME.search(name)


def _words(name: str, present: pl.Series, distinct: int) -> Column:
    lowered = set(present.unique().str.to_lowercase()) if distinct <= 2 else set()
    if any(lowered == pair for pair in _YES_NO):
        return Column(name, "boolean", " or ".join(sorted(lowered, reverse=True)))
    share = distinct / len(present)
    sample = present.head(2_000)
    num_words = int(sample.str.count_matches(r"\s+").sum()) / len(sample) + 1
    length = int(sample.str.len_chars().sum()) / len(sample)
    if share > 0.5 and len(present) >= 10 and (num_words >= 3 or length > 60):
        return Column(name, "text", f"{num_words:.0f} words a cell, nearly all cells different")
    if share >= 0.9 and len(present) >= 10:
        return Column(name, "identifier", f"{distinct:,} different words in {len(present):,} rows")
    if distinct > FOLD_ABOVE:
        return _many_words(name, present, distinct)
    return Column(name, "category", _values(distinct, "word"))


def _many_words(name: str, present: pl.Series, distinct: int) -> Column:
    counts = present.value_counts()[:, 1]
    rare = int((counts < RARE_BELOW).sum())
    if rare == distinct:
        why = f"{distinct:,} different words, none in {RARE_BELOW} training rows or more"
        return Column(name, "identifier", why)
    folded = f", {rare:,} of them in under {RARE_BELOW} rows: these become 'other'" if rare else ""
    return Column(name, "category", f"{distinct:,} different words{folded}")


_ADVICE = {
    "constant": ("a column never varies", "It was left out; it can tell nothing.", 26),
    "empty": ("a column is empty", "It was left out; fill it in if it should say something.", 26),
    "identifier": (
        "a column only names the rows",
        (
            "It was left out: learned by heart, it would not help with new rows. Read it as a "
            "category with `{option}` if its values repeat in new data."
        ),
        0,
    ),
    "text": (
        "a column holds free text",
        (
            "It was left out: a table's network does not read text. Turn it into columns of "
            "numbers or categories, or read it as categories with `{option}`."
        ),
        0,
    ),
}


def schema_findings(
    schema: TableSchema, *, notes: dict[str, str], infinite: dict[str, int]
) -> tuple[Finding, ...]:
    """What there is to say about the columns: left out, or read in a way worth knowing.

    `infinite` counts the infinite values of each column.
    """
    findings = []
    for column in schema:
        if column.kind in _ADVICE:
            symptom, advice, number = _ADVICE[column.kind]
            findings.append(
                Finding(
                    "warning",
                    f"{symptom}: {column.why}",
                    "data",
                    f"column {column.name!r}",
                    advice.format(option=category_option(column.name)),
                    number=number,
                )
            )
        elif column.name in notes and column.is_feature:
            findings.append(_note(column.name, notes[column.name]))
        elif column.kind == "numeric" and (count := infinite.get(column.name, 0)):
            findings.append(
                Finding(
                    "warning",
                    f"{count:,} values are infinite",
                    "data",
                    f"column {column.name!r}",
                    "They were read as missing. Mend them, or mark them in a column of their own.",
                    evidence={"infinite": count},
                )
            )
    return tuple(findings)


def _note(name: str, note: str) -> Finding:
    return Finding(
        "information", note, "data", f"column {name!r}", "Write it another way if this is wrong."
    )
