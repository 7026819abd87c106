"""`affekt study`: does a published method do here what its authors found?"""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group(name="study", short_help="Try a method against its plain baseline.")
def command() -> None:
    """Compare ways of training on one task, with several seeds and paired intervals."""


@command.command("list")
def list_() -> None:
    """List the studies."""
    from rich.console import Console
    from rich.table import Table

    from affekt.catalog.studies import studies, study

    table = Table("study", "task", "question", box=None, pad_edge=False, header_style="bold")
    for name in studies():
        entry = study(name)
        table.add_row(name, entry.task, entry.question)
    Console().print(table)


@command.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the runs.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--limit", type=click.IntRange(min=64), help="Most rows to train on; for a trial run.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; default all cores.")
def run(*, name: str, out: Path, data: str | None, limit: int | None, threads: int | None) -> None:
    """Run the study NAME: train every variant with every seed, score it, compare.

    Runs that are there are not made again, so that a study that was broken off goes on.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table

    from affekt.bench.studies import outcomes, run_study
    from affekt.catalog.studies import study
    from affekt.extras import need

    torch = need("torch", extra="train")
    if threads:
        torch.set_num_threads(threads)
    entry = study(name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        at = bar.add_task(name, total=None)
        found = run_study(
            entry,
            out,
            data=Path(data) if data else None,
            limit=limit,
            progress=lambda variant, what, step, total, loss: bar.update(
                at, completed=step, total=total, description=f"{variant}  loss {loss:.3f}"
            ),
        )
    console = Console()
    console.print(f"[bold]{entry.title}[/]  {entry.question}")
    table = Table("variant", entry.metric, "difference", "95 % interval", "p (Holm)", "", box=None, pad_edge=False)
    for o in outcomes(entry, found):
        c = o.contrast
        apart = (
            ("", "", "")
            if c is None
            else (
                f"{c.difference.value:+.3f}",
                f"[{c.difference.low:+.3f}, {c.difference.high:+.3f}]",
                f"{c.p_holm:.3f}",
            )
        )
        table.add_row(o.name, f"{o.mean:.3f}", *(cell.replace("[", r"\[") for cell in apart), o.holds)
    console.print(table)
    console.print(f"{len(entry.seeds)} seeds; intervals over seeds and rows. Published: {entry.published}")
    console.print(f"Written: {out / 'study.json'}")
