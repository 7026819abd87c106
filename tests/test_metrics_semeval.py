"""The scores of SemEval-2025 Task 11 are those of its official scorer on the same predictions."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from affekt import metrics as m

HERE = Path(__file__).parent / "reference"
_spec = importlib.util.spec_from_file_location("make_semeval", HERE / "make_semeval.py")
assert _spec is not None and _spec.loader is not None
official = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official)

STORED = json.loads((HERE / "semeval.json").read_text(encoding="utf-8"))
# The folder with the official files: named by hand, or where the release has them.
SCORER = Path(os.environ.get("AFFEKT_SEMEVAL_SCORER") or "")
RELEASE = Path(os.environ.get("AFFEKT_DATA") or "") / "semeval2025_task11" / "sample_submission_files"
NOTEBOOK = next((f / "evaluation.ipynb" for f in (SCORER, RELEASE) if (f / "evaluation.ipynb").is_file()), None)
UTILS = SCORER / "utils.py" if (SCORER / "utils.py").is_file() else None


def ours(made) -> dict[str, float]:
    truth, answer = made["truth"], made["answer"]
    presence = {"truth": (truth > 0) * 1, "prediction": (answer > 0) * 1}
    return {
        "macro_f1": m.macro_f1(**presence),
        "micro_f1": m.micro_f1(**presence),
        "pcc_mean": m.mean_pearson(truth=truth, prediction=answer),
    }


@pytest.mark.parametrize("seed", sorted(STORED))
def test_scores_equal_what_the_official_scorer_said(seed):
    made = ours(official.generate(int(seed)))
    stored = STORED[seed]
    for key, value in stored["notebook"].items():
        assert made[key] == pytest.approx(value, abs=1e-12)
    for key in ("macro_f1", "micro_f1"):
        assert made[key] == pytest.approx(stored["scorer"][key], abs=1e-12)
    # The scorer rounds each correlation to four digits before it takes the mean.
    assert made["pcc_mean"] == pytest.approx(stored["scorer"]["pcc_mean"], abs=5e-5)
    assert made["pcc_mean"] == pytest.approx(stored["pearson of scipy, not rounded"], abs=1e-12)


@pytest.mark.data
@pytest.mark.skipif(NOTEBOOK is None, reason="the official notebook is not at hand (AFFEKT_SEMEVAL_SCORER)")
def test_scores_equal_the_notebook_when_it_is_run_now():
    made = official.generate(7, rows=1500)
    theirs = official.notebook(NOTEBOOK, (made["truth"] > 0) * 1, (made["answer"] > 0) * 1)
    found = ours(made)
    assert {key: found[key] for key in theirs} == pytest.approx(theirs, abs=1e-12)


@pytest.mark.data
@pytest.mark.skipif(UTILS is None, reason="the official scorer is not at hand (AFFEKT_SEMEVAL_SCORER)")
def test_scores_equal_the_scorer_when_it_is_run_now():
    made = official.generate(8, rows=1500)
    theirs, found = official.utils(UTILS, made["truth"], made["answer"]), ours(made)
    for key in ("macro_f1", "micro_f1"):
        assert found[key] == pytest.approx(theirs[key], abs=1e-12)
    assert found["pcc_mean"] == pytest.approx(theirs["pcc_mean"], abs=5e-5)
