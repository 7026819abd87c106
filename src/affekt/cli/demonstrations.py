"""`affekt demonstrations`: labelled turns as examples: build a repository of them, search it, look into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from affekt.models.demonstrations import Demonstration, Demonstrations

__all__ = ["command"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="demonstrations")
def command() -> None:
    """Labelled turns of conversations as examples: build a repository, search it by similarity, look into it."""


@command.command()
@click.argument("source")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the repository.")
@click.option("--split", default="train", show_default=True, help="Split of the corpus.")
@click.option("--space", help="Of a file: the label space of its labels; see `affekt spaces list`.")
@click.option("--encoder", metavar="NAME|DIR", help="Text model that makes the vectors.  [default: text-en]")
@click.option(
    "--context",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Weight of the turn before beside a turn's own words.",
)
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--jobs", type=click.IntRange(min=1), help="Threads; default all cores.")
def build(
    source: str,
    out: Path,
    split: str,
    space: str | None,
    encoder: str | None,
    context: float,
    data: str | None,
    jobs: int | None,
) -> None:
    """Make a repository of SOURCE: a corpus (meld), or a table of your own with the columns text and label.

    A table (.csv, .tsv, .jsonl, .parquet) may also have speaker, dialogue and id; turns of a dialogue stand in their
    order. Texts, labels and vectors are written to the folder and go nowhere else.

    \b
    Examples:
      affekt demonstrations build reccon --out examples/
      affekt demonstrations build mine.csv --space ekman-neutral --out mine/
    """  # noqa: D301
    from affekt.core.errors import InputError
    from affekt.train.nearest import repository

    if (out / "demonstrations.json").exists():
        raise InputError("There is a repository in the folder already", where=str(out), hint="Name another folder.")
    file = Path(source)
    if file.suffix.lower() in (".csv", ".tsv", ".jsonl", ".parquet"):
        held = _of_file(file, space, encoder, context, jobs)
    elif space is not None:
        raise InputError("--space belongs to a file; a corpus has its own")
    else:
        held = repository(source, split=split, data=data, encoder=encoder, context=context, jobs=jobs)
    held.save(out)
    click.echo(f"{len(held):,} turns of {held.facts.source}: {_counts(held)}")
    click.echo(f"Written: {out}", err=True)


def _of_file(file: Path, space: str | None, encoder: str | None, context: float, jobs: int | None) -> Demonstrations:
    from affekt.bench.tables import rows_of
    from affekt.catalog.spaces import space as look_up
    from affekt.core.errors import InputError
    from affekt.models.demonstrations import Demonstrations, Facts, labelled
    from affekt.models.vectors import SentenceVectors

    if space is None:
        raise InputError("What space are the labels of?", where=str(file), hint="Name it: --space ekman-neutral")
    look_up(space)
    turns = labelled(rows_of(file), where=file.name)
    vectors = SentenceVectors(encoder, jobs=jobs)
    facts = Facts(space=space, source=file.name, encoder=encoder or vectors.spec.name, context=context)
    return Demonstrations.build(turns, facts=facts, encoder=vectors)


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("--before", multiple=True, metavar="TEXT", help="A turn said before it; several times, oldest first.")
@click.option("--dialogue", help="The conversation that it is of, whose turns are not shown.")
@click.option("--most", type=click.IntRange(1, 1000), default=5, show_default=True, help="Turns to show.")
@_JSON
def search(folder: Path, text: str, before: tuple[str, ...], dialogue: str | None, most: int, as_json: bool) -> None:
    """Show the labelled turns of FOLDER that lie nearest to TEXT."""
    from affekt.core.clip import Clip
    from affekt.core.errors import InputError
    from affekt.models.demonstrations import Demonstrations

    if not text.strip():
        raise InputError("There are no words to search for")
    held = Demonstrations.load(folder)
    (found,) = held.search([Clip("asked", text, context=before, dialogue=dialogue)], most=most)
    if as_json:
        import json

        rows = [{"similarity": round(f.similarity, 4), **_plain(f.demonstration)} for f in found]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.markup import escape

    from affekt.cli._tables import NarrowTable, terminal

    words = ("labels", "turn", "said before", "id")
    table = NarrowTable("similarity", *words, left=words, drop=("id", "said before"), wrap=("turn", "said before"))
    for f in found:
        d = f.demonstration
        cells = (", ".join(d.labels), d.text, " / ".join(d.before), d.id)
        table.add_row(f"{f.similarity:.2f}", *map(escape, cells))
    terminal().print(table)


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_JSON
def show(folder: Path, as_json: bool) -> None:
    """Show what FOLDER holds: where its turns are from, how many have which label."""
    from affekt.models.demonstrations import Demonstrations

    held = Demonstrations.load(folder)
    dialogues = len({row.dialogue for row in held.rows if row.dialogue})
    if as_json:
        import json

        import msgspec

        about: dict[str, Any] = msgspec.to_builtins(held.facts)
        shown = {**about, "turns": len(held), "dialogues": dialogues, "labels": held.counts()}
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
        return
    f = held.facts
    click.echo(f"{len(held):,} turns of {dialogues:,} conversations, from {f.source}")
    click.echo(f"labels of {f.space}: {_counts(held)}")
    click.echo(f"vectors of {f.encoder}, the turn before weighing {f.context:g}")
    if f.licence:
        click.echo(f"licence of the texts: {f.licence}")


def _counts(held: Demonstrations) -> str:
    return ", ".join(f"{label} {n:,}" for label, n in held.counts().items())


def _plain(d: Demonstration) -> dict[str, Any]:
    return {
        "id": d.id,
        "text": d.text,
        "labels": list(d.labels),
        "speaker": d.speaker,
        "dialogue": d.dialogue,
        "before": list(d.before),
    }
