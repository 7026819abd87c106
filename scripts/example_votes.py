"""Write examples/data/votes.csv and valence.csv: generated judgements for the page on annotators.

80 items, six annotators called a1 to a6. Everybody judges about four items in five. a4 is quick to say anger, a5 rates
everything about one point too pleasant, and a6 answers at random.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

LABELS = ("anger", "fear", "joy", "neutral", "sadness")
VALENCE = dict(zip(LABELS, (2.5, 3.0, 7.5, 5.0, 2.5), strict=True))
ITEMS, ANNOTATORS = 80, 6


def main() -> None:
    """Write both files."""
    rng = np.random.default_rng(20250607)
    truth = rng.choice(len(LABELS), ITEMS, p=[0.2, 0.15, 0.25, 0.25, 0.15])
    felt = np.array([VALENCE[LABELS[t]] for t in truth]) + rng.normal(0, 0.8, ITEMS)
    votes: list[list[str]] = []
    wide: list[list[str]] = []
    for i in range(ITEMS):
        row = [f"t{i + 1:02d}"]
        for k in range(ANNOTATORS):
            if rng.random() < 0.2:
                row.append("")
                continue
            code = truth[i] if rng.random() < 0.78 else rng.integers(len(LABELS))
            rating = felt[i] + rng.normal(0, 0.9)
            if k == 3 and LABELS[code] in ("sadness", "neutral") and rng.random() < 0.5:
                code = LABELS.index("anger")
            if k == 4:
                rating += 1.1
            if k == 5:
                code, rating = rng.integers(len(LABELS)), rng.uniform(1, 9)
            value = str(int(np.clip(round(float(rating)), 1, 9)))
            votes.append([row[0], f"a{k + 1}", LABELS[code], value])
            row.append(value)
        wide.append(row)
    folder = Path(__file__).parent.parent / "examples" / "data"
    for name, head, rows in (
        ("votes.csv", ["item", "annotator", "label", "valence"], votes),
        ("valence.csv", ["item", *(f"a{k + 1}" for k in range(ANNOTATORS))], wide),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main()
