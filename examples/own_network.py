"""A network of one's own on a table in memory: describe it, train it, ask it.

Run it: python examples/own_network.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sklearn.datasets import load_diabetes

import ranvier as rv


def main(epochs: int = 60) -> dict[str, float]:
    """Train on 442 patients and print what came of it; returns the metrics on the test rows."""
    table = load_diabetes(as_frame=True, scaled=False).frame

    network = rv.Network(
        rv.Dense(64, activation="relu"),
        rv.Residual(rv.LayerNorm(), rv.Dense(64, activation="relu"), rv.Dense(64)),
        rv.Dropout(0.1),
        rv.Dense(1),
    )
    print(network.describe(input=10))

    with tempfile.TemporaryDirectory() as folder:
        run = rv.train(
            network, table, target="target", optimizer=rv.AdamW(3e-3), epochs=epochs,
            out=Path(folder) / "run",
        )  # fmt: skip
        test, baseline = run.metrics["test"], run.baseline["test"]
        print(f"test rmse {test['rmse']:.1f}, always the mean {baseline['rmse']:.1f}")
        print("the first three patients:", run.predict(table.head(3)).round(1))
        return test


if __name__ == "__main__":
    main()
