"""Writes agreement.json: ratings, and what other libraries say about them.

The libraries are not needed by the tests, which read the stored values. To make the file anew, in an environment of
its own (krippendorff and pingouin are under the GPL, and are only run here):

    pip install numpy pandas statsmodels krippendorff nltk pingouin crowd-kit
    python tests/reference/make_agreement.py
"""

from __future__ import annotations

import importlib.metadata
import json
import math
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pingouin
import statsmodels.formula.api as smf
from crowdkit.aggregation import DawidSkene
from nltk.metrics.agreement import AnnotationTask
from nltk.metrics.distance import masi_distance
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa, to_table

LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "krippendorff", "nltk", "pingouin", "crowd-kit")
LABELS = ["anger", "fear", "joy", "sadness"]


def plain(table: np.ndarray) -> list:
    """NaN as null."""
    return [[None if math.isnan(v) else float(v) for v in row] for row in table]


def alpha(rng: np.random.Generator) -> dict[str, object]:
    """Ratings 0..4 of six annotators on 40 items, a third missing, an item without and one with a single rating."""
    truth = rng.integers(0, 5, 40)
    table = np.clip(truth[:, None] + rng.integers(-1, 2, (40, 6)) * (rng.random((40, 6)) < 0.5), 0, 4).astype(float)
    table[rng.random(table.shape) < 0.33] = np.nan
    table[3] = np.nan
    table[5, 1:] = np.nan
    levels = ("nominal", "ordinal", "interval", "ratio")
    expected = {level: krippendorff.alpha(reliability_data=table.T, level_of_measurement=level) for level in levels}
    return {"ratings": plain(table), "expected": expected}


def exact_masi(first: frozenset[str], second: frozenset[str]) -> float:
    """nltk's distance with exact thirds."""
    thirds = 3 if first == second else 2 if first <= second or second <= first else 1 if first & second else 0
    return 1 - len(first & second) / len(first | second) * thirds / 3


def masi(rng: np.random.Generator) -> dict[str, object]:
    """Sets of four labels by four annotators on 30 items, some missing, some empty."""
    base = rng.random((30, 1, 4)) < 0.4
    sets = np.where(rng.random((30, 4, 4)) < 0.75, base, rng.random((30, 4, 4)) < 0.3)
    table: list[list[list[str] | None]] = []
    triples = []
    for i in range(30):
        row: list[list[str] | None] = []
        for k in range(4):
            if k and rng.random() < 0.15:
                row.append(None)
                continue
            chosen = [label for label, given in zip(LABELS, sets[i, k], strict=True) if given]
            row.append(chosen)
            # nltk divides by the size of the union, so "none of them" is a label of its own there; two empty sets are
            # equal and any other pair with an empty set shares nothing in both readings.
            triples.append((f"a{k}", f"i{i}", frozenset(chosen or ["none"])))
        table.append(row)
    # nltk's own distance writes .67 and .33 for two thirds and one third.
    return {
        "ratings": table,
        "expected": AnnotationTask(data=triples, distance=exact_masi).alpha(),
        "expected_of_nltk": AnnotationTask(data=triples, distance=masi_distance).alpha(),
    }


def kappas(rng: np.random.Generator) -> dict[str, object]:
    """Five annotators with four classes on 60 items, none missing."""
    truth = rng.integers(0, 4, 60)
    table = np.where(rng.random((60, 5)) < 0.6, truth[:, None], rng.integers(0, 4, (60, 5)))
    counts = np.stack([(table == c).sum(1) for c in range(4)], axis=1)
    two = to_table(table[:, :2], bins=np.arange(5) - 0.5)[0]
    return {
        "ratings": table.tolist(),
        "expected": {
            "fleiss": fleiss_kappa(counts, method="fleiss"),
            "cohen": cohens_kappa(two).kappa,
            "cohen_linear": cohens_kappa(two, wt="linear").kappa,
            "cohen_quadratic": cohens_kappa(two, wt="quadratic").kappa,
        },
    }


def intraclass(rng: np.random.Generator) -> dict[str, object]:
    """Four annotators of different severity on 25 items."""
    table = rng.normal(3, 1, (25, 1)) + rng.normal(0, 0.4, (1, 4)) + rng.normal(0, 0.5, (25, 4))
    long = pd.DataFrame(
        [(i, k, table[i, k]) for i in range(25) for k in range(4)], columns=["item", "annotator", "rating"]
    )
    found = pingouin.intraclass_corr(data=long, targets="item", raters="annotator", ratings="rating")
    values = dict(zip(found["Type"], found["ICC"], strict=True))
    single, average = values["ICC(A,1)"], values["ICC(A,k)"]  # absolute agreement, annotators drawn at random
    return {"ratings": table.tolist(), "expected": {"icc_single": float(single), "icc_average": float(average)}}


