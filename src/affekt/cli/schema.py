"""`affekt schema`: the published form of an output row."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("schema")
@click.option("--version", metavar="MAJOR", help="Major version of the row; default the present one.")
def command(version: str | None) -> None:
    """Print the JSON Schema of an output row.

    Each line of a JSONL output is one such row. The schema is draft 2020-12.
    """
    from affekt.report.schema import row_schema

    click.echo(json.dumps(row_schema(version), indent=2, ensure_ascii=False))
