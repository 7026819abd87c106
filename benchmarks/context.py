"""Does what was said before change how a turn is read, and in the right way?

`context_pairs.jsonl` holds turns that can mean opposite things, each after two things that somebody else said, with
the emotions that fit it there: Ekman's six and neutral. No emotion fits both, so that a reading that does not hang on
what came before is right in one of two at most, and never in a whole pair. Prints the share of readings and of whole
pairs that are right, with a 95 % interval from drawing pairs anew, for models with the turn before and without it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from affekt.catalog.maps import space_map
from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.models.registry import load

PAIRS = Path(__file__).parent / "context_pairs.jsonl"


def read(model: str, pairs: list[dict[str, Any]], *, before: bool) -> np.ndarray:
    """Whether each reading of each pair is right, shape (pairs, 2)."""
    clips = [
        Clip(
            id=f"{pair['id']}-{k}",
            text=pair["turn"],
            speaker="Ana",
            context=(said,) if before else (),
            context_speakers=("Ben",) if before else (),
        )
        for pair in pairs
        for k, said in enumerate(pair["before"])
    ]
    recogniser = load(model)
    own = recogniser.spec.space
    same = set(space(own).labels) == set(space("ekman-neutral").labels)
    carry = None if same else space_map(own, "ekman-neutral")
    found = []
    for prediction in recogniser.predict(clips):
        scores = carry.apply(prediction.scores) if carry else prediction.scores
        found.append(max(scores, key=scores.__getitem__))
    fits = [fit for pair in pairs for fit in pair["fits"]]
    return np.array([top in fit for top, fit in zip(found, fits, strict=True)]).reshape(-1, 2)


def interval(values: np.ndarray, *, samples: int = 2000, seed: int = 0) -> list[float]:
    """Mean with a 95 % interval."""
    rng = np.random.default_rng(seed)
    drawn = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(samples)]
    return [round(float(v), 3) for v in (values.mean(), *np.percentile(drawn, [2.5, 97.5]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="Names or folders of models; see `affekt models list`.")
    args = parser.parse_args()
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    out = {}
    for model in args.models:
        each = {name: read(model, pairs, before=before) for name, before in (("with", True), ("without", False))}
        out[model] = {
            name: {"readings": interval(right.mean(1)), "pairs": interval(right.all(1))} for name, right in each.items()
        } | {"gain of readings": interval(each["with"].mean(1) - each["without"].mean(1))}
    json.dump({"pairs": len(pairs), "models": out}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