def dawid_skene(rng: np.random.Generator) -> dict[str, object]:
    """120 items of three classes; seven annotators of different skill judge about two thirds each."""
    truth = rng.choice(3, 120, p=[0.5, 0.3, 0.2])
    skill = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    table = np.where(rng.random((120, 7)) < skill, truth[:, None], rng.integers(0, 3, (120, 7))).astype(float)
    table[:, 6] = np.where(rng.random(120) < 0.7, (truth + 1) % 3, truth)  # the last one mistakes in a system
    table[rng.random(table.shape) < 0.33] = np.nan
    table[np.isnan(table).all(1), 0] = 0
    rows = [(f"i{i}", f"a{k}", int(table[i, k])) for i in range(120) for k in range(7) if not math.isnan(table[i, k])]
    data = pd.DataFrame(rows, columns=["task", "worker", "label"])
    model = DawidSkene(n_iter=5000, tol=1e-13).fit(data)
    items, annotators = [f"i{i}" for i in range(120)], [f"a{k}" for k in range(7)]
    errors = [
        [[float(model.errors_.loc[(a, given), true]) for given in range(3)] for true in range(3)] for a in annotators
    ]
    return {
        "ratings": plain(table),
        "truth": truth.tolist(),
        "expected": {
            "posterior": model.probas_.loc[items, [0, 1, 2]].to_numpy().tolist(),
            "priors": model.priors_.loc[[0, 1, 2]].tolist(),
            "confusion": errors,
        },
    }


def crossed(rng: np.random.Generator) -> dict[str, object]:
    """Ratings of 30 items by 12 annotators, a third missing, with two attributes of the annotators."""
    group = np.array(["old", "young"])[rng.integers(0, 2, 12)]
    trust = rng.normal(size=12)
    table = (
        3
        + rng.normal(0, 1.0, (30, 1))
        + (0.6 * (group == "young") + 0.3 * trust + rng.normal(0, 0.4, 12))[None]
        + rng.normal(0, 0.7, (30, 12))
    )
    table[rng.random(table.shape) < 0.33] = np.nan
    data = pd.DataFrame(
        [
            (f"i{i}", f"a{k}", group[k], trust[k], table[i, k])
            for i in range(30)
            for k in range(12)
            if not math.isnan(table[i, k])
        ],
        columns=["item", "annotator", "group", "trust", "rating"],
    )
    data["trust"] = (data["trust"] - trust.mean()) / trust.std()
    data["one"] = 1
    parts = {"item": "0 + C(item)", "annotator": "0 + C(annotator)"}
    out: dict[str, object] = {}
    for name, formula, components in (
        ("plain", "rating ~ 1", parts),
        ("attributes", "rating ~ C(group) + trust", parts),
        ("items_only", "rating ~ C(group) + trust", {"item": parts["item"]}),
    ):
        model = smf.mixedlm(formula, data, groups="one", vc_formula=components, re_formula="0")
        fit = model.fit(reml=True, method=["lbfgs"], maxiter=2000)
        fixed = np.asarray(fit.fe_params)
        predicted = model.exog @ fixed
        out[name] = {
            **{part: float(v) for part, v in zip(sorted(components), fit.vcomp, strict=True)},
            "residual": float(fit.scale),
            "attributes": float(predicted.var()),
            "coefficients": [float(v) for v in fixed],
            "errors": [float(v) for v in np.asarray(fit.bse_fe)],
            "log_likelihood": float(fit.llf),
        }
    return {"ratings": plain(table), "group": group.tolist(), "trust": trust.tolist(), "expected": out}


def signed_rank(rng: np.random.Generator) -> list[dict[str, object]]:
    """Small and large samples, with ties and zeros and without."""
    samples = [
        rng.normal(0.3, 1, 12),
        rng.normal(0.1, 1, 200),
        np.round(rng.normal(0.4, 1, 40), 1),
        rng.normal(0, 1, 3),
    ]
    out = []
    for values in samples:
        tied = len(np.unique(np.abs(values))) < len(values) or bool((values == 0).any())
        method = "approx" if tied or len(values) > 50 else "exact"
        p = stats.wilcoxon(values, method=method, correction=False).pvalue
        out.append({"values": values.tolist(), "expected": float(p)})
    return out


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(20250301)
    content = {
        "made_with": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "alpha": alpha(rng),
        "masi": masi(rng),
        "kappas": kappas(rng),
        "intraclass": intraclass(rng),
        "dawid_skene": dawid_skene(rng),
        "crossed": crossed(rng),
        "signed_rank": signed_rank(rng),
    }
    file = Path(__file__).with_name("agreement.json")
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
