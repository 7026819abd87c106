"""The command `affekt`. A verb's module is imported only when the verb is called or its help is shown."""

from __future__ import annotations

import importlib
import sys

import click

from affekt._version import __version__
from affekt.core.errors import AffektError, UnknownNameError

__all__ = ["cli", "main"]

# The help line stands here, so that `affekt --help` imports no verb.
_VERBS = {
    "analyze": "Read emotion in a sentence, a file, or what comes in.",
    "dynamics": "How feelings move in conversations that were read.",
    "explain": "Show which words moved a reading, and check that they did.",
    "spaces": "Label spaces, and maps between them with what they lose.",
    "models": "The models that come with the package.",
    "bench": "Measure a model on a task, with every prediction kept.",
    "corpora": "Published corpora that can be read here.",
    "demonstrations": "Labelled turns as examples, searched by similarity.",
    "agree": "Agreement of annotators, and gold from their votes.",
    "works": "The published works in scope, and what runs of each.",
    "schema": "Print the JSON Schema of an output row.",
    "train": "Train a model from a recipe, or for a task.",
    "study": "Try a method against its plain baseline.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        found = importlib.import_module(f"affekt.cli.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            raise UnknownNameError("command", args[0], _VERBS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="affekt")
def cli() -> None:
    """Reads emotion in text, shows the evidence, and says when it does not know."""


def main() -> None:
    """Run the command line; an `AffektError` becomes one line on standard error and its exit code."""
    try:
        cli(standalone_mode=True)
    except AffektError as err:
        click.echo(f"affekt: {err}", err=True)
        sys.exit(err.exit_code)
