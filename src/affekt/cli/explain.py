"""`affekt explain`: which words moved a reading, and whether they did."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from affekt.core.errors import InputError

if TYPE_CHECKING:
    from affekt.explain.faithfulness import Faithfulness
    from affekt.models.text import TextRecogniser

__all__ = ["command"]


@click.command(name="explain", short_help="Show which words moved a reading, and check that they did.")
@click.argument("source")
@click.option("--check", "measure", is_flag=True, help="Measure how faithful the explanations of SOURCE are.")
@click.option("--split", default="dev", show_default=True, help="With --check: split of a corpus.")
@click.option("--limit", type=click.IntRange(min=1), default=500, show_default=True, help="With --check: most texts.")
@click.option("--column", metavar="NAME", help="Column of the text, where SOURCE is a table.")
@click.option(
    "--model",
    metavar="NAME|DIR",
    help="Model to explain, see `affekt models list`.  [default: by language; text-en with --check]",
)
@click.option("--space", metavar="NAME", help="One of the model's own label spaces.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random order.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    source: str,
    measure: bool,
    split: str,
    limit: int,
    column: str | None,
    model: str | None,
    space: str | None,
    data: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Show which words moved the reading of SOURCE, a sentence.

    With --check, SOURCE is a file or the name of a corpus, and what is printed is how far the probability of the
    top label falls when the words that the explanation names are taken out (comprehensiveness, high is good) and
    when only they stay (sufficiency, low is good), beside words in random and in reverse order.

    \b
    Examples:
      affekt explain "I am not happy with this."
      affekt explain goemotions --check --split dev --limit 200
      affekt explain reviews.csv --column comment --check
    """  # noqa: D301
    from affekt.models.registry import load

    if not measure:
        if Path(source).suffix and Path(source).exists():
            raise InputError(
                "SOURCE is a file", where=source, hint="Use `affekt analyze FILE --explain`, or add --check."
            )
        # Without a name, the model is that for the language of the text.
        _show(load(model) if model else None, source, space, as_json=as_json)
        return
    recogniser = load(model)
    from rich.console import Console
    from rich.progress import Progress

    from affekt.explain.faithfulness import check

    texts = _texts(source, split, limit, column, data)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("taking words out", total=len(texts))
        found = check(
            recogniser,
            texts,
            space=space,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _print(found, as_json=as_json, name=f"{source} {split}" if not Path(source).exists() else source)


def _show(recogniser: TextRecogniser | None, text: str, space: str | None, *, as_json: bool) -> None:
    from affekt.analysis import Policy, Reading, analyze
    from affekt.core.clip import Clip

    (prediction,) = analyze(text, model=recogniser, space=space, explain=True, policy=Policy(min_confidence=0))
    reading = Reading(Clip("1", text), prediction)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(reading.row).decode())
        return
    from rich.console import Console

    from affekt.catalog.spaces import space as load_space
    from affekt.report.terminal import render

    render([reading], console=Console(highlight=False), space=load_space(prediction.space))


def _texts(source: str, split: str, limit: int, column: str | None, data: str | None) -> list[str]:
    from affekt.catalog.corpora import corpora

    if source in corpora():
        from affekt.corpora import read

        rows = (clip.text or "" for clip, _ in read(source, split=split, data=data))
    else:
        from affekt.media.text import Columns, FileSource, ReadOptions

        if not Path(source).exists():
            from affekt.core.errors import UnknownNameError

            raise UnknownNameError("file or corpus", source, corpora())
        file = FileSource(Path(source), ReadOptions(columns=Columns(text=column)))
        rows = (read.clip.text or "" for read in file if read.problem is None)
    return [text for text in islice(rows, limit) if text.strip()]


def _print(found: Faithfulness, *, as_json: bool, name: str) -> None:
    if as_json:
        content = {
            "rows": found.rows,
            "comprehensiveness": found.comprehensiveness,
            "sufficiency": found.sufficiency,
            "gain": found.gain,
        }
        click.echo(json.dumps(content, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Faithfulness on {name}: {found.rows} texts, 95 % intervals", title_justify="left")
    for heading in ("words", "comprehensiveness", "sufficiency"):
        table.add_column(heading, justify="left" if heading == "words" else "right")
    for order in found.comprehensiveness:
        cells = (
            f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in (found.comprehensiveness[order], found.sufficiency[order])
        )
        table.add_row(order, *cells)
    console = Console(highlight=False)
    console.print(table)
    mean, low, high = found.gain
    console.print(f"Explained over random, paired: {mean:+.3f} [{low:+.3f}, {high:+.3f}] comprehensiveness.")
