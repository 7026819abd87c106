"""Write docs/results.md from the recorded runs; `--check` says whether it is current, and changes nothing."""

from __future__ import annotations

from pathlib import Path

from pages import write_or_check

from affekt.bench.records import Recorded
from affekt.bench.results import TaskResults, results
from affekt.bench.tasks import task
from affekt.core.run import Score

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
HEAD = """# Results

<!-- Written by scripts/results_docs.py from src/affekt/catalog/records. Record runs, then run it again. -->

What recorded runs came to, each beside two floors and what others published. `affekt bench results` prints the same
from the command line, `affekt bench results TASK` every score of a task with protocol and sources; the records
themselves, with versions, seeds, rows and the commands that make them again, are in `src/affekt/catalog/records`.

- **Majority** gives every text the same answer; **hashed linear** is logistic or ridge regression on hashed words and
  characters, its strength chosen on dev. Both are made with `affekt train --task TASK --floor ...`.
- **Trained** is the plain recipe (`affekt train --task TASK`): one head on a small encoder, stopped early on dev, one
  seed. Such a run says nothing of other seeds, whatever its interval.
- In brackets the 95 % interval of a bootstrap over test rows, or over speakers where the task says so. Thresholds and
  every other choice were made on dev, or on speakers left out of what is learned from.
- Published figures stand under other protocols unless the note says otherwise; where no figure could be traced to
  its source, there is none.
"""


def number(value: float) -> str:
    """A score to three places, without its leading zero."""
    if value != value:
        return "undefined"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 10 else f"{value:.1f}"


def cell(score: Score | None) -> str:
    """A score with its interval."""
    if score is None:
        return ""
    if score.low != score.low:
        return number(score.value)
    return f"{number(score.value)} ({number(score.low)} to {number(score.high)})"


def of(found: TaskResults, system: str) -> list[Recorded]:
    """Recorded runs of one kind of system."""
    return [r for r in found.runs if r.system == system]


def floors(found: TaskResults, key: str) -> list[str]:
    """The cells of the two floors."""
    return [cell(next((r.scores.get(key) for r in of(found, name)), None)) for name in ("majority", "hashed-linear")]


def single(everything: list[TaskResults]) -> str:
    """All tasks, each with its floors, what was trained, and what was published."""
    lines = [
        "\n## Tasks\n",
        "| task | score | majority | hashed linear | trained | published |",
        "|---|---|---|---|---|---|",
    ]
    notes = []
    count = 0
    for found in everything:
        for at, key in enumerate(found.keys):
            trained = "<br>".join(f"{cell(r.scores[key])} {r.name}" for r in of(found, "model") if key in r.scores)
            told = []
            for p in (p for p in found.published if p.metric == key):
                count += 1
                told.append(f"{number(p.value)} [{count}]")
                notes.append(f"{count}. `{found.task.id}` {key} {number(p.value)}: {p.by}. {p.note}")
            name = f"`{found.task.id}`" if at == 0 else ""
            lines.append(f"| {name} | {key} | {' | '.join(floors(found, key))} | {trained} | {'<br>'.join(told)} |")
    lines += ["\n### Rows and splits\n", "| task | what | rows |", "|---|---|---|"]
    lines += [f"| `{found.task.id}` | {found.task.title} | {found.protocol} |" for found in everything]
    if cautions := [f"- `{r.task.id}`: {r.task.entry.caution}" for r in everything if r.task.entry.caution]:
        lines += ["\n### To know\n", *cautions]
    lines += ["\n### Published figures\n", *notes]
    return "\n".join(lines) + "\n"


def parts(name: str, found: list[TaskResults]) -> str:
    """The parts of one task, such as its languages."""
    whole = task(name)
    key = whole.entry.headline
    trained = sorted({r.name for part in found for r in of(part, "model")})
    heads = ["part", "rows", "majority", "hashed linear", *trained, "published"]
    lines = [f"\n## {whole.entry.title}\n", f"{whole.entry.description} Score: `{key}`.\n"]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    means: dict[str, list[float]] = {}
    for part in found:
        told = ", ".join(f"{number(p.value)} ({p.by})" for p in part.published if p.metric == key)
        by_name = {r.name: r.scores.get(key) for r in part.runs}
        cells = [cell(by_name.get(system)) for system in ("majority", "hashed-linear", *trained)]
        for system, score in by_name.items():
            if score is not None:
                means.setdefault(system, []).append(score.value)
        rows = part.runs[0].rows
        lines.append(f"| {part.task.id.partition(':')[2]} | {rows:,} | {' | '.join(cells)} | {told} |")
    averages = [
        number(sum(means[s]) / len(means[s])) if len(means.get(s, ())) == len(found) else ""
        for s in ("majority", "hashed-linear", *trained)
    ]
    lines.append(f"| **mean** | | {' | '.join(averages)} | |")
    lines += [f"\n{p.by}: {key} {number(p.value)}. {p.note}" for p in whole.published if p.metric == key]
    return "\n".join(lines) + "\n"


def others(everything: list[TaskResults]) -> str:
    """Blends, and best-worst scaling beside direct labelling."""
    lines = []
    for found in everything:
        rest = [r for r in found.runs if r.system in ("direct", "best-worst", "blend", "prototypes")]
        if not rest:
            continue
        key = found.task.entry.headline
        lines += [f"\n### {found.task.title}\n", f"| system | {key} | made by |", "|---|---|---|"]
        lines += [f"| {r.name} | {cell(r.scores.get(key))} | `{r.command}` |" for r in rest]
    return "\n".join(["\n## Blends, choices between texts, names alone", *lines]) + "\n" if lines else ""


def page() -> str:
    """The whole page."""
    everything = results()
    plain = [found for found in everything if ":" not in found.task.id]
    several: dict[str, list[TaskResults]] = {}
    for found in everything:
        base, _, part = found.task.id.partition(":")
        if part:
            several.setdefault(base, []).append(found)
    tables = [parts(name, found) for name, found in several.items()]
    return "".join([HEAD, single(plain), *tables, others(plain)])


def main() -> None:
    """Write the page, or compare it."""
    write_or_check(PAGE, page(), about=__doc__, source="records")


if __name__ == "__main__":
    main()
