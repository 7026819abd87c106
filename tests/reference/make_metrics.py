"""Writes metrics.json: inputs, and what scikit-learn, SciPy and exact fractions say about them.

Run `python tests/reference/make_metrics.py` from the root of the repository after a change of the inputs. The
tests read the stored values, so they do not depend on what is installed.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr
from sklearn import metrics as skl
from sklearn.calibration import calibration_curve

BINS = 15


def concordance(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Lin's coefficient in exact fractions, by its definition."""
    t, p = ([Fraction(x) for x in side.tolist()] for side in (truth, prediction))
    n = len(t)
    mt, mp = sum(t) / n, sum(p) / n
    vt, vp = sum((x - mt) ** 2 for x in t) / n, sum((x - mp) ** 2 for x in p) / n
    cov = sum((x - mt) * (y - mp) for x, y in zip(t, p, strict=True)) / n
    return float(2 * cov / (vt + vp + (mt - mp) ** 2))


def calibration_error(truth: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error from scikit-learn's reliability curve."""
    observed, promised = calibration_curve(truth, probability, n_bins=BINS, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], probability)
    sizes = np.bincount(bins, minlength=BINS)
    return float((np.abs(observed - promised) * sizes[sizes > 0]).sum() / len(truth))


def plain(value: object) -> object:
    """NaN as null."""
    if isinstance(value, np.ndarray | list):
        return [plain(v) for v in value]
    number = float(value)  # type: ignore[arg-type]
    return None if math.isnan(number) else number


def multi(rng: np.random.Generator) -> dict[str, object]:
    """Rows with any number of five labels; label 3 is never predicted, label 4 neither occurs nor is predicted."""
    truth = (rng.random((60, 5)) < [0.5, 0.2, 0.1, 0.1, 0.0]).astype(int)
    probability = np.clip(truth * rng.normal(0.4, 0.2, truth.shape) + rng.beta(1, 4, truth.shape), 0, 1)
    probability[0, 0], probability[1, 0], probability[2, 0] = 0.0, 1.0, 1 / BINS
    prediction = (probability >= 0.45).astype(int)
    prediction[:, 3:] = 0
    each = {"average": None, "zero_division": np.nan}
    whole = {
        f"{a}_f1": skl.f1_score(truth, prediction, average=a, zero_division=0) for a in ("macro", "micro", "weighted")
    }
    return {
        "truth": truth.tolist(),
        "prediction": prediction.tolist(),
        "probability": probability.tolist(),
        "expected": {
            **whole,
            "precision_per_label": plain(skl.precision_score(truth, prediction, **each)),
            "recall_per_label": plain(skl.recall_score(truth, prediction, **each)),
            "f1_per_label": plain(skl.f1_score(truth, prediction, **each)),
            "exact_match": skl.accuracy_score(truth, prediction),
            "brier": skl.brier_score_loss(truth.ravel(), probability.ravel()),
            "ece": calibration_error(truth.ravel(), probability.ravel()),
            "ece_label": float(np.mean([calibration_error(truth[:, j], probability[:, j]) for j in range(5)])),
        },
    }


def single(rng: np.random.Generator) -> dict[str, object]:
    """Rows with one of four classes."""
    names = np.array(["anger", "fear", "joy", "sadness"])
    truth = rng.choice(names, 80, p=[0.5, 0.3, 0.15, 0.05])
    prediction = np.where(rng.random(80) < 0.6, truth, rng.choice(names, 80))
    return {
        "truth": truth.tolist(),
        "prediction": prediction.tolist(),
        "expected": {
            "macro_f1": skl.f1_score(truth, prediction, average="macro", zero_division=0),
            "weighted_f1": skl.f1_score(truth, prediction, average="weighted", zero_division=0),
            "accuracy": skl.accuracy_score(truth, prediction),
            "uar": skl.balanced_accuracy_score(truth, prediction),
            "kappa": skl.cohen_kappa_score(truth, prediction),
            "kappa_linear": skl.cohen_kappa_score(truth, prediction, weights="linear"),
            "kappa_quadratic": skl.cohen_kappa_score(truth, prediction, weights="quadratic"),
        },
    }


def dimension(rng: np.random.Generator, offset: float) -> dict[str, object]:
    """Ratings with a large mean where `offset` is large, which is hard on careless sums."""
    truth = rng.normal(3.0, 0.4, 90) + offset
    prediction = 0.6 * (truth - offset) + rng.normal(1.0, 0.3, 90) + offset
    return {
        "truth": truth.tolist(),
        "prediction": prediction.tolist(),
        "expected": {
            "pcc": pearsonr(truth, prediction).statistic,
            "ccc": concordance(truth, prediction),
            "rmse": skl.root_mean_squared_error(truth, prediction),
            "mae": skl.mean_absolute_error(truth, prediction),
        },
    }


def distributions(rng: np.random.Generator) -> dict[str, object]:
    """Shares of annotators, with zeros."""
    truth, prediction = rng.dirichlet([0.4] * 6, 40), rng.dirichlet([0.4] * 6, 40)
    truth[truth < 0.01] = 0.0
    truth /= truth.sum(1, keepdims=True)
    return {
        "truth": truth.tolist(),
        "prediction": prediction.tolist(),
        "expected": {"jsd": float(np.mean(jensenshannon(truth, prediction, base=2, axis=1) ** 2))},
    }


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(20240229)
    content = {
        "made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "multi": multi(rng),
        "single": single(rng),
        "dimension": dimension(rng, 0.0),
        "dimension_far": dimension(rng, 10_000.0),
        "distributions": distributions(rng),
    }
    file = Path(__file__).with_name("metrics.json")
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
