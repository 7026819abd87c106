"""Fit the weights of the filter of made conversations (`catalog/dialogues.toml`), and say how well it tells.

    python scripts/dialogue_filter.py

Conversations of RECCON's train split with four turns or more, each beside one in which every turn is that of another
conversation at the same place; the area under the curve on its test split, with an interval over conversations. Needs
AFFEKT_DATA and the `train` extra.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from affekt.corpora import read
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.ranking import area_under_roc_statistic
from affekt.train.converse.thread import SIGNS, signs


def conversations(split: str) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for clip, _ in read("reccon", split=split):
        found.setdefault(clip.dialogue or clip.id, []).append(clip.text or "")
    return [turns for turns in found.values() if len(turns) >= 4]


def rows(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    own = conversations(split)
    dealt = [
        [
            others[int(rng.integers(len(others)))][k]
            for k in range(len(turns))
            if (others := [t for t in own if len(t) > k])
        ]
        for turns in own
    ]
    return np.array([signs(turns) for turns in own + dealt]), np.repeat([1, 0], len(own))


def main() -> None:
    x, y = rows("train", 1)
    fitted = LogisticRegression(C=1.0).fit(x, y)
    asked, truth = rows("test", 2)
    said = fitted.predict_proba(asked)[:, 1]
    auc = bootstrap({"auc": area_under_roc_statistic(truth=truth[:, None], probability=said[:, None])}, samples=1000)[
        "auc"
    ]
    print("[filter]")
    weights = ", ".join(f"{name} = {w:.3f}" for name, w in zip(SIGNS, fitted.coef_[0], strict=True))
    print(f"weights = {{ {weights} }}\nbias = {fitted.intercept_[0]:.3f}")
    print(f"# {len(y)} to learn from; on {len(truth)}: AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]")


if __name__ == "__main__":
    main()
