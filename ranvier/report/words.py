"""Numbers, durations and metrics as people say them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from ranvier.report.metric_words import METRICS, MetricWords

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "–"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a finite number; a JSON null, a text and a boolean are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object, *, digits: int = 4) -> str:
    """A number with as many significant digits as help, thousands set apart.

    >>> number(1234567), number(0.98765), number(2.5e-7), number(None)
    ('1,234,567', '0.9877', '2.5 × 10⁻⁷', '–')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, digits)
    return NOTHING if value is None else str(value)


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "not finite"
    if isinstance(value, int) and abs(value) < 1e15:
        return f"{value:,}".replace("-", "−")
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 9:
        mantissa, _, power = f"{value:.{max(digits - 2, 0)}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPTS)}"
    else:
        text = f"{value:,.{max(digits - 1 - size, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


# These have the unit of the target or none at all, and so no size of their own.
ANY_SIZE = ("rmse", "mse", "mae", "median_absolute_error", "mape", "log_loss", "loss",
            "pinball", "crps_samples", "crps_quantiles", "crps_gaussian", "interval_width",
            "interval_score", "perplexity", "edit_distance", "episode_return", "discounted_return",
            "episode_length")  # fmt: skip


def score(value: object, metric: str | None = None) -> str:
    """A metric, with as many decimals as its neighbours in a table.

    >>> score(0.755), score(1234.5678), score(None), score(-3e-5, "r2"), score(3e-5, "rmse")
    ('0.7550', '1,235', '–', '0.0000', '3 × 10⁻⁵')
    >>> score(48.2, "rmse")
    '48.20'
    """
    if is_number(value) and metric in METRICS and metric not in ANY_SIZE and abs(value) < 10:
        return f"{value:z.4f}".replace("-", "−")
    if is_number(value) and 10 <= abs(value) < 1000:
        return f"{value:.{2 if abs(value) < 100 else 1}f}".replace("-", "−")
    if is_number(value) and (value == 0 or 1e-3 <= abs(value) < 10):
        return f"{value:.4f}".replace("-", "−")
    return number(value)


def compact(value: float) -> str:
    """A number as short as an axis wants it.

    >>> compact(1_500_000.0), compact(20_000.0), compact(0.25), compact(5000.0), compact(1e15)
    ('1.5M', '20k', '0.25', '5,000', '1 × 10¹⁵')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size <= abs(value) < 1e12:
            return number(value / (1e3 if unit == "k" else size), digits=3) + unit
    is_short = float(value).is_integer() and abs(value) < 1e12
    return number(int(value) if is_short else value, digits=3)


def percent(share: object, *, digits: int = 1) -> str:
    """A share between 0 and 1 in hundredths.

    >>> percent(0.1234).replace("\\N{NO-BREAK SPACE}", " ")
    '12.3 %'
    """
    if not is_number(share):
        return NOTHING
    text = f"{100 * share:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{NO_BREAK_SPACE}%"


def chance(probability: object) -> str:
    """A probability in hundredths that is never said to be 0 or 1 when it only is near.

    >>> [chance(p).replace("\\N{NO-BREAK SPACE}", " ") for p in (0.5, 1.0, 0.99996, 0.00004)]
    ['50 %', '100 %', '> 99.9 %', '< 0.1 %']
    """
    if is_number(probability) and 0 < probability < 0.0005:
        return f"<{NO_BREAK_SPACE}{percent(0.001)}"
    if is_number(probability) and 0.9995 < probability < 1:
        return f">{NO_BREAK_SPACE}{percent(0.999)}"
    return percent(probability)


def duration(seconds: object) -> str:
    """Seconds as a person would say them.

    >>> [duration(value).replace("\\N{NO-BREAK SPACE}", " ") for value in (2.345, 75, 3700)]
    ['2.3 s', '1 min 15 s', '1 h 2 min']
    """
    if not is_number(seconds):
        return NOTHING
    if seconds < 60:
        text = f"{number(float(seconds), digits=2)} s"
    elif seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        text = f"{minutes} min {rest} s"
    else:
        hours, minutes = divmod(round(seconds / 60), 60)
        text = f"{hours} h {minutes} min"
    return text.replace(" ", NO_BREAK_SPACE)


def count(amount: object, noun: str, *, plural: str | None = None) -> str:
    """An amount with its noun.

    >>> count(1, "row").replace("\\N{NO-BREAK SPACE}", " ")
    '1 row'
    >>> count(2000, "class", plural="classes").replace("\\N{NO-BREAK SPACE}", " ")
    '2,000 classes'
    """
    return f"{number(amount)}{NO_BREAK_SPACE}{noun if amount == 1 else plural or noun + 's'}"


def shorten(text: object, length: int) -> str:
    """At most `length` characters of `text`, the cut marked.

    >>> shorten("a long name", 6)
    'a lon…'
    """
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def said(value: object) -> str:
    """A setting's value in words: a named thing with its options goes as name and options.

    >>> said({"kind": "cosine", "warmup": 0.02, "nesterov": True, "floor": None})
    'cosine, warmup 0.02, nesterov'
    >>> said(0.25), said(["age", "city"]), said(None), said(False)
    ('0.25', 'age, city', '–', 'no')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        options = [_option(str(name), option) for name, option in value.items() if name != "kind"]
        kind = [said(value["kind"])] if "kind" in value else []
        return ", ".join([*kind, *filter(None, options)]) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(said(part) for part in value) or "none"
    return number(value, digits=6)


def _option(name: str, value: object) -> str | None:
    if value is None or value is False:
        return None
    words = name.replace("_", " ")
    return words if value is True else f"{words} {said(value)}"


def tail(path: str, length: int) -> str:
    """At most `length` characters of a layer's or parameter's path: its end tells it apart.

    >>> tail("repeat_2.0.residual_0.dense_1.weight", 16)
    '….dense_1.weight'
    >>> tail("dense_1.weight", 16)
    'dense_1.weight'
    """
    return path if len(path) <= length else "…" + path[1 - length :]


# What is asked of a result first; everything else is a closer look.
HEADLINES = ("accuracy", "balanced_accuracy", "roc_auc", "f1", "log_loss", "rmse", "mae", "r2")


def headlines(names: Iterable[str], *, primary: str | None) -> tuple[list[str], list[str]]:
    """The metrics to show at once, the primary one first, and the rest.

    >>> headlines(["accuracy", "brier", "roc_auc"], primary="roc_auc")
    (['roc_auc', 'accuracy'], ['brier'])
    """
    known = sorted(names, key=lambda name: name != primary)
    first = [name for name in known if name == primary or name in HEADLINES]
    if not first:
        return known, []
    return first, [name for name in known if name not in first]


def of_pictures(words: str) -> str:
    """What is said of rows, said of pictures.

    >>> of_pictures("Rows called so, and each row of data that is")
    'Pictures called so, and each picture that is'
    """
    return re.sub(r"\b([Rr])ow(s?)\b( of data)?", _picture, words)


def _picture(row: re.Match[str]) -> str:
    return f"{'P' if row[1] == 'R' else 'p'}icture{row[2]}"


SPLIT_ROWS = {"train": "training row", "validation": "validation row", "test": "test row"}


def metric_words(name: str) -> MetricWords:
    """The words for a metric; one that is not known here keeps its name and counts upwards."""
    return METRICS.get(name, MetricWords(name.replace("_", " "), ""))
