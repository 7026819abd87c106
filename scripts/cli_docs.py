"""Write docs/cli.md from the `--help` of every verb; `--check` says whether it is current, and changes nothing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import click
from pages import write_or_check

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# Command line

<!-- Written by scripts/cli_docs.py from the help texts of the commands. Change those, then run `make docs-pages`. -->

Every command explains itself with `--help`; this page is those texts. Exit codes: 0 done, 1 an error of
another kind, 2 the input or an option is wrong, 3 the output cannot be written, 4 a model is missing or
broken, 5 a corpus is missing or incomplete, 6 a catalogue entry is not valid, 7 an optional dependency is
not installed.
"""
WIDTH = 100


def root() -> click.Group:
    """The group that holds all verbs."""
    module = importlib.import_module("affekt.cli.main")
    for value in vars(module).values():
        if isinstance(value, click.Group):
            return value
    raise SystemExit("affekt.cli.main holds no click group")


def walk(command: click.Command, parent: click.Context | None = None) -> Iterator[tuple[str, click.Context]]:
    """Every command with its full name, parents first, in the order of the help."""
    name = command.name if parent else "affekt"
    settings = {**command.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                found.name = child
                yield from walk(found, context)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, context in walk(root()):
        level = "#" * min(1 + len(path.split()), 4)
        text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        parts.append(f"\n{level} `{path}`\n\n```text\n{text}\n```\n")
    return "".join(parts)


def main() -> None:
    """Write the page, or compare it."""
    write_or_check(PAGE, page(), about=__doc__, source="--help")


if __name__ == "__main__":
    main()
