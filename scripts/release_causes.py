"""Measure the bundled model of causes on the tasks of RECCON, and write its card and its licence.

    affekt train causes-en --out MODEL_DIR
    AFFEKT_DATA=... python scripts/release_causes.py MODEL_DIR --runs DIR

The files of MODEL_DIR go to `src/affekt/weights/causes-en`. The runs lie below DIR, with those of the floor beside
them; `scripts/record_runs.py` keeps them. Everything in the card is taken from recipe, machine-readable card and runs.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from affekt.bench.runs import run_causes
from affekt.bench.tasks import task
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import recipe
from affekt.core.run import Run
from affekt.models.causes import CauseRecogniser
from affekt.train.floors import nearest

FOLDER = Path(__file__).parent.parent / "src" / "affekt" / "weights" / "causes-en"
TASKS = ("reccon-entailment", "reccon-span")
LICENCE = """\
The weights in this folder are licensed under the Creative Commons Attribution-NonCommercial-ShareAlike 4.0
International License (CC BY-NC-SA 4.0): https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may use and share them, and build on them, for purposes that are not commercial, if you name their sources below
and put what you build from the weights under the same licence. The code of Affekt is not touched by this.

Sources:
"""


def figures(runs: dict[str, Run], floors: dict[str, Run]) -> list[str]:
    """A row for each score: the model, the floor, and what was published."""
    out = ["| score | this model | floor: the nearest turns | published |", "|---|---|---|---|"]
    for name in TASKS:
        beside = {p.metric: p for p in task(name).published}
        for key, s in runs[name].scores.items():
            f = floors[name].scores[key]
            said = f"{beside[key].value:.3f} ({beside[key].by})" if key in beside else ""
            cells = (f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}]" for x in (s, f))
            out.append(f"| {key} | {' | '.join(cells)} | {said} |")
    return out


def card(model: CauseRecogniser, runs: dict[str, Run], floors: dict[str, Run], source: str) -> str:
    """The card as Markdown."""
    entry, facts = recipe("causes-en"), model.facts
    size = sum(f.stat().st_size for f in model.folder.iterdir()) / 1e6
    questions = runs[TASKS[0]].notes["questions"]
    lines = [
        f"# {entry.title}\n",
        "<!-- short:begin -->",
        f"`{model.name}`: {size:.1f} MB, counts words, runs without torch. Licence of the weights: {entry.licence}. "
        f"Of a turn with an emotion and the {facts.back} turns before it, it says which hold the cause, and in which "
        "words.\n",
        f"RECCON, DailyDialog part, official test split (fold 1): {questions:,} pairs of turns in "
        f"{runs[TASKS[0]].notes['rows']} conversations, with 95 % intervals from drawing conversations anew. The "
        "emotion is given.\n",
        *figures(runs, floors),
        "",
        "Not for: " + " ".join(entry.not_for),
        "<!-- short:end -->\n",
        "Made by `affekt train causes-en`; strengths, calibration and the threshold were chosen on the official dev "
        "split. The floor takes every turn as near as was best there, with all its words.\n",
        "## Sources\n",
        source,
        "## Limits\n",
        *(f"- {c}" for c in entry.caveats),
        "",
        "## Not for\n",
        *(f"- {n}" for n in entry.not_for),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder that `affekt train causes-en` made")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in ("affekt.json", "weights.safetensors"):
        shutil.copyfile(given.model / name, FOLDER / name)
    model = CauseRecogniser(FOLDER)
    runs, floors = {}, {}
    for name in TASKS:
        find = model.spans if name == "reccon-span" else model.links
        runs[name] = run_causes(name, find, model=model.name, weights=[FOLDER], out=given.runs / name)
        called, floor = nearest(name)
        floors[name] = run_causes(name, floor, model=called, out=given.runs / f"{name}--nearest")
    c = corpus("reccon")
    source = f"- {c.title}: {c.citation.authors} {c.citation.year}, {c.licence}, {c.home}\n"
    (FOLDER / "LICENSE").write_text(LICENCE + source, encoding="utf-8")
    (FOLDER / "README.md").write_text(card(model, runs, floors, source), encoding="utf-8")
    print(FOLDER)


if __name__ == "__main__":
    main()
