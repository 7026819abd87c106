"""Writes setwise.json: scores of open-vocabulary answers by the official script of MER2025.

Run `python tests/reference/make_setwise.py MERTOOLS LABELS` from the root of the repository with pandas and openpyxl.
MERTOOLS is a checkout of zeroQiaoba/MERTools (stored values: commit 89120b780ab18b28349f0e37dcc12b8cc253cb02), LABELS
the folder with its `check-openset.csv` and `predict-openset.csv` of MER2024. `wheel.py` is run as it is, on the tables
of MER2025 and with those of forms of MER2026; of the modules that it imports, which want a GPU, only `string_to_list`
and `func_read_key_from_csv` are taken, from the official files too. Stored are scores alone, no label of anybody:
the 332 answers, and answers that are drawn from the words of the wheels by `drawn(seed)`, which the tests draw again.
"""

from __future__ import annotations

import ast
import csv
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any

CASES = ("case1", "case2", *(f"case3_wheel{w}_level{n}" for n in (1, 2) for w in range(1, 6)))


def drawn(words: list[str], seed: int) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Sets of words and answers to them: name -> words, some of which nobody knows."""
    draw = random.Random(seed)
    truth, answers = {}, {}
    for n in range(200):
        name = f"row{n}"
        truth[name] = draw.sample(words, draw.randint(1, 6))
        kept = [w for w in truth[name] if draw.random() < 0.5]
        answers[name] = kept + draw.sample(words, draw.randint(0, 3)) + ["qwerty"] * (draw.random() < 0.2)
    return truth, answers


def _taken(file: Path, name: str) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return next(ast.unparse(n) for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def official(track: Path, wheels: Path) -> Any:
    """The module `wheel.py` of a track, reading its tables from a folder."""
    import numpy as np
    import pandas as pd

    space: dict[str, Any] = {"pd": pd, "np": np, "re": re}
    for file, name in (("functions", "string_to_list"), ("read_files", "func_read_key_from_csv")):
        exec(_taken(track / f"toolkit/utils/{file}.py", name), space)
    for name in ("toolkit", "toolkit.utils", "toolkit.utils.chatgpt"):
        sys.modules[name] = types.ModuleType(name)
    for name in ("toolkit.utils.functions", "toolkit.utils.read_files"):
        module = types.ModuleType(name)
        module.__dict__.update(space)
        sys.modules[name] = module
    sys.modules["config"] = types.SimpleNamespace(EMOTION_WHEEL_ROOT=str(wheels))  # type: ignore[assignment]
    module = types.ModuleType("wheel")
    exec((track / "my_affectgpt/evaluation/wheel.py").read_text(encoding="utf-8"), module.__dict__)
    return module


def scores(module: Any, truth: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    """Precision and recall of every grouping, and the averages over wheels."""
    sides = {"name2gt": truth, "name2pred": answers, "inter_print": False}
    mappings = {"format_mapping": module.format_mapping, "raw_mapping": module.raw_mapping}
    out: dict[str, Any] = {}
    for case in CASES:
        out[case] = [float(v) for v in module.calculate_openset_overlap_rate(metric=case, **sides, **mappings)]
    for level in ("level1", "level2"):
        out[level] = [float(v) for v in module.wheel_metric_calculation(level=level, **sides)]
    assert all(math.isfinite(v) for row in out.values() for v in row)
    return out


def main() -> None:
    """Write the file."""
    tools, labels = Path(sys.argv[1]), Path(sys.argv[2])
    commit = subprocess.run(["git", "-C", tools, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    track = tools / "MER2025/MER2025_Track23"
    found: dict[str, Any] = {"commit": commit.stdout.strip()}
    sides = []
    for name in ("check-openset.csv", "predict-openset.csv"):
        with (labels / name).open(encoding="utf-8", newline="") as stream:
            sides.append({row["name"]: row["openset"] for row in csv.DictReader(stream)})
    for edition, forms in (("mer2025", track), ("mer2026", tools / "MER2026/MER2026_Track2")):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wheels = Path(folder)
            for file in (track / "emotion_wheel").glob("*.xlsx"):
                shutil.copy(file, wheels)
            shutil.copy(forms / "emotion_wheel/format.csv", wheels)
            module = official(track, wheels)
            words = sorted(module.format_mapping)
            found[edition] = {
                "published": scores(module, *sides),
                "exchanged": scores(module, *reversed(sides)),
                **{f"drawn {seed}": scores(module, *drawn(words, seed)) for seed in (1, 2)},
            }
    out = Path(__file__).with_name("setwise.json")
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
