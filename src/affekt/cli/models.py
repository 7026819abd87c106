"""`affekt models`: what is bundled."""

from __future__ import annotations

import json

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

    rows = []
    for name, folder in bundled().items():
        card = read_card(folder)
        size = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
        rows.append(
            {
                "name": name,
                "version": card.version,
                "title": card.title,
                "megabytes": round(size / 1e6, 1),
                "licence": card.licence,
                "spaces": list(card.heads),
                "dimensions": card.dimensions.space if card.dimensions else None,
                "languages": list(card.languages),
                "folder": str(folder),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "version", "size", "licence", "label spaces", "dimensions", "languages"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["version"]),
            f"{row['megabytes']} MB",
            str(row["licence"]),
            ", ".join(row["spaces"]),  # type: ignore[arg-type]
            f"V/A/D ({row['dimensions']})" if row["dimensions"] else "",
            ", ".join(row["languages"]),  # type: ignore[arg-type]
        )
    console.print(table)


@command.command()
@click.argument("name", default="text-en")
def show(name: str) -> None:
    """Print the card of a model: data, licences, scores, limits."""
    from affekt.core.errors import ModelError
    from affekt.models.registry import model_folder

    card = model_folder(name) / "README.md"
    if not card.exists():
        raise ModelError("This model has no card (README.md)", where=str(card.parent))
    click.echo(card.read_text(encoding="utf-8"))
