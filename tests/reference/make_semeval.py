"""Run the official scorer of SemEval-2025 Task 11 on generated predictions, and store what it says.

    python tests/reference/make_semeval.py FOLDER

FOLDER holds `evaluation.ipynb` (github.com/emotion-analysis-project/SemEval2025-Task11, commit 513a7e8,
`sample_submission_files/`), which scores track A, and `utils.py` (same repository, commit 327949d, `Evaluation/`),
which scores both tracks; the notebook has no Pearson. Neither is part of this repository: they are run from where
they lie.
"""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr
from sklearn import metrics

EMOTIONS = ("Anger", "Disgust", "Fear", "Joy", "Sadness", "Surprise")
STORED = Path(__file__).with_name("semeval.json")


def generate(seed: int, rows: int = 400) -> dict[str, np.ndarray]:
    """Strengths 0..3 as they might be, and answers that are right more often than not; presence is above 0."""
    rng = np.random.default_rng(seed)
    often = np.array([0.2, 0.05, 0.35, 0.3, 0.25, 0.1])
    truth = (rng.random((rows, 6)) < often) * rng.integers(1, 4, (rows, 6))
    noise = rng.random((rows, 6))
    answer = np.where(noise < 0.6, truth, np.where(noise < 0.75, 0, rng.integers(0, 4, (rows, 6))))
    return {"truth": truth, "answer": answer}


class Table(dict):
    """As much of a data frame as the notebook asks for: `table[list of columns]`."""

    def __getitem__(self, names):
        return np.stack([super(Table, self).__getitem__(name) for name in names], axis=1)


def notebook(file: Path, truth: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    """What the notebook's own cell computes of presence."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    source = next("".join(c["source"]) for c in cells if "macro_f1 =" in "".join(c["source"]))
    given = {
        "df_true": Table(zip(EMOTIONS, truth.T, strict=True)),
        "df_pred": Table(zip(EMOTIONS, answer.T, strict=True)),
        **{name: getattr(metrics, name) for name in ("precision_score", "recall_score", "f1_score")},
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cell = Path(folder) / "cell.py"
        cell.write_text(source, encoding="utf-8")
        found = runpy.run_path(str(cell), init_globals=given)
    return {key: float(found[key]) for key in ("macro_f1", "micro_f1")}


def utils(file: Path, truth: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    """What the functions of the task's scorer compute: F1 of presence, Pearson of strength (rounded by it)."""

    def lines(table: np.ndarray) -> list[str]:
        return ["id," + ",".join(EMOTIONS), *(f"t{i}," + ",".join(map(str, row)) for i, row in enumerate(table))]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = runpy.run_path(str(file))
        _, micro, macro = found["evaluate"](lines((truth > 0) * 1), lines((answer > 0) * 1))
        pearson = found["evaluate_b"](lines(truth), lines(answer))
    return {"micro_f1": float(micro), "macro_f1": float(macro), "pcc_mean": float(np.mean(list(pearson.values())))}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    stored = {}
    for seed in range(3):
        made = generate(seed)
        scores = utils(folder / "utils.py", made["truth"], made["answer"])
        shown = notebook(folder / "evaluation.ipynb", (made["truth"] > 0) * 1, (made["answer"] > 0) * 1)
        exact = [pearsonr(made["truth"][:, j], made["answer"][:, j]).statistic for j in range(6)]
        stored[str(seed)] = {
            "notebook": shown,
            "scorer": scores,
            "pearson of scipy, not rounded": float(np.mean(exact)),
        }
    STORED.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
