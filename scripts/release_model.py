"""Measure a bundled model on its tasks, and write its card, its licence and the records of the runs.

    AFFEKT_DATA=... python scripts/release_model.py text-en --runs DIR

Everything in the card is taken from the recipe, the machine-readable card and the runs; nothing is typed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np

from affekt.bench.runs import run_task
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import recipe
from affekt.catalog.tasks import task_entry
from affekt.core.run import Run
from affekt.corpora import read
from affekt.metrics import expected_calibration_error
from affekt.models.registry import load
from affekt.models.text import TextRecogniser

ROOT = Path(__file__).parent.parent
TASKS = ("goemotions", "emobank", "xed")
LICENCE = """\
The weights in this folder are licensed under the Creative Commons Attribution-ShareAlike 4.0 International
License (CC BY-SA 4.0): https://creativecommons.org/licenses/by-sa/4.0/legalcode

You may use them, commercially too, share them and build on them, if you name their sources below and put what you
build from the weights themselves under the same licence. Programs that merely use them are not touched by this.

Sources:
"""


def before_calibration(model: TextRecogniser, split: str) -> float:
    """Expected calibration error of the plain sigmoids."""
    rows = [(c.text or "", t.labels) for c, t in read("goemotions", split=split)]
    labels = model.space().labels
    truth = np.array([[label in given for label in labels] for _, given in rows], float)
    outputs = [model.run([t for t, _ in rows[k : k + 1024]]).logits["goemotions"] for k in range(0, len(rows), 1024)]
    plain = 1 / (1 + np.exp(-np.concatenate(outputs).astype(float)))
    return float(expected_calibration_error(truth=truth, probability=plain))


def shown(run: Run, key: str) -> str:
    s = run.scores[key]
    return f"{s.value:.3f} [{s.low:.3f}, {s.high:.3f}]"


def card(model: TextRecogniser, runs: dict[str, Run], ece_before: float) -> str:
    facts, entry, spec = model.card, recipe(model.spec.id), model.spec
    size = sum(f.stat().st_size for f in model.folder.iterdir() if f.suffix in (".onnx", ".json")) / 1e6
    go, bank, lines = (runs[t] for t in TASKS)
    beside = {b.metric: b for b in task_entry("emobank").beside}
    policy = facts["policy"]
    out = [
        f"# {entry.title}\n",
        "<!-- short:begin -->",
        f"`{spec.name}`: {size:.0f} MB, int8 ONNX, runs on a processor without torch. Licence of the weights: "
        f"{spec.licence}. Languages: {', '.join(spec.languages)}.\n",
        "| measured on | figure | with 95 % interval |",
        "|---|---|---|",
        f"| GoEmotions test, {go.scores['macro_f1'].n:,} comments, 28 labels | macro-F1 | {shown(go, 'macro_f1')} |",
        *(
            f"| EmoBank test, {bank.scores['pcc_valence'].n:,} sentences | Pearson r, {d} | {shown(bank, 'pcc_' + d)} |"
            for d in spec.dimensions
        ),
        f"| GoEmotions test | expected calibration error | {shown(go, 'ece')} |",
        f"| XED English, our test split, {lines.scores['macro_f1'].n:,} lines, 8 labels | macro-F1 | "
        f"{shown(lines, 'macro_f1')} |",
        "",
        "Not for: " + " ".join(entry.not_for),
        "<!-- short:end -->\n",
        "## What it gives\n",
        "- 28 GoEmotions labels with calibrated probabilities; a label is given where its threshold is reached.",
        "- Valence, arousal and dominance from 1 to 5, each with an interval in which "
        f"{facts['dimensions']['level']:.0%} of single annotators' ratings lay on the development split.",
        "- Plutchik's eight emotions as a second head (`--space plutchik`).",
        f"- Texts of more than {facts['max_tokens']} tokens are read in windows of whole sentences.",
        f"- No answer below a confidence of {policy['min_confidence']:.2f}: on {policy['measured_on']} that answers "
        f"{policy['coverage']:.0%} of rows, and the share of wrong top labels falls from {policy['risk_all']:.1%} to "
        f"{policy['risk_answered']:.1%}. `--min-confidence 0` answers all.\n",
        "## What it learned from\n",
        "| corpus | rows | licence | commercial use |",
        "|---|---|---|---|",
        *(
            f"| {corpus(c).title} | {corpus(c).splits['train'].rows:,} | {corpus(c).licence} | {corpus(c).commercial} |"
            for c in sorted({p.corpus for stage in entry.stages for p in stage.parts})
        ),
        "| all-MiniLM-L6-v2 (starting weights) | | Apache-2.0 | yes |\n",
        f"Recipe: `src/affekt/catalog/recipes/{spec.id}.toml`; `affekt train {spec.id} --out DIR` runs it. Thresholds, "
        "calibration, intervals and the recommended confidence were fitted on development splits only.\n",
        "## Calibration\n",
        f"Expected calibration error over all label decisions of the GoEmotions test split, 15 bins of equal width: "
        f"{ece_before:.4f} before, {go.scores['ece'].value:.4f} after.\n",
        "## Valence, arousal, dominance\n",
        "| dimension | r | CCC | RMSE | single ratings within the interval | beside it: RoBERTa-large, r |",
        "|---|---|---|---|---|---|",
        *(
            f"| {d} | {shown(bank, 'pcc_' + d)} | {bank.scores['ccc_' + d].value:.3f} | "
            f"{bank.scores['rmse_' + d].value:.3f} | {bank.notes['interval_coverage'][d]['coverage']:.1%} | "
            f"{beside['pcc_' + d].value} |"
            for d in spec.dimensions
        ),
        "",
        "## Each label\n",
        "GoEmotions test split. F1 with 95 % bootstrap interval over rows.\n",
        "| label | rows | threshold | precision | recall | F1 |",
        "|---|---|---|---|---|---|",
    ]
    cuts = dict(zip(model.space().labels, facts["heads"]["goemotions"]["thresholds"], strict=True))
    for label, row in go.notes["per_label"].items():
        cells = [f"{row[k]:.3f}" for k in ("precision", "recall")]
        out.append(
            f"| {label} | {row['actual']} | {cuts[label]:.3f} | {cells[0]} | {cells[1]} | "
            f"{row['f1']:.3f} [{row['f1_low']:.3f}, {row['f1_high']:.3f}] |"
        )
    curve = go.notes["risk_coverage"]["points"]
    out += [
        "",
        "## Risk against coverage\n",
        "Share of wrong top labels when only the most confident share of rows is answered.\n",
        "| answered | " + " | ".join(f"{p['coverage']:.0%}" for p in curve) + " |",
        "|---|" + "---|" * len(curve),
        "| wrong | " + " | ".join(f"{p['risk']:.1%}" for p in curve) + " |\n",
        "## Limits\n",
        *(f"- {c}" for c in entry.caveats),
        "",
        "## Not for\n",
        *(f"- {n}" for n in entry.not_for),
        "",
    ]
    return "\n".join(out)


def licence(model: TextRecogniser) -> str:
    entry = recipe(model.spec.id)
    names = sorted({p.corpus for stage in entry.stages for p in stage.parts})
    lines = [
        f"- {c.title}: {c.citation.authors} {c.citation.year}, {c.licence}, {c.home}"
        for c in (corpus(n) for n in names)
    ]
    lines.append("- all-MiniLM-L6-v2: Reimers, Gurevych and contributors, Apache-2.0, https://www.sbert.net")
    return LICENCE + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    args = parser.parse_args()
    model = load(args.model)
    (model.folder / "LICENSE").write_text(licence(model), encoding="utf-8")
    records = ROOT / "src" / "affekt" / "catalog" / "records"
    records.mkdir(exist_ok=True)
    runs = {}
    for name in TASKS:
        runs[name] = run_task(name, model, out=args.runs / name)
        content = json.loads((args.runs / name / "run.json").read_text(encoding="utf-8"))
        content["works"] = list(task_entry(name).works)
        content["command"] = f"affekt bench run {name} --model {model.spec.id} --out RUN_DIR"
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (records / f"{name}--{model.spec.id}.json").write_text(text + "\n", encoding="utf-8")
    before = before_calibration(model, "test")
    (model.folder / "README.md").write_text(card(model, runs, before), encoding="utf-8")
    print(msgspec.json.format(msgspec.json.encode({n: r.scores for n, r in runs.items()}), indent=1).decode())


if __name__ == "__main__":
    main()
