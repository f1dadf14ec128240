"""A linear model on the same pixels: multinomial logistic regression, pixels between 0 and 1.

    python -m benchmarks.pictures.linear ARRAYS [--search]

With `--search` its penalty is chosen by cross-validation, which few pictures make worth it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from benchmarks.pictures.curve import Arrays, read

# One over the weight of the penalty.
STRENGTHS = tuple(10.0**power for power in range(-4, 3))


def fit(arrays: Arrays, *, search: bool) -> dict[str, Any]:
    inputs, test_inputs = (
        arrays[name].reshape(len(arrays[name]), -1).astype(np.float32) / 255
        for name in ("inputs", "test_inputs")
    )
    model = LogisticRegression(max_iter=1000)
    cpu, wall = time.process_time(), time.perf_counter()
    if search:
        model = GridSearchCV(model, {"C": STRENGTHS}).fit(inputs, arrays["targets"]).best_estimator_
    else:
        model.fit(inputs, arrays["targets"])
    spent, waited = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "accuracy": float(model.score(test_inputs, arrays["test_targets"])),
        "processor_seconds": spent,
        "wall_seconds": waited,
        "parameters": int(model.coef_.size + model.intercept_.size),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--search", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(fit(read(arguments.arrays), search=arguments.search)))


if __name__ == "__main__":
    main()
