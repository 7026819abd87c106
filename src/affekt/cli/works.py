"""`affekt works`: the published works, and how far each has come here."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text

    from affekt.catalog.works import Claim, Reference, Status, Work

__all__ = ["command"]

_STYLE = {"planned": "dim", "described": "cyan", "runs": "green", "reproduced": "bold green"}
_MARK = {"planned": "·", "described": "○", "runs": "●", "reproduced": "★"}
_MEANS = {
    "planned": "nothing here refers to it yet",
    "described": "a catalogue entry names it",
    "runs": "something that runs is registered for it",
    "reproduced": "a recorded run comes up to a figure that it published",
}


class _ListFirst(click.Group):
    """A group that means `list` where no subcommand is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before options that are not the group's own."""
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListFirst, name="works", short_help="The published works, and how far each has come here.")
def command() -> None:
    """The published works that Affekt honours, and how far each has come here.

    Without a subcommand this is `affekt works list`. The status is computed from what is registered and recorded:
    planned (nothing refers to it), described (a catalogue entry names it), runs (a task, recipe, bundled model or
    function is registered for it), reproduced (a recorded run comes up to a figure that it published).
    """


@command.command(name="list", short_help="List the works.")
@click.option("--pillar", metavar="NAME", help="Only this part of the field, e.g. corpora, recognise, poetry.")
@click.option("--status", "level", metavar="NAME", help="Only planned, described, runs or reproduced.")
@click.option("--modality", metavar="NAME", help="Only works on this, e.g. text, speech, face, music.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def list_works(*, pillar: str | None, level: str | None, modality: str | None, as_json: bool) -> None:
    """List the works by part of the field.

    On a terminal this is a table. Piped, each work is one line of four fields with tabs between them: id, part
    of the field, status, title.
    """
    from affekt.catalog.works import MODALITIES, PILLARS, Level, statuses, works

    _known("pillar", pillar, PILLARS)
    _known("status", level, [str(known) for known in Level])
    _known("modality", modality, MODALITIES)
    states = statuses()
    everything = works()
    chosen = [
        w
        for w in sorted(everything, key=lambda w: PILLARS.index(w.pillar))
        if pillar in (None, w.pillar)
        and level in (None, str(states[w.id].level))
        and (modality is None or modality in w.modalities)
    ]
    if as_json:
        click.echo(json.dumps([_as_dict(w, states[w.id]) for w in chosen], ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _table(chosen, states, total=len(everything))
    else:
        for w in chosen:
            click.echo(f"{w.id}\t{w.pillar}\t{states[w.id].level}\t{w.title}")


@command.command(name="show", short_help="Show one work: what it is, where it lives here, how to run it.")
@click.argument("work_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(*, work_id: str, as_json: bool) -> None:
    """Show one work: what it contributes, its published figures, where it lives here, how to run it."""
    from affekt.catalog.works import status, work

    w, state = work(work_id), status(work_id)
    if as_json:
        click.echo(json.dumps(_as_dict(w, state), ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=not terminal)  # piped text is not wrapped: one line stays one line

    def part(title: str, lines: Iterable[Text]) -> None:
        found = list(lines)
        if found:
            console.print()
            console.print(Text(title, style="bold"))
            for line in found:
                console.print(Padding(line, (0, 0, 0, 2), expand=False) if terminal else Text.assemble("  ", line))

    level = str(state.level)
    console.print(Text(w.title, style="bold"))
    console.print(Text(" · ".join([w.id, w.pillar, ", ".join(w.kinds), ", ".join(w.modalities)]), style="dim"))
    if w.languages:
        console.print(Text(f"languages: {', '.join(w.languages)}", style="dim"))
    if w.repo:
        console.print(Text(f"https://github.com/{w.repo}", style="dim"))
    console.print()
    console.print(Text.assemble("Status: ", (f"{_MARK[level]} {level}", _STYLE[level]), f" ({_MEANS[level]})"))
    part("What it contributes", [Text(w.contributes)])
    part("What one could do with it", [Text(f"- {line}") for line in w.capabilities])
    part("Published figures", [Text(f"- {line}") for line in w.figures])
    part("Shown when", [Text(w.demonstrated_when)])
    part("Where it lives here", [line for r in state.references for line in _reference(r)])
    part("Published figures beside our best run", [_claim(c) for c in state.claims])
    part("Where it will live" if not state.references else "Its rooms", [Text(", ".join(w.homes))])


@command.command(name="status", short_help="Count the works by part of the field and status.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def count(*, as_json: bool) -> None:
    """Count the works by part of the field and status."""
    from affekt.catalog.works import PILLARS, Level, statuses, works

    levels = [str(level) for level in Level]
    counts = {pillar: dict.fromkeys(levels, 0) for pillar in PILLARS}
    states = statuses()
    for w in works():
        counts[w.pillar][str(states[w.id].level)] += 1
    total = {level: sum(row[level] for row in counts.values()) for level in levels}
    if as_json:
        click.echo(json.dumps({"pillars": counts, "total": total}, indent=2))
        return
    if not sys.stdout.isatty():
        click.echo("\t".join(["pillar", *levels, "all"]))
        for pillar, row in [*counts.items(), ("total", total)]:
            click.echo("\t".join([pillar, *(str(row[level]) for level in levels), str(sum(row.values()))]))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("part of the field", footer="all")
    for level in levels:
        table.add_column(f"{_MARK[level]} {level}", str(total[level]), justify="right", style=_STYLE[level])
    table.add_column("all", str(sum(total.values())), justify="right")
    for pillar, row in counts.items():
        table.add_row(pillar, *(str(row[level] or "") for level in levels), str(sum(row.values())))
    Console().print(table)


def _known(kind: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        from affekt.core.errors import UnknownNameError

        raise UnknownNameError(kind, name, known)


def _table(chosen: Sequence[Work], states: dict[str, Status], *, total: int) -> None:
    from rich.console import Console
    from rich.text import Text

    # Laid out by hand: a table that does not fit would cut the ids, which are what one copies from here.
    console = Console(highlight=False)
    ids = max((len(w.id) for w in chosen), default=0)
    on = max((len(" ".join(w.modalities)) for w in chosen), default=0) if console.width >= 120 else 0
    room = max(console.width - ids - 7 - (on + 2 if on else 0), 12)
    before = None
    for w in chosen:
        if w.pillar != before:
            console.print(Text(w.pillar if before is None else f"\n{w.pillar}", style="bold"))
            before = w.pillar
        level = str(states[w.id].level)
        title = Text(w.title)
        title.truncate(room, overflow="ellipsis", pad=bool(on))
        line = Text.assemble("  ", (_MARK[level], _STYLE[level]), " ", w.id.ljust(ids), "  ", title)
        if on:
            line.append(f"  {' '.join(w.modalities)}", style="dim")
        console.print(line, overflow="ignore", no_wrap=True, crop=False)
    legend = Text("  ").join(Text(f"{mark} {name}", style=_STYLE[name]) for name, mark in _MARK.items())
    console.print(Text.assemble(f"\n{len(chosen)} of {total} works   ", legend))


def _reference(reference: Reference) -> list[Text]:
    from rich.text import Text

    lines = [Text.assemble(f"{reference.kind} ", (reference.name, "bold"), (f"  src/affekt/{reference.file}", "dim"))]
    if reference.run:
        lines.append(Text.assemble("  $ ", (reference.run, "green")))
    if reference.note:
        lines.append(Text(f"  {reference.note}", style="yellow"))
    return lines


def _claim(claim: Claim) -> Text:
    from rich.text import Text

    published = f"{claim.task} {claim.metric}: published {claim.value:g} (tolerance {claim.tolerance:g}), "
    note = f"; {claim.note}" if claim.note else ""
    if claim.ours is None:
        return Text(f"{published}no run recorded{note}")
    interval = f" [{claim.low:.3f}, {claim.high:.3f}]" if claim.low is not None and claim.high is not None else ""
    verdict = ("met", "green") if claim.met else ("not met", "yellow")
    return Text.assemble(f"{published}ours {claim.ours:.3f}{interval} by {claim.model}: ", verdict, note)


def _as_dict(w: Work, state: Status) -> dict[str, Any]:
    import msgspec

    out: dict[str, Any] = msgspec.to_builtins(w)
    out["status"] = str(state.level)
    out["references"] = [dataclasses.asdict(r) | {"level": str(r.level)} for r in state.references]
    out["claims"] = [dataclasses.asdict(c) | {"met": c.met} for c in state.claims]
    return out
