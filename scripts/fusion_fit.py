"""Write what weighs channels (`src/affekt/catalog/fusion.toml`) from a run of the task `conflict`.

affekt bench run conflict --model text-en --out RUN_DIR
python scripts/fusion_fit.py RUN_DIR
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / "src" / "affekt" / "catalog" / "fusion.toml"
NOTE = """\
Fitted by likelihood on all 1,440 recordings of RAVDESS, each read by a head that did not hear its actor, beside
comments of the dev split of GoEmotions read by text-en, with planted conflicts (task `conflict`; written by
scripts/fusion_fit.py). Its scores are of constants that were fitted without the actors and the texts that they are
measured on. Faces were in none of it, and
are weighed as voices and texts are on average."""


def main(folder: Path) -> None:
    """Write the file."""
    plan = json.loads((folder / "run.json").read_text(encoding="utf-8"))["spec"]["fitted_on_all"]
    lines = [f'{key} = "{plan[key]}"' for key in ("version", "space", "places")]
    lines.append(f'note = """\\\n{NOTE}"""')
    fitted = [gate for gate in plan["channels"].values() if gate["fitted"]]
    for name, gate in plan["channels"].items():
        lines += ["", f"[channels.{name}]"]
        # What was not measured beside others is weighed as they are on average.
        means = {k: round(sum(g[k] for g in fitted) / len(fitted), 4) for k in gate if k != "fitted"}
        numbers = gate if gate["fitted"] else means | {"temperature": 1.0}
        lines += [f"{k} = {v}" for k, v in numbers.items() if k != "fitted"]
        lines += [] if gate["fitted"] else ["fitted = false"]
    lines += ["", "[disagreement]", *(f"{k} = {v}" for k, v in plan["disagreement"].items())]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
