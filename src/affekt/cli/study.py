"""`affekt study`: does a published method do here what its authors found?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli._progress import progress_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["command"]


# Studies of more variants than this are told in numbers.
_NAMED = 4


@click.group(name="study", short_help="Try a method against its plain baseline.")
def command() -> None:
    """Compare ways of training on one task, with several seeds and paired intervals."""


@command.command("list")
def list_() -> None:
    """List the studies, and what came out where they were run for the record."""
    from affekt.catalog.studies import recorded, studies, study
    from affekt.cli._tables import NarrowTable, terminal

    heads = ("study", "task", "question", "here")
    table = NarrowTable(*heads, left=heads, drop=("task",), wrap=("question", "here"))
    for name in studies():
        entry, record = study(name), recorded(name)
        table.add_row(name, entry.task, entry.question, _in_short(record["outcomes"]) if record else "not recorded")
    terminal().print(table)


def _in_short(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """What came out, in a few words: the variants that are better or worse than the baseline, or how many are."""
    others = [o for o in outcomes if o["difference"]]
    said = []
    for word in ("better", "worse"):
        found = [o for o in others if o["holds"] == word]
        if len(others) > _NAMED and found:
            said.append(f"{len(found)} of {len(others)} {word}")
        else:
            said += [f"{o['variant']} {word} ({o['difference'][0]:+.3f})" for o in found]
    return "; ".join(said) or "no difference shown"


@command.command()
@click.argument("name")
def show(*, name: str) -> None:
    """Show the study NAME and its record."""
    from rich.console import Console

    from affekt.catalog.studies import recorded, study

    entry, record = study(name), recorded(name)
    console = Console()
    console.print(f"[bold]{entry.title}[/]  {entry.question}")
    console.print(f"Task {entry.task}, score {entry.metric}, seeds {', '.join(map(str, entry.seeds))}.")
    console.print(f"Published: {entry.published}")
    if record is None:
        console.print(f"Not recorded yet; `affekt study run {name} --out DIR` runs it.")
        return
    _tables([{"task": entry.task, "metric": entry.metric, "within": "", **record}, *record.get("further", ())], console)
    console.print("Intervals are over seeds and rows.")


@command.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the runs.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--encoder", metavar="DIR", default="", help="Start from another BERT, as transformers saves it.")
@click.option("--limit", type=click.IntRange(min=64), help="Most rows to train on, with one seed; for a trial run.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; default all cores.")
def run(*, name: str, out: Path, data: str | None, encoder: str, limit: int | None, threads: int | None) -> None:
    """Run the study NAME: train every variant with every seed, score it, compare.

    Runs that are there are not made again, so that a study that was broken off goes on.
    """
    from rich.console import Console

    from affekt.bench.studies import plain, run_study
    from affekt.catalog.studies import study
    from affekt.extras import need

    torch = need("torch", extra="train")
    if threads:
        torch.set_num_threads(threads)
    entry = study(name)
    with progress_line(name, kept=True) as report:
        found = run_study(
            entry,
            out,
            data=Path(data) if data else None,
            encoder=encoder,
            limit=limit,
            progress=lambda variant, what, step, total, loss: report(step, total, f"{variant}  loss {loss:.3f}"),
        )
    console = Console()
    console.print(f"[bold]{entry.title}[/]  {entry.question}")
    _tables([{**vars(table), "outcomes": [plain(o) for o in table.outcomes]} for table in found], console)
    console.print(f"Intervals are over seeds and rows. Published: {entry.published}")
    console.print(f"Written: {out / 'study.json'}")


def _tables(tables: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The score that decides, and then the further ones."""
    from rich.markup import escape
    from rich.table import Table

    for found in tables:
        over = (
            f"mean within {found['rows']} groups by {found['within']}" if found["within"] else f"{found['rows']:,} rows"
        )
        table = Table(
            "variant", found["metric"], "difference", "95 % interval", "p (Holm)", "", box=None, pad_edge=False
        )
        for row in found["outcomes"]:
            apart = ("", "", "")
            if row["difference"]:
                value, low, high = row["difference"]
                apart = (f"{value:+.3f}", escape(f"[{low:+.3f}, {high:+.3f}]"), f"{row['p_holm']:.3f}")
            table.add_row(row["variant"], f"{row['mean']:.3f}", *apart, row["holds"])
        console.print(f"\n{found['task']}, {over}")
        console.print(table)
