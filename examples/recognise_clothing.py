"""Clothes recognised: 60,000 pictures of ten kinds, and what the network takes for what.

Run it: python examples/recognise_clothing.py
"""

from __future__ import annotations

import ranvier as rv


def main(source: str = "fashion-mnist", *, epochs: int = 3) -> float:
    """Train, tell which kinds are hardest, and return the accuracy on the test pictures."""
    run = rv.train(None, source, epochs=epochs)
    rows = run.predict_table(f"{source}:test", top=2)
    unsure = rows.filter(rows["top_1_probability"] < 0.5)
    print(f"{run.metrics['test']['accuracy']:.2%} right, {len(unsure):,} of {len(rows):,} unsure")
    print(unsure.group_by("top_1", "top_2").len().sort("len", descending=True).head(5))
    return run.metrics["test"]["accuracy"]


if __name__ == "__main__":
    main()
