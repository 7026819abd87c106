"""`affekt spaces`: the label spaces, what maps lead where, and what each map loses."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from rich.console import Console

    from affekt.core.space import Centroids, LabelSpace, LossReport, Source, SpaceMap

__all__ = ["command"]

_KINDS = {
    "single": "one label",
    "multi": "any number of labels",
    "intensity": "a strength for each label",
    "dimensional": "dimensions",
}


@click.group(
    "spaces",
    help="Label spaces, the maps between them, and what a map loses. Without a subcommand: list.",
    short_help="Label spaces, the maps between them, and what a map loses.",
    invoke_without_command=True,
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Group of the verbs below; on its own it lists the spaces."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, kind=None, as_json=False)


@command.command("list", help="All label spaces.")
@click.option("--kind", type=click.Choice(list(_KINDS)), help="Only spaces of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_(kind: str | None, as_json: bool) -> None:
    """Print one line a space."""
    from affekt.catalog.spaces import space, spaces

    found = [s for s in map(space, spaces()) if kind in (None, s.kind)]
    if as_json:
        _json([{"id": s.id, "title": s.title, "kind": s.kind, "size": _size(s), "year": s.source.year} for s in found])
        return
    console = _console()
    table = _table("space", "labels", "kind", "title", right=(1,))
    for s in found:
        table.add_row(f"[bold]{_plain(s.id)}[/]", str(_size(s)), s.kind, _plain(s.title))
    console.print(table)
    console.print(f"\n[dim]{len(found)} spaces. affekt spaces show ID tells about one.[/]")


@command.command("show", help="One label space: labels, groups, distribution, source, and where maps lead.")
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a page.")
def show(id: str, as_json: bool) -> None:
    """Print one space."""
    from affekt.catalog.maps import centroids_from, maps_from
    from affekt.catalog.spaces import space

    s = space(id)
    if as_json:
        _json(_space_record(s) | {"maps": list(maps_from(id)), "centroids": list(centroids_from(id))})
        return
    console = _console()
    console.print(f"[bold]{_plain(s.title)}[/]  [dim]{s.id}[/]")
    console.print(_plain(s.description), width=_width(console))
    size = f"{_size(s)} {'dimensions' if s.dimensions else 'labels'}"
    console.print(f"\n[dim]{size}, {_KINDS[s.kind]}[/]" if s.labels else f"\n[dim]{size}[/]")
    if s.parents:
        _tree(console, s)
    elif s.labels:
        _labels(console, s)
    if s.dimensions:
        table = _table("dimension", "from", "to", "low end", "high end", right=(1, 2))
        for d in s.dimensions:
            table.add_row(f"[bold]{d.name}[/]", f"{d.low:g}", f"{d.high:g}", d.low_means, d.high_means)
        console.print(table)
    for name, groups in s.groups.items():
        console.print(f"\n[bold]By {_plain(name)}[/]")
        table = _table()
        for group, members in groups.items():
            table.add_row(_plain(group), _plain(", ".join(members)))
        console.print(table)
    if s.blends:
        console.print("\n[bold]Mixtures[/]")
        table = _table()
        for b in s.blends:
            also = f"  [dim]also {', '.join(b.also)}[/]" if b.also else ""
            table.add_row(f"{b.name}{also}", " + ".join(b.parts), f"[dim]{b.order}[/]")
        console.print(table)
    reached, measured = maps_from(id), centroids_from(id)
    console.print()
    facts = _table()
    facts.add_row("[dim]maps to[/]", ", ".join(reached) or "nothing yet")
    if measured:
        facts.add_row("[dim]measured in[/]", ", ".join(measured))
    if s.counts_from:
        facts.add_row("[dim]counted on[/]", _plain(s.counts_from))
    if s.emotionml:
        facts.add_row("[dim]EmotionML[/]", s.emotionml)
    console.print(facts)
    _source(console, s.source)


@command.command("map", help="What goes where from ORIGIN to TARGET, and what is lost on the way.")
@click.argument("origin")
@click.argument("target")
@click.option(
    "--counts",
    "counts_file",
    type=click.Path(path_type=Path),
    help="CSV with the columns label,count: your own distribution, to measure the loss on.",
)
@click.option("--why", is_flag=True, help="Say for each label why it goes where it goes, where that was written down.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a page.")
def map_(origin: str, target: str, counts_file: Path | None, why: bool, as_json: bool) -> None:
    """Print a map and its loss report."""
    from affekt.catalog.maps import centroids, centroids_from, space_map
    from affekt.catalog.spaces import space

    a, b = space(origin), space(target)
    bridge = (a, b) if target in centroids_from(origin) else (b, a) if origin in centroids_from(target) else None
    if bridge is not None:
        _bridge(centroids(bridge[0].id, bridge[1].id), backwards=bridge[0] is b, as_json=as_json)
        return
    if target == "russell" and {"valence", "arousal"} <= {d.name for d in a.dimensions}:
        _quadrants(a, as_json=as_json)
        return
    m = space_map(origin, target)
    counts = _read_counts(counts_file, m.origin) if counts_file else None
    report = m.loss(counts, counted_on=str(counts_file)) if counts is not None else m.loss()
    if as_json:
        _json(_map_record(m, report))
        return
    _print_map(_console(), m, report, dict(counts if counts is not None else m.origin.counts), why=why)


@command.command("table", help="All spaces and maps as Markdown tables, for the documentation.")
def table() -> None:
    """Print the tables that `docs/spaces.md` holds."""
    from affekt.catalog.maps.tables import markdown

    click.echo(markdown(), nl=False)


# ---- the loss of a map ---------------------------------------------------------------------------------------


def _print_map(console: Console, m: SpaceMap, report: LossReport, counts: dict[str, float], *, why: bool) -> None:
    total = sum(counts.get(label, 0) for label in m.origin.labels) or len(m.origin.labels)
    weight = {label: (counts.get(label, 0) if counts else 1) / total for label in m.origin.labels}
    kind = "measured" if m.measured else "stated"
    over = f", composed over {m.route}" if m.route else ""
    console.print(f"[bold]{_plain(m.origin.title)}[/]  →  [bold]{_plain(m.target.title)}[/]  [dim]{kind}{over}[/]\n")

    table = _table("target", "", "share", "from", right=(2,))
    rows: list[tuple[str, dict[str, float]]] = []
    for label in m.target.labels:
        rows.append((label, {o: row[label] for o, row in m.weights.items() if label in row}))
    shares = {label: sum(weight[o] * w for o, w in members.items()) for label, members in rows}
    peak = max([*shares.values(), 1 - report.coverage, 1e-12])
    for label, members in rows:
        if not members:
            continue
        names = ", ".join(f"{o} [dim]{w:.0%}[/]" if w < 0.9995 else _plain(o) for o, w in members.items())
        table.add_row(f"[bold]{_plain(label)}[/]", _bar(shares[label] / peak), f"{shares[label]:.1%}", names)
    lost = max(1 - report.coverage, 0.0)
    if lost > 5e-5 or report.dropped:
        partly = [o for o, row in m.weights.items() if sum(row.values()) < 1 - 1e-6]
        names = ", ".join([*map(_plain, report.dropped), *(f"{o} [dim]in part[/]" for o in partly)])
        table.add_row("[yellow]no target[/]", f"[yellow]{_bar(lost / peak)}[/]", f"{lost:.1%}", names)
    console.print(table)

    console.print()
    facts = _table()
    facts.add_row("[dim]merged[/]", _merged(report))
    facts.add_row("[dim]no target[/]", ", ".join(map(_plain, report.dropped)) or "none")
    facts.add_row("[dim]never reached[/]", ", ".join(map(_plain, report.unreached)) or "none")
    facts.add_row("[dim]coverage[/]", f"[bold]{report.coverage:.1%}[/] of the labels that were counted")
    part = report.bits_lost / report.bits_before if report.bits_before > 0 else 0.0
    facts.add_row(
        "[dim]information[/]",
        f"[bold]{report.bits_lost:.2f} of {report.bits_before:.2f} bits lost[/] ({part:.0%}); "
        f"{report.bits_before - report.bits_lost:.2f} bits are kept",
    )
    on = "no counts at hand, so every label alike" if report.distribution == "uniform" else report.distribution
    facts.add_row("[dim]counted on[/]", _plain(on))
    console.print(facts)
    if m.origin.kind == "multi":
        console.print(
            "\n[dim]Labels of this origin occur together; the bits are those of one label out of all given.[/]",
            width=_width(console),
        )
    if why:
        console.print("\n[bold]Why[/]")
        if m.reasons:
            table = _table()
            for label, reason in m.reasons.items():
                table.add_row(_plain(label), _plain(", ".join(m.weights.get(label, {})) or "—"), _plain(reason))
            console.print(table)
        else:
            console.print("It was measured." if m.measured else "The source states the map without reasons.")
    elif m.reasons:
        console.print("\n[dim]--why gives the reason for each label.[/]")
    _source(console, m.source)


def _merged(report: LossReport) -> str:
    if not report.merges:
        return "nothing: each target comes from one label"
    return ", ".join(f"{len(labels)} into {_plain(target)}" for target, labels in report.merges.items())


def _bridge(c: Centroids, *, backwards: bool, as_json: bool) -> None:
    if as_json:
        points = {k: {"mean": dict(p.mean), "sd": dict(p.sd), "n": p.n or None} for k, p in c.points.items()}
        _json(
            {
                "origin": c.origin.id,
                "target": c.target.id,
                "measured": True,
                "route": c.route or None,
                "reversible": c.reversible,
                "centroids": points,
                "missing": [label for label in c.origin.labels if label not in c.points],
                "source": _source_record(c.source),
            }
        )
        return
    console = _console()
    over = f" on {c.route}" if c.route else ""
    console.print(f"[bold]{_plain(c.origin.title)}[/]  ↔  [bold]{_plain(c.target.title)}[/]  [dim]measured{over}[/]\n")
    dims = c.target.dimensions
    heads = (f"{d.name}\n{d.low:g} to {d.high:g}" for d in dims)
    table = _table("label", *heads, "n", right=range(1, len(dims) + 2))
    for label, point in c.points.items():
        cells = [f"{point.mean[d.name]:.2f}" + (f" [dim]± {point.sd[d.name]:.2f}[/]" if point.sd else "") for d in dims]
        table.add_row(f"[bold]{_plain(label)}[/]", *cells, str(point.n) if point.n else "—")
    console.print(table)
    missing = [label for label in c.origin.labels if label not in c.points]
    if missing:
        console.print(f"\n[dim]not measured[/]  {_plain(', '.join(missing))}")
    way = (
        "Labels are read from dimensions by the posterior of one Gaussian a label."
        if c.reversible
        else "The data give no spread, so labels cannot be read from dimensions."
    )
    lead = "" if backwards else "Dimensions are read from labels as the mean of these points, weighted by score. "
    console.print(f"\n{lead}{way}", width=_width(console))
    _source(console, c.source)


def _quadrants(s: LabelSpace, *, as_json: bool) -> None:
    from affekt.catalog.spaces import space

    cut = {n: (s.dimension(n).low + s.dimension(n).high) / 2 for n in ("valence", "arousal")}
    russell = space("russell")
    if as_json:
        _json({"origin": s.id, "target": "russell", "measured": False, "cut": cut, "quadrants": dict(russell.glosses)})
        return
    console = _console()
    console.print(f"[bold]{_plain(s.title)}[/]  →  [bold]{_plain(russell.title)}[/]  [dim]by rule[/]\n")
    console.print(
        f"Valence is high from {cut['valence']:g}, arousal from {cut['arousal']:g}: the middle of the range.\n"
    )
    table = _table()
    for label, gloss in russell.glosses.items():
        table.add_row(f"[bold]{label}[/]", gloss)
    console.print(table)
    _source(console, russell.source)


def _read_counts(path: Path, origin: LabelSpace) -> dict[str, float]:
    from affekt.core.errors import InputError, UnknownNameError

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError("The file of counts cannot be read", where=str(path), hint=f"{type(err).__name__}.") from err
    out: dict[str, float] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row or (number == 1 and [c.strip().casefold() for c in row] == ["label", "count"]):
            continue
        where = f"{path}, line {number}"
        if len(row) != 2:
            raise InputError(f"A line has {len(row)} cells instead of 2", where=where, hint="Write label,count.")
        label = row[0].strip()
        if label not in origin.labels:
            raise UnknownNameError(f"label of {origin.id}", label, origin.labels, where=where)
        try:
            value = float(row[1])
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise InputError("A count is not a number of 0 or more", where=where)
        out[label] = out.get(label, 0.0) + value
    if sum(out.values()) <= 0:
        raise InputError("No label has a count above 0", where=str(path))
    return out


# ---- one space -----------------------------------------------------------------------------------------------


def _labels(console: Console, s: LabelSpace) -> None:
    total = sum(s.counts.values())
    peak = max(s.counts.values(), default=0)
    heads = ["label"] + (["meaning"] if s.glosses else []) + (["weak … strong"] if s.grades else [])
    table = _table(*heads, *(("", "share") if total else ()), right=(len(heads) + 1,))
    for label in s.labels:
        cells = [f"[bold]{_plain(label)}[/]" + (" [dim]neutral[/]" if label == s.neutral != "neutral" else "")]
        if s.glosses:
            cells.append(_plain(s.glosses.get(label, "")))
        if s.grades:
            cells.append(" … ".join(s.grades.get(label, ())))
        if total:
            count = s.counts.get(label, 0)
            cells += [_bar(count / peak), f"{count / total:.1%}"]
        table.add_row(*cells)
    console.print(table)


def _tree(console: Console, s: LabelSpace) -> None:
    from rich.tree import Tree

    children: dict[str | None, list[str]] = {}
    for label in s.labels:
        children.setdefault(s.parents.get(label), []).append(label)

    def name(label: str) -> str:
        return _plain(label.rpartition("/")[2])

    def grow(node: Tree, label: str) -> None:
        below = children.get(label, [])
        if below and not any(child in children for child in below):
            node.add(f"[dim]{', '.join(map(name, below))}[/]")
            return
        for child in below:
            grow(node.add(name(child)), child)

    for root in children.get(None, []):
        tree = Tree(f"[bold]{name(root)}[/]", guide_style="dim")
        grow(tree, root)
        console.print(tree, width=_width(console))


# ---- shared --------------------------------------------------------------------------------------------------


def _size(s: LabelSpace) -> int:
    return len(s.labels) or len(s.dimensions)


def _source_record(source: Source) -> dict[str, Any]:
    return {k: getattr(source, k) or None for k in ("title", "authors", "year", "url", "note")}


def _space_record(s: LabelSpace) -> dict[str, Any]:
    return {
        "id": s.id,
        "title": s.title,
        "kind": s.kind,
        "description": s.description,
        "labels": list(s.labels),
        "dimensions": [
            {"name": d.name, "low": d.low, "high": d.high, "low_means": d.low_means, "high_means": d.high_means}
            for d in s.dimensions
        ],
        "neutral": s.neutral,
        "intensity": s.intensity,
        "groups": {name: {g: list(m) for g, m in groups.items()} for name, groups in s.groups.items()},
        "parents": dict(s.parents),
        "glosses": dict(s.glosses),
        "grades": {label: list(names) for label, names in s.grades.items()},
        "blends": [{"name": b.name, "parts": list(b.parts), "order": b.order, "also": list(b.also)} for b in s.blends],
        "emotionml": s.emotionml or None,
        "counts": dict(s.counts),
        "counts_from": s.counts_from or None,
        "source": _source_record(s.source),
    }


def _map_record(m: SpaceMap, report: LossReport) -> dict[str, Any]:
    return {
        "origin": m.origin.id,
        "target": m.target.id,
        "measured": m.measured,
        "route": m.route or None,
        "weights": {label: dict(row) for label, row in m.weights.items()},
        "reasons": dict(m.reasons),
        "coverage": report.coverage,
        "merges": {target: list(labels) for target, labels in report.merges.items()},
        "no_target": list(report.dropped),
        "never_reached": list(report.unreached),
        "bits_before": report.bits_before,
        "bits_lost": report.bits_lost,
        "counted_on": report.distribution,
        "source": _source_record(m.source),
    }


def _json(record: object) -> None:
    click.echo(json.dumps(record, ensure_ascii=False, indent=2))


def _console() -> Console:
    from rich.console import Console

    probe = Console(highlight=False)
    # A pipe has no width, and a page that folds at 80 columns reads badly in a file.
    return probe if probe.is_terminal else Console(highlight=False, width=120, file=cast("IO[str]", _Trimmed()))


class _Trimmed:
    """Standard output without the blanks that pad table cells at the ends of lines."""

    def write(self, text: str) -> int:
        click.echo(re.sub(r"[ \t]+(?=\n)", "", text), nl=False)
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _width(console: Console) -> int:
    return min(console.width, 100)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _table(*heads: str, right: Any = ()) -> Any:
    from rich.table import Table

    table = Table(box=None, show_header=bool(heads), padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i in right else "left", no_wrap=i == 0)
    return table


def _bar(part: float, width: int = 12) -> str:
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _source(console: Console, source: Source) -> None:
    console.print()
    who = " ".join(filter(None, [source.authors, f"({source.year})." if source.year else ""]))
    console.print(f"[dim]Source[/]  {_plain(' '.join(filter(None, [who, source.title])))}", width=_width(console))
    if source.url:
        console.print(f"        [dim]{source.url}[/]", soft_wrap=True)
    if source.note:
        console.print(f"[dim]{_plain(source.note)}[/]", width=_width(console))
