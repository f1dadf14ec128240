"""The whole way from a source to tensors: read, type, split, fit on the training rows, encode."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.core.finding import Finding
from ranvier.data.class_weights import class_balanced
from ranvier.data.split import Split
from ranvier.data.tabular.coded import signal_of
from ranvier.data.tabular.divide import divide, overlap_finding
from ranvier.data.tabular.encode import Form, TableEncoder
from ranvier.data.tabular.fingerprint import fingerprint
from ranvier.data.tabular.fit import EncoderOptions, fit_encoder
from ranvier.data.tabular.infer import infer_schema, schema_findings
from ranvier.data.tabular.numbers import trimmed
from ranvier.data.tabular.profile import profile_table
from ranvier.data.tabular.read import Table, read_source
from ranvier.data.tabular.roles import Roles, read_weights, settle_roles
from ranvier.data.tabular.scaling import DEFAULT_SCALING, ScalingMethod
from ranvier.data.tabular.schema import Column, TableSchema
from ranvier.data.tabular.table_data import Rows, TableData
from ranvier.data.tabular.target import Target, read_target
from ranvier.data.tabular.typed import Typed, typed
from ranvier.runs.settings import TrainSettings


def prepare(
    source: Any,
    settings: TrainSettings,
    *,
    form: Form = "codes",
    scaling: ScalingMethod = DEFAULT_SCALING,
) -> TableData:
    """The rows of `source` as tensors, split before anything is fitted.

    `form` is `codes` for a network with embeddings of its own, `one_hot` for any other.

    Raises:
        SourceError: data that is not there or cannot be read.
        DataError: data that cannot be trained on as it stands.
    """
    table = read_source(source)
    default = _default_target(table)
    roles = settle_roles(table.frame.columns, settings, default=default, source=table.source)
    kept = replace(table, frame=table.frame.drop(roles.ignore))
    values = typed(kept, categories=roles.categories)
    target = read_target(values.frame[roles.target], table.source, task=settings.task)
    split, copies = divide(values.frame, target, roles, settings, table.source)
    train_rows, train_truth = target.rows[split.train], target.truth[split.train]
    schema = _schema(table, values, target, split, roles)
    options = EncoderOptions(form=form, scaling=scaling, split_time=roles.time)
    encoder = fit_encoder(values, train_rows, schema, target.task, train_truth, options=options)
    _check_learnable(encoder, target, split, table.source)
    inner = _inner_parts(table, values, target, split, encoder, roles, settings)
    outside = _outside_parts(settings, encoder, roles)
    parts = inner | outside
    said = schema_findings(schema, notes=values.notes, infinite=_infinite(values.frame, schema))
    leaks = _overlaps(inner["train"], outside)
    return TableData(
        task=target.task,
        why=target.why,
        schema=schema,
        encoder=encoder,
        train=inner["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        findings=(*_source_findings(table), *target.findings, *said, *copies, *leaks),
        profile=profile_table(values.frame, schema, target.task, train=train_rows),
        split=_sentence(split, outside),
        fingerprint=_joint_fingerprint(table, outside),
        source=table.source,
    )


def _default_target(table: Table) -> str:
    """The last column, or the one that a known data set is about."""
    from ranvier.data.known import is_known, target_of

    if is_known(table.source) and (known := target_of(table.source)) in table.frame.columns:
        return known
    return table.frame.columns[-1]


def _schema(table: Table, values: Typed, target: Target, split: Split, roles: Roles) -> TableSchema:
    """The kinds of all columns of the source, from its training rows."""
    train = target.rows[split.train]
    is_moment = bool(roles.time) and values.frame[roles.time or ""].dtype.is_temporal()
    settled = roles.columns(time_is_moment=is_moment)
    settled[roles.target] = Column(roles.target, "target", f"{target.task.kind}: {target.why}")
    columns = (
        table.frame[name].head(0) if name in settled else values.frame[name].gather(train)
        for name in table.frame.columns
    )
    return infer_schema(
        columns,
        roles=settled,
        categories=roles.categories,
        declared=values.declared,
        has_names=table.has_names,
        signal=signal_of(target.truth[split.train], target.task),
    )


def _check_learnable(encoder: TableEncoder, target: Target, split: Split, source: str) -> None:
    if not encoder.layout.features:
        reasons = "; ".join(
            f"{column.name!r} is {column.kind} ({column.why})"
            for column in encoder.schema
            if column.kind != "target"
        )
        raise DataError(
            f"{source}: no column is left to learn from: {reasons}. Expected at least one feature "
            "that varies. Bring other columns, or read a column as categories with "
            "`--set categories=NAME`."
        )
    truth = target.truth[split.train]
    if len(np.unique(truth)) < 2:
        raise DataError(
            f"{source}, target {target.task.target!r}: all {len(truth):,} training rows have the "
            "same value; there is nothing to learn. Bring more rows, or split in another way."
        )


def _inner_parts(
    table: Table,
    values: Typed,
    target: Target,
    split: Split,
    encoder: TableEncoder,
    roles: Roles,
    settings: TrainSettings,
) -> dict[str, Rows]:
    """The parts that come out of the source itself, those that have rows."""
    weights = read_weights(values.frame[roles.weight], table.source) if roles.weight else None
    parts: dict[str, Rows] = {}
    for name in ("train", "validation", "test"):
        rows = target.rows[getattr(split, name)]
        if len(rows) == 0:
            continue
        targets, truth = encoder.targets(values.frame, rows=rows)
        own = None if weights is None else weights[rows]
        is_balanced = name == "train" and settings.class_weight == "balanced"
        weight = class_balanced(truth, own, encoder.task) if is_balanced else own
        inputs = encoder.encode(values.frame, rows=rows)
        parts[name] = Rows(inputs, targets, truth, weight, own, rows + 1, table.frame)
    return parts


def labelled_rows(
    encoder: TableEncoder, source: Any, *, weight: str | None = None, where: str | None = None
) -> Rows:
    """A source with targets, encoded as training was; rows without a target are left out.

    Raises:
        SourceError: data that is not there or cannot be read.
        DataError: columns that do not fit, naming the source.
    """
    table = read_source(source, where=where)
    try:
        rows = _rows_with_target(table.frame, encoder.task.target)
        targets, truth = encoder.targets(table.frame, rows=rows)
        inputs = encoder.encode(table.frame, rows=rows)
    except DataError as error:
        raise DataError(f"{table.source}: {error}") from error
    weights = None
    if weight is not None and weight in table.frame.columns:
        weights = read_weights(table.frame[weight], table.source)[rows]
    return Rows(inputs, targets, truth, weights, weights, rows + 1, table.frame)


def _rows_with_target(frame: pl.DataFrame, name: str) -> NDArray[np.int64]:
    if name not in frame.columns:
        return np.arange(frame.height)
    column = frame[name]
    if column.dtype == pl.String:
        column = trimmed(column)
    rows = column.is_not_null().arg_true().to_numpy().astype(np.int64)
    if len(rows) == 0:
        raise DataError(f"target {name!r}: all values are missing; expected some to hold against.")
    return rows


def _outside_parts(settings: TrainSettings, encoder: TableEncoder, roles: Roles) -> dict[str, Rows]:
    """The parts that have a source of their own."""
    sources = {"validation": settings.validation, "test": settings.test}
    return {
        part: labelled_rows(encoder, source, weight=roles.weight)
        for part, source in sources.items()
        if source is not None
    }


def _source_findings(table: Table) -> tuple[Finding, ...]:
    advice = "Nothing to do if this is right."
    return tuple(
        Finding(
            "warning" if "looks like data" in note else "information",
            note,
            "data",
            table.source,
            advice,
        )
        for note in table.notes
    )


def _infinite(frame: pl.DataFrame, schema: TableSchema) -> dict[str, int]:
    names = [column.name for column in schema.features if frame[column.name].dtype.is_float()]
    return {name: int(frame[name].is_infinite().sum()) for name in names}


def _overlaps(train: Rows, outside: dict[str, Rows]) -> tuple[Finding, ...]:
    """Copies of training rows in a source of validation or test rows, as the network sees them."""
    findings: list[Finding] = []
    for part, rows in outside.items():
        mine, other = (
            pl.DataFrame(one.inputs).with_columns(pl.Series("truth", one.truth))
            for one in (train, rows)
        )
        findings += overlap_finding(mine, other, f"{part} source", "the source")
    return tuple(findings)


def _sentence(split: Split, outside: dict[str, Rows]) -> str:
    own = [
        f"{len(rows):,} rows to {_VERB[part]} from their own source"
        for part, rows in outside.items()
    ]
    return "; ".join([split.sentence, *own])


_VERB = {"validation": "validate", "test": "test"}


def _joint_fingerprint(table: Table, outside: dict[str, Rows]) -> str:
    """Of the source, joined with those of the other sources where there are any."""
    own = fingerprint(table.frame)
    if not outside:
        return own
    others = [f"{part} {fingerprint(rows.frame)}" for part, rows in outside.items()]
    return hashlib.sha256(" ".join([own, *others]).encode()).hexdigest()
