"""The verb of `affekt bench` that tells whether a model goes by names."""

from __future__ import annotations

import click

from affekt.cli._bench_options import BOOTSTRAP_SEED, DATA, JSON, SAMPLES, SPLIT

__all__ = ["reliance"]


@click.command()
@click.argument("task", metavar="TASK")
@click.option("--model", metavar="NAME|DIR", required=True, help="Model to test; see `affekt models list`.")
@DATA
@SPLIT
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def reliance(
    task: str, model: str, data: str | None, split: str | None, samples: int, seed: int, as_json: bool
) -> None:
    """Test how much a model goes by the names of targets on a TASK, and not by what is said of them.

    Two tests: the name is all that is shown, and the name is exchanged for another and nothing else changed.
    """
    from affekt.bench.reliance import reliance as measure
    from affekt.cli.bench import dumps
    from affekt.models.registry import load

    found = measure(task, load(model), data=data, split=split, samples=samples, seed=seed).as_json()
    if as_json:
        click.echo(dumps(found))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("test", "share of rows", "95 % interval", "rows", box=None, pad_edge=False, header_style="bold")
    for title, key, rows in (
        ("right, text as it is", "right", found["rows"]),
        ("right, name only", "name_only", round(found["name_only_answered"] * found["rows"])),
        ("label flips, name exchanged", "flipped", found["swapped"]),
    ):
        value, low, high = found[key]
        if value is None:
            table.add_row(title, "undefined: no row is answered", "", str(rows))
        else:
            table.add_row(title, f"{value:.3f}", escape(f"[{low:.3f}, {high:.3f}]"), f"{rows:,}")
    Console().print(table)
    click.echo(f"The most frequent label is right in {found['chance']:.3f} of the rows.")
