"""`affekt corpora`: what published corpora the catalogue describes, and whether they are here."""

from __future__ import annotations

import click

__all__ = ["command"]

_DATA = click.option(
    "--data", metavar="DIR", default=None, help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="corpora")
def command() -> None:
    """List and show the corpora that Affekt reads."""


def _here(name: str, data: str | None) -> bool:
    from affekt.catalog.corpora import corpus
    from affekt.core.errors import DataError
    from affekt.corpora.files import files_of

    entry = corpus(name)
    try:
        for part in entry.files:
            files_of(entry, part, data)
    except DataError:
        return False
    return True


@command.command(name="list")
@_DATA
@_JSON
def list_(data: str | None, as_json: bool) -> None:
    """Name all corpora, with their size, licence, and whether their files are here."""
    from affekt.catalog.corpora import corpora, corpus

    rows = [(name, corpus(name), _here(name, data)) for name in corpora()]
    if as_json:
        import json

        click.echo(
            json.dumps(
                [
                    {
                        "id": name,
                        "title": c.title,
                        "rows": {split: facts.rows for split, facts in c.splits.items()},
                        "space": c.space,
                        "languages": list(c.languages),
                        "licence": c.licence,
                        "commercial": c.commercial,
                        "here": here,
                    }
                    for name, c, here in rows
                ],
                indent=2,
                ensure_ascii=False,
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("corpus", "rows", "space", "languages", "licence", "commercial", "here"):
        table.add_column(head, justify="right" if head == "rows" else "left")
    for name, c, here in rows:
        size = f"{sum(facts.rows for facts in c.splits.values()):,}"
        table.add_row(name, size, c.space, " ".join(c.languages), c.licence, c.commercial, "yes" if here else "no")
    Console().print(table)


@command.command()
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """Show a corpus: what it is, licence, splits, known defects, citation."""
    from affekt.catalog.corpora import corpus

    c = corpus(name)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"id": name, **msgspec.structs.asdict(c)}), indent=2))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{c.title}[/bold]  ({name})", soft_wrap=True)
    console.print(c.description.strip())
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    splits = ", ".join(f"{split} {f.rows:,}" for split, f in c.splits.items())
    facts.add_row("splits", f"{splits}{' (ours, by a hash of the text)' if c.hash_split else ''}")
    facts.add_row("space", c.space)
    facts.add_row("languages", " ".join(c.languages))
    facts.add_row("licence", c.licence)
    facts.add_row("commercial use", f"{c.commercial}. {c.commercial_note}")
    if c.ratings:
        facts.add_row("single ratings", ", ".join(r.perspective or r.path for r in c.ratings))
    facts.add_row("from", f"{c.home}, {c.release}")
    facts.add_row("folder", f"{c.folder}/ with {', '.join(f.path for f in c.files)}")
    facts.add_row("cite", f"{c.citation.authors} ({c.citation.year}): {c.citation.title}. {c.citation.url}")
    console.print(facts)
    if c.defects:
        console.print("[bold]Known defects[/bold]")
        for defect in c.defects:
            console.print(Padding(f"• {defect}", (0, 0, 0, 2)))


@command.command()
@click.argument("name")
@_DATA
@_JSON
def check(name: str, data: str | None, as_json: bool) -> None:
    """Read a corpus through; count its rows, and the exact texts that stand in two splits."""
    from affekt.catalog.corpora import corpus
    from affekt.corpora import overlap, read

    c = corpus(name)
    counted = {split: sum(1 for _ in read(c, split=split, data=data)) for split in c.splits}
    shared = overlap(c, data=data)
    right = all(counted[split] == facts.rows for split, facts in c.splits.items())
    if as_json:
        import json

        found = [{"split": a, "also_in": b, "rows": n} for (a, b), n in shared.items()]
        click.echo(json.dumps({"id": name, "rows": counted, "as_described": right, "overlap": found}, indent=2))
    else:
        for split, rows in counted.items():
            expected = c.splits[split].rows
            verdict = "as described" if rows == expected else f"the entry says {expected:,}"
            click.echo(f"{split}: {rows:,} rows, {verdict}")
        for (one, other), rows in shared.items():
            if rows:
                click.echo(f"{rows:,} rows of {one} stand word for word in {other} too")
    if not right:
        from affekt.core.errors import DataError

        raise DataError(
            f"{c.title} does not have the sizes that its entry describes",
            where=c.folder,
            hint=f"The entry describes {c.release}.",
        )
