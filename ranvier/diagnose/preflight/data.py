"""The rows themselves, before a network sees them: scale, gaps, copies, order, labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ranvier.diagnose.evidence import InputFacts, SplitFacts, TargetFacts

# Moments of so many numbers are those of all but for a thousandth.
MOST_NUMBERS = 2**22
# So many numbers at a time are looked through for what must not be missed in any row.
AT_ONCE = 2**22
NAMED_ROWS = 16
# So many rows are looked up one by one, and of so many numbers at most.
MOST_ROWS, MOST_KEYED = 200_000, 2**26
# Nearness is judged on so many rows and features; nearer than this share of the usual is a copy.
NEAR_ROWS, NEAR_FEATURES, NEAR = 1500, 256, 0.01


def input_facts(inputs: Tensor, *, names: Sequence[str] = ()) -> InputFacts:
    """Form, moments and gaps of inputs `[N, …]`; of a table `[N, F]` per feature."""
    form = _form(inputs)
    flat = _columns(_sample(inputs), form).double()
    finite = torch.isfinite(flat)
    # Sums of what is finite only: one NaN must not hide the scale of all others.
    count = finite.sum(0).clamp(min=1)
    known = torch.where(finite, flat, 0.0)
    mean = known.sum(0) / count
    std = torch.where(finite, (flat - mean) ** 2, 0.0).sum(0).div(count).sqrt()
    least, most, broken = _extremes(inputs, form)
    is_indicator = ((known == 0) | (known == 1)).all(0) & (least >= 0) & (most <= 1)
    return InputFacts(
        form=form,
        rows=len(inputs),
        shape=tuple(inputs.shape[1:]),
        mean=tuple(mean.tolist()),
        # What is left of rounding is no spread.
        std=tuple(torch.where(most > least, std, 0.0).tolist()),
        least=tuple(least.tolist()),
        most=tuple(most.tolist()),
        non_finite=len(broken),
        non_finite_rows=tuple(broken[:NAMED_ROWS]),
        indicators=tuple(is_indicator.tolist()),
        names=tuple(names) if len(names) == flat.shape[1] else (),
        duplicates=_duplicates(inputs),
    )


def _columns(rows: Tensor, form: str) -> Tensor:
    """The rows as `[N, F]` of a table, `[numbers, 1]` of all else."""
    return rows.reshape(len(rows), -1) if form == "table" else rows.reshape(-1, 1)


def _extremes(inputs: Tensor, form: str) -> tuple[Tensor, Tensor, list[int]]:
    """The least and largest finite value of each column, and the rows that hold anything else.

    Bytes hold nothing else, and lie on a disk where they are many: of those a sample is looked at.
    """
    if inputs.dtype == torch.uint8:
        low, high = torch.aminmax(_columns(_sample(inputs), form), dim=0)
        return low.double(), high.double(), []
    per_row = max(1, inputs[:1].numel())
    lows, highs, broken = [], [], []
    for start in range(0, len(inputs), size := max(1, AT_ONCE // per_row)):
        part = inputs[start : start + size]
        columns = _columns(part, form)
        low, high = torch.aminmax(columns, dim=0)
        # NaN and infinities go through to the extremes, so that whole rows are tested rarely.
        if not bool(torch.isfinite(low + high).all()):
            finite = torch.isfinite(part.reshape(len(part), -1))
            broken += ((~finite.all(1)).nonzero().flatten() + start).tolist()
            is_known = _columns(finite.reshape(part.shape), form)
            low = torch.where(is_known, columns, torch.inf).amin(0)
            high = torch.where(is_known, columns, -torch.inf).amax(0)
        lows.append(low.double())
        highs.append(high.double())
    return torch.stack(lows).amin(0), torch.stack(highs).amax(0), broken


def _duplicates(inputs: Tensor) -> float | None:
    """The share of rows of which an equal one stands before them; None where they are too large."""
    if inputs[:MOST_ROWS].numel() > MOST_KEYED:
        return None
    keys = _keys(inputs[:MOST_ROWS])
    return 1 - len(set(keys)) / max(1, len(keys))


def _form(inputs: Tensor) -> str:
    if not inputs.is_floating_point() and inputs.dtype != torch.uint8:
        return "tokens"
    return {1: "table", 2: "table", 3: "sequence"}.get(inputs.ndim, "picture")


def _sample(inputs: Tensor) -> Tensor:
    """All rows, or as many evenly spaced ones as `MOST_NUMBERS` allows."""
    per_row = max(1, inputs[:1].numel())
    step = -(-len(inputs) * per_row // MOST_NUMBERS)
    return inputs[:: max(1, step)]


def target_facts(
    targets: Tensor, *, form: str | None = None, classes: Sequence[str] = ()
) -> TargetFacts:
    """Form, counts or moments of targets `[N]` or `[N, P]`.

    Whole numbers are classes, rows of 0 and 1 indicators, rows that sum to 1 a distribution; all
    else is numbers, unless `form` says so.
    """
    form = form or _target_form(targets)
    shape = tuple(targets.shape[1:])
    if form == "classes":
        counts = torch.bincount(targets.flatten().long().clamp(min=0), minlength=len(classes))
        return TargetFacts(
            form=form,
            shape=shape,
            counts=tuple(counts.tolist()),
            classes=tuple(map(str, classes)),
            least=float(targets.min()),
            most=float(targets.max()),
        )
    values = targets.double()
    finite = values[torch.isfinite(values)]
    broken = values.numel() - finite.numel()
    if not finite.numel():
        return TargetFacts(form=form, shape=shape, non_finite=broken)
    counts = values.nan_to_num(0).reshape(len(values), -1).sum(0)
    if form == "indicators" and len(counts) == 1:
        counts = torch.cat([len(values) - counts, counts])
    return TargetFacts(
        form=form,
        shape=shape,
        counts=tuple(counts.round().long().tolist()) if form != "numbers" else (),
        mean=float(finite.mean()),
        std=float(finite.std(unbiased=False)),
        least=float(finite.min()),
        most=float(finite.max()),
        non_finite=broken,
    )


def _target_form(targets: Tensor) -> str:
    if not targets.is_floating_point():
        is_wide = targets.ndim > 1 and targets.shape[-1] > 1
        return "indicators" if is_wide and int(targets.max()) <= 1 else "classes"
    values = targets.reshape(len(targets), -1)
    is_binary = bool(((values == 0) | (values == 1)).all())
    if values.shape[1] > 1 and bool((values >= 0).all()):
        sums = values.sum(1)
        if bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-4).all()):
            return "distribution"
    return "indicators" if is_binary else "numbers"


def split_facts(
    inputs: Tensor,
    targets: Tensor,
    held_out: Tensor,
    held_out_targets: Tensor,
    *,
    names: Sequence[str] = (),
) -> SplitFacts:
    """Rows that stand on both sides of a split, and how far the two sides lie apart."""
    form = _target_form(targets)
    label_drift = label_distance = None
    if form in ("classes", "indicators", "distribution"):
        one, other = _shares(targets, form), _shares(held_out_targets, form)
        width = max(len(one), len(other))
        apart = np.abs(_padded(one, width) - _padded(other, width))
        label_drift, label_distance = float(apart.max()), float(apart.sum() / 2)
    drift = _drift(inputs, held_out, names)
    return SplitFacts(
        rows=len(held_out),
        shared=_shared(inputs, held_out),
        near=_near(inputs, held_out),
        label_drift=label_drift,
        label_distance=label_distance if form == "classes" else None,
        feature_drift=None if drift is None else drift[0],
        feature=None if drift is None else drift[1],
    )


def _shared(inputs: Tensor, held_out: Tensor) -> float | None:
    """The share of held-out rows of which a copy stands among the others; None of too much."""
    if inputs.numel() + held_out.numel() > MOST_KEYED:
        return None
    known = set(_keys(inputs))
    found = [key in known for key in _keys(held_out)]
    return sum(found) / max(1, len(found))


def _keys(tensor: Tensor) -> list[int]:
    """A number for each row that equal rows share. Minus zero is zero."""
    rows = tensor.detach().reshape(len(tensor), -1).cpu()
    rows = rows.float() if rows.dtype == torch.bfloat16 else rows
    array = np.ascontiguousarray((rows + 0 if rows.is_floating_point() else rows).numpy())
    return [hash(row.tobytes()) for row in array]


def _near(inputs: Tensor, held_out: Tensor) -> float | None:
    """The share of held-out rows with a training row nearer than a hundredth of the usual.

    The usual is the median distance between training rows. On at most 1,500 rows of each side,
    drawn evenly, and 256 features.
    """
    if _form(inputs) == "tokens" or len(inputs) < 2:
        return None
    one, other = (_spaced_features(each) for each in (inputs, held_out))
    std = one.std(0, unbiased=False)
    scale = torch.where(std > 0, std, 1.0)
    usual = torch.cdist(one[:NEAR_ROWS:3] / scale, one[1:NEAR_ROWS:3] / scale).median()
    nearest = torch.cdist(other / scale, one / scale).amin(1)
    return float((nearest < NEAR * usual).double().mean()) if float(usual) > 0 else None


def _spaced_features(rows: Tensor) -> Tensor:
    few = rows[:: max(1, -(-len(rows) // NEAR_ROWS))]
    flat = few.reshape(len(few), -1)
    return flat[:, :: max(1, -(-flat.shape[1] // NEAR_FEATURES))].double().nan_to_num(0).cpu()


def _shares(targets: Tensor, form: str) -> np.ndarray:
    if form == "classes":
        counts = torch.bincount(targets.flatten().long().clamp(min=0)).double()
        return (counts / counts.sum().clamp(min=1)).numpy()
    return targets.double().reshape(len(targets), -1).mean(0).numpy()


def _padded(values: np.ndarray, width: int) -> np.ndarray:
    return np.pad(values, (0, width - len(values)))


def _drift(
    inputs: Tensor, held_out: Tensor, names: Sequence[str]
) -> tuple[float, str | None] | None:
    """The largest distance between the means of a feature, in its standard deviations, and its
    name.

    Beyond what so few rows do by chance: less three standard errors.
    """
    if _form(inputs) == "tokens":
        return None
    one, other = (_sample(each) for each in (inputs, held_out))
    one, other = (each.reshape(len(each), -1).double() for each in (one, other))
    is_table = _form(inputs) == "table"
    if not is_table:
        one, other = one.mean(1, keepdim=True), other.mean(1, keepdim=True)
    std = one.std(0, unbiased=False)
    error = std * (1 / len(one) + 1 / len(other)) ** 0.5
    apart = ((one.mean(0) - other.mean(0)).abs() - 3 * error).clamp(min=0)
    relative = torch.where(std > 0, apart / std, 0.0).nan_to_num(0)
    if not relative.numel():
        return None
    worst = int(relative.argmax())
    name = names[worst] if worst < len(names) else f"feature {worst}"
    return float(relative[worst]), name if is_table and float(relative[worst]) else None
