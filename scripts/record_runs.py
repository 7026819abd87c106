"""Keep what runs came to as records of the package.

    python scripts/record_runs.py RUN_DIR... [--model DIR] [--encoder NAME] [--command TEXT] [--method WORK]

Several folders are the runs of one system on the parts of one corpus and become one record. Nothing is typed by hand
but the names: scores, rows, versions and the course of training come from the run and the model's own card.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from affekt.bench.records import FLOORS, record_of, training_of

RECORDS = Path(__file__).parent.parent / "src" / "affekt" / "catalog" / "records"


def commands(record: dict) -> str:
    """How a run of a floor or a plain recipe is made again."""
    name = record["task"] if "parts" not in record else f"{record['task']}:PART"
    spec = record.get("spec", {})
    if "recipe" in spec:
        alone = " --alone" if spec["manner"] == "alone" else ""
        return f"affekt bench folds {name} --recipe {spec['recipe']}{alone} --out RUN_DIR"
    if record["system"] in FLOORS:
        return f"affekt train --task {name} --floor {record['system']} --out RUN_DIR"
    if record["system"] == "model" and record["training"]:
        epochs = record["training"]["epochs"]
        made = f"affekt train --task {name} --epochs {epochs} --out MODEL_DIR"
        return f"{made} && affekt bench run {name} --model MODEL_DIR --out RUN_DIR"
    return f"affekt bench run {name} --model {record['model'].partition('@')[0]} --out RUN_DIR"


def main() -> None:
    """Write one record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--model", help="folder of the model, for how it was trained")
    parser.add_argument("--encoder", help="what its starting weights are called")
    parser.add_argument("--command", help="how the run is made; default by the kind of system")
    parser.add_argument("--method", action="append", default=[], help="work whose method the run shows")
    parser.add_argument("--name", help="name of the system in the file's name")
    given = parser.parse_args()
    training = training_of(given.model, encoder=given.encoder) if given.model else {}
    record = record_of(given.runs, training=training, works=given.method)
    record["command"] = given.command or commands(record)
    system = given.name or (training.get("encoder") if record["system"] == "model" else record["system"])
    called = str(system or record["model"].partition("@")[0]).lower().replace(" ", "-")
    file = RECORDS / f"{record['task'].replace(':', '-')}--{called}.json"
    file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main()
