"""`affekt models`: what is bundled, and thresholds by language for a model of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["command"]


@click.group(name="models", short_help="The models that come with the package.", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The models that come with the package: size, licence, label spaces, languages."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool = False) -> None:
    """List the bundled models."""
    from affekt.models.registry import bundled, read_card

    cards = [(read_card(folder), folder) for folder in bundled().values()]
    sized = [(card, sum(f.stat().st_size for f in folder.iterdir() if f.is_file())) for card, folder in cards]
    if as_json:
        rows = [
            {
                "name": card.id,
                "version": card.version,
                "title": card.title,
                "megabytes": round(size / 1e6, 1),
                "licence": card.licence,
                "licence_note": card.licence_note,
                "spaces": list(card.heads),
                "dimensions": card.measured_in,
                "languages": list(card.languages),
                "folder": str(folder),
            }
            for (card, folder), (_, size) in zip(cards, sized, strict=True)
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    from affekt.cli._tables import NarrowTable, terminal

    heads = ("name", "version", "size", "licence", "label spaces", "dimensions", "languages")
    table = NarrowTable(
        *heads,
        left=heads,
        drop=("version", "dimensions", "size"),
        wrap=("licence", "label spaces", "dimensions", "languages"),
    )
    for card, size in sized:
        table.add_row(
            card.id,
            card.version,
            f"{size / 1e6:.1f} MB",
            card.licence + (" *" if card.licence_note else ""),
            ", ".join(card.heads) or ("causes of emotions" if card.causes else ""),
            f"V/A/D ({card.measured_in})" if card.measured_in else "",
            ", ".join(card.languages) if len(card.languages) < 4 else f"{len(card.languages)} languages",
        )
    console = terminal()
    console.print(table)
    for card, _ in cards:
        if card.licence_note:
            console.print(f"* {card.id}: {card.licence_note}", markup=False)


@command.command()
@click.argument("name", default="text-en")
@click.option("--json", "as_json", is_flag=True, help="Print the machine-readable card.")
def show(name: str, as_json: bool) -> None:
    """Print the card of a model: data, licences, scores, limits.

    NAME is a bundled model or a model folder. A model of several languages has its scores by language.
    """
    from affekt.core.errors import ModelError
    from affekt.models.registry import model_folder, read_card

    folder = model_folder(name)
    if as_json:
        click.echo((folder / "affekt.json").read_text(encoding="utf-8"), nl=False)
        return
    file = folder / "README.md"
    if not file.exists():
        raise ModelError("This model has no card (README.md)", where=str(folder))
    click.echo(file.read_text(encoding="utf-8"))
    card = read_card(folder)
    if card.licence_note:
        click.echo(f"Licence of the weights: {card.licence}; {card.licence_note}", err=True)


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the corpora; default AFFEKT_DATA.")
@click.option("--limit", type=click.IntRange(min=1), help="Most rows of each corpus or part, for a try.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(folder: Path, corpora: tuple[str, ...], data: Path | None, limit: int | None, as_json: bool) -> None:
    """Choose thresholds for each language of a model, on development splits, and write them to its card.

    FOLDER is a model folder; CORPUS names corpora of one label space with their languages. A language keeps the
    common thresholds where its own do not help on halves of its development rows.

    \b
    Example:
      affekt models calibrate my-model semeval2025-a
    """  # noqa: D301
    from dataclasses import asdict

    from affekt.train.thresholds import calibrate_languages, summary

    found = calibrate_languages(folder, corpora, data=data, limit=limit)
    if as_json:
        click.echo(json.dumps({code: asdict(own) for code, own in found.items()}, indent=1))
        return
    from affekt.cli._tables import NarrowTable, terminal

    table = NarrowTable("language", "rows", "common", "own", "gain", "used", left=("language", "used"))
    for code, own in found.items():
        cells = (f"{own.common:.4f}", f"{own.own:.4f}", f"{own.own - own.common:+.4f}")
        table.add_row(code, f"{own.rows:,}", *cells, "own" if own.thresholds else "common")
    terminal().print(table)
    click.echo(summary(found))
