"""`affekt agree`: how far annotators agree, how each of them judges, and the gold that a rule makes of it."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from affekt.core.ratings import DawidSkene, Filtered, Gold, Ratings
    from affekt.metrics.annotators import AnnotatorFacts
    from affekt.metrics.bootstrap import Interval
    from affekt.metrics.perspectives import Comparison

__all__ = ["command"]

_RULES = ("majority", "plurality", "all-inclusive", "soft-label", "presence", "dawid-skene", "mean", "ewe")
_TITLES = {
    "percent": "pairs that agree",
    "alpha": "Krippendorff's alpha",
    "alpha_masi": "Krippendorff's alpha, MASI",
    "fleiss": "Fleiss' kappa",
    "cohen": "Cohen's kappa",
    "ccc": "overall concordance",
    "icc_single": "ICC(2,1)",
    "icc_average": "ICC(2,k)",
}
_SHOWN = 5
_PEOPLE = 30


@click.command("agree", short_help="Agreement of annotators, and gold from their votes.")
@click.argument("table", required=False, type=click.Path(path_type=Path))
@click.option("--item", metavar="COL", help="Column that names the item.  [default: item]")
@click.option("--annotator", metavar="COL", help="Column that names the annotator.  [default: annotator]")
@click.option("--label", metavar="COL", help="Column with the judgement.  [default: label]")
@click.option("--columns", metavar="A,B,C", help="Columns with one annotator each, for one item a row.")
@click.option("--space", metavar="NAME", help="Label space that labels must be in.  [default: the labels that occur]")
@click.option("--several", metavar="SEP", help="Judgements may have several labels, separated by SEP.")
@click.option("--ordinal", "level", flag_value="ordinal", help="Judgements are numbers whose order counts.")
@click.option("--interval", "level", flag_value="interval", help="Judgements are numbers whose distance counts.")
@click.option("--ratio", "level", flag_value="ratio", help="Judgements are numbers from 0 whose proportion counts.")
@click.option(
    "--rule",
    type=click.Choice(_RULES),
    help="Rule of the gold.  [default: plurality; several: majority; numbers: mean]",
)
@click.option("--drop-annotators", metavar="X", type=float, help="First leave out annotators below this agreement.")
@click.option(
    "--drop-items",
    metavar="X",
    type=float,
    help="Then leave out items whose first label has less than this share; for numbers: a larger deviation.",
)
@click.option("--corpus", metavar="NAME", help="Single judgements of a corpus instead of a table.")
@click.option("--perspective", metavar="NAME", help="Perspective of the corpus, such as writer or reader.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--samples", type=click.IntRange(1), default=1000, show_default=True, help="Resamples for intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resamples.")
@click.option("--out", type=click.Path(path_type=Path), help="Write gold and soft labels to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a page.")
def command(
    table: Path | None,
    item: str | None,
    annotator: str | None,
    label: str | None,
    columns: str | None,
    space: str | None,
    several: str | None,
    level: str | None,
    rule: str | None,
    drop_annotators: float | None,
    drop_items: float | None,
    corpus: str | None,
    perspective: str | None,
    data: str | None,
    samples: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure how far annotators agree, and make gold of their judgements.

    TABLE has one judgement a row (columns item, annotator, label), or with --columns one item a row.
    Intervals are 95 percent, by resampling items.
    """
    from affekt.core.errors import InputError
    from affekt.core.ratings import RULES
    from affekt.metrics.annotators import agreement, annotator_facts

    if (table is None) == (corpus is None):
        raise InputError(
            "Name a table or a corpus, not both" if table else "There is nothing to read",
            hint="affekt agree TABLE.csv, or --corpus NAME.",
        )
    beside: Comparison | None = None
    if corpus is not None:
        ratings, head, beside = _of_corpus(corpus, perspective, data, samples, seed)
    else:
        assert table is not None
        ratings, head = _of_table(table, item, annotator, label, columns, space, several, level)
    if out is not None:
        _check_out(out, table)
    numbers = not ratings.space.labels or ratings.space.kind == "intensity"
    rule = rule or ("mean" if numbers else "plurality" if ratings.space.kind == "single" else "majority")
    filters = _filtered(ratings, drop_annotators, drop_items, numbers=numbers)
    if filters:
        ratings = filters[-1].ratings
    if not len(ratings):
        raise InputError("No judgement is left", hint="Lower --drop-annotators or --drop-items.")
    model = None
    try:
        measured = agreement(ratings, level=level or "interval", samples=samples, seed=seed)  # type: ignore[arg-type]
        facts = annotator_facts(ratings) if ratings.annotators else []
        if rule == "dawid-skene":
            from affekt.core.ratings import dawid_skene

            model = dawid_skene(ratings)
            gold = model.gold
        else:
            gold = RULES[rule](ratings)
    except ValueError as err:
        raise InputError(f"{str(err)[:1].upper()}{str(err)[1:]}", where=str(table or corpus)) from err
    if out is not None:
        _write(out, ratings, gold, model)
    if as_json:
        click.echo(
            json.dumps(
                _record(head, ratings, measured, facts, gold, rule, filters, beside, model),
                indent=2,
                ensure_ascii=False,
            )
        )
        return
    console = _console()
    console.print(f"[bold]{_plain(head['name'])}[/]  [dim]{_plain(head['about'])}[/]", soft_wrap=True)
    _print_filters(console, filters)
    _print_agreement(console, measured)
    if beside is not None:
        _print_perspectives(console, beside, head["perspectives"])
    _print_annotators(console, ratings, facts, model)
    _print_gold(console, ratings, gold, rule, model)
    if out is not None:
        console.print(f"[dim]written[/]  {_plain(str(out))}")


# ---- reading -------------------------------------------------------------------------------------------------


def _of_table(
    table: Path,
    item: str | None,
    annotator: str | None,
    label: str | None,
    columns: str | None,
    space: str | None,
    several: str | None,
    level: str | None,
) -> tuple[Ratings, dict[str, Any]]:
    from affekt.catalog.spaces import space as load_space
    from affekt.core.errors import InputError
    from affekt.corpora.ratings_table import read_ratings

    wide = tuple(name.strip() for name in columns.split(",")) if columns else ()
    if wide and (annotator or label):
        raise InputError("Judgements are named in two ways", hint="Take --columns, or --annotator and --label.")
    read = read_ratings(
        table,
        item=item if wide else item or "item",
        annotator=None if wide else annotator or "annotator",
        label=None if wide else label or "label",
        columns=wide,
        space=load_space(space) if space else None,
        scale="numbers" if level else "labels",
        several=several,
    )
    r = read.ratings
    people = f"{len(r.annotators):,} annotators"
    gaps = f", {read.empty:,} empty cell{'s' * (read.empty > 1)}" if read.empty else ""
    about = f"{len(r.items):,} items, {people}, {len(r):,} judgements{gaps}"
    return r, {"name": str(table), "about": about, "rows": read.rows, "empty": read.empty}


def _of_corpus(
    name: str, perspective: str | None, data: str | None, samples: int, seed: int
) -> tuple[Ratings, dict[str, Any], Comparison | None]:
    from affekt.catalog.corpora import corpus
    from affekt.corpora import ratings
    from affekt.metrics.perspectives import compare_perspectives

    found = ratings(name, perspective=perspective, data=data)
    views = list(dict.fromkeys(f.perspective for f in corpus(name).ratings if f.perspective))
    beside = None
    if perspective is None and len(views) == 2:
        beside = compare_perspectives(
            *(ratings(name, perspective=view, data=data) for view in views), samples=samples, seed=seed
        )
    people = f"{len(found.annotators):,} annotators" if found.annotators else "annotators not named"
    about = f"{len(found.items):,} items, {people}, {len(found):,} judgements"
    title = f"{name}, {perspective}" if perspective else name
    return found, {"name": title, "about": about, "perspectives": views}, beside


def _filtered(ratings: Ratings, annotators: float | None, items: float | None, *, numbers: bool) -> list[Filtered]:
    from affekt.core.errors import InputError
    from affekt.core.ratings import drop_annotators, drop_contested_items, drop_scattered_items

    out: list[Filtered] = []
    try:
        if annotators is not None:
            out.append(drop_annotators(ratings, at_least=annotators))
        if items is not None:
            left = out[-1].ratings if out else ratings
            out.append(
                drop_scattered_items(left, at_most=items) if numbers else drop_contested_items(left, at_least=items)
            )
    except ValueError as err:
        raise InputError(f"{str(err)[:1].upper()}{str(err)[1:]}") from err
    return out


# ---- writing -------------------------------------------------------------------------------------------------


def _check_out(out: Path, table: Path | None) -> None:
    from affekt.core.errors import InputError, OutputError

    if not out.parent.is_dir():
        raise OutputError("There is no such folder", where=str(out.parent), hint="Make it, or write elsewhere.")
    if out.is_dir():
        raise OutputError("This is a folder", where=str(out), hint="Name a file in it.")
    if table is not None and out.exists() and table.exists() and out.samefile(table):
        raise InputError("The output is the input", where=str(out), hint="Give it another name.")


def _write(out: Path, ratings: Ratings, gold: Gold, model: DawidSkene | None) -> None:
    """One row an item, written beside the file and moved into place when it is whole."""
    from affekt.core.errors import OutputError

    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(_rows(ratings, gold, model))
        part.replace(out)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise OutputError("The file cannot be written", where=str(out), hint=f"{err.strerror}.") from err


def _rows(ratings: Ratings, gold: Gold, model: DawidSkene | None) -> list[list[str]]:
    from affekt.core.ratings import soft_label
    from affekt.metrics.annotators import vote_entropy

    labels = ratings.space.labels
    counts = ratings.counts().max(axis=1, initial=0)
    if not labels or ratings.space.kind == "intensity":
        spread = ratings.spread()
        heads = [f"{c}{end}" for c in ratings.channels for end in ("", "_sd")]
        body = [
            [
                name,
                *(_cell(x) for c in range(len(ratings.channels)) for x in (gold.values[i, c], spread[i, c])),
                str(counts[i]),
            ]
            for i, name in enumerate(ratings.items)
        ]
        return [["item", *heads, "judgements"], *body]
    soft = soft_label(ratings).values if model is None else model.posterior
    bits = vote_entropy(ratings)
    chosen = gold.labels()
    if gold.rule == "soft_label":  # shares are no choice of labels
        chosen = [None] * len(chosen)
    rows = [["item", "label", "tied", "judgements", "entropy_bits", *labels]]
    for i, name in enumerate(ratings.items):
        tied = [labels[j] for j in gold.tied[i].nonzero()[0]]
        given = chosen[i]
        rows.append(
            [
                name,
                "|".join(given) if given is not None else "",
                "|".join(tied),
                str(counts[i]),
                _cell(bits[i]),
                *map(_cell, soft[i]),
            ]
        )
    return rows


def _cell(value: float) -> str:
    return "" if value != value else f"{value:.6g}"


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _record(
    head: dict[str, Any],
    ratings: Ratings,
    measured: dict[str, dict[str, Interval]],
    facts: list[AnnotatorFacts],
    gold: Gold,
    rule: str,
    filters: list[Filtered],
    beside: Comparison | None,
    model: DawidSkene | None,
) -> dict[str, Any]:
    def interval(found: Interval) -> dict[str, Any]:
        return {
            "value": _number(float(found.value)),
            "low": _number(float(found.low)),
            "high": _number(float(found.high)),
            "items": found.n,
        }

    decided = int(gold.decided.sum())
    return {
        **head,
        "space": ratings.space.id,
        "channels": list(ratings.channels),
        "items": len(ratings.items),
        "annotators": len(ratings.annotators),
        "judgements": len(ratings),
        "dropped": [
            {"kind": d.kind, "name": d.name, "value": d.value, "judgements": d.judgements, "reason": d.reason}
            for step in filters
            for d in step.dropped
        ],
        "unmeasured": [name for step in filters for name in step.unmeasured],
        "agreement": {c: {key: interval(v) for key, v in keys.items()} for c, keys in measured.items()},
        "perspectives_compared": None
        if beside is None
        else {
            c: {
                "items": f.items,
                "first_mean": _number(f.first_mean),
                "second_mean": _number(f.second_mean),
                **{key: interval(getattr(f, key)) for key in ("pcc", "ccc", "difference")},
                "widest": [{"item": name, "gap": gap} for name, gap in beside.widest(c, _SHOWN)],
            }
            for c, f in beside.by_channel.items()
        },
        "by_annotator": [
            {
                "name": f.name,
                "judgements": f.judgements,
                "shared": f.shared,
                "agreement": _number(f.agreement),
                "bias": {c: _number(v) for c, v in f.bias.items()},
                **({} if model is None else {"accuracy": _number(float(model.accuracy[k]))}),
            }
            for k, f in enumerate(facts)
        ],
        "gold": {
            "rule": rule,
            "decided": decided,
            "undecided": len(gold.items) - decided,
            "ties": int(gold.tied.any(axis=1).sum()),
            **({} if model is None else {"iterations": model.iterations, "converged": model.converged}),
        },
    }


# ---- the page ------------------------------------------------------------------------------------------------


def _print_filters(console: Console, filters: list[Filtered]) -> None:
    for step in filters:
        for d in step.dropped[:_SHOWN]:
            lost = f"[dim]({d.judgements} judgements)[/]"
            console.print(f"  [yellow]left out[/] {d.kind} {_plain(d.name)}: {_plain(d.reason)} {lost}", soft_wrap=True)
        if (more := len(step.dropped) - _SHOWN) > 0:
            console.print(f"  [yellow]left out[/] {more:,} more {step.dropped[0].kind}s; --json lists all")
        if step.unmeasured:
            console.print(f"  [dim]kept without being measured: {len(step.unmeasured):,}[/]")


def _print_agreement(console: Console, measured: dict[str, dict[str, Interval]]) -> None:
    console.print("\n[bold]Agreement[/]")
    several = len(measured) > 1
    page = _table(*(["of"] if several else []), "measure", "value", "95% interval", "items", right=(1, 2, 3, 4))
    for channel, keys in measured.items():
        for n, (key, found) in enumerate(keys.items()):
            cells = [_TITLES[key], f"[bold]{_fixed(float(found.value))}[/]", _between(found), f"{found.n:,}"]
            page.add_row(*([_plain(channel) if n == 0 else ""] if several else []), *cells)
    console.print(page)
    if any(float(v.value) != float(v.value) for keys in measured.values() for v in keys.values()):
        console.print("[dim]– undefined: no item has two judgements, or all are the same[/]")


def _print_perspectives(console: Console, found: Comparison, views: list[str]) -> None:
    console.print(f"\n[bold]Two perspectives on the same {len(found.items):,} items[/]")
    page = _table(
        "of", "correlation", "concordance", "first", "second", "difference", "95% interval", right=range(1, 7)
    )
    for channel, f in found.by_channel.items():
        page.add_row(
            _plain(channel),
            _fixed(float(f.pcc.value)),
            _fixed(float(f.ccc.value)),
            f"{f.first_mean:.3g}",
            f"{f.second_mean:.3g}",
            f"[bold]{float(f.difference.value):+.3f}[/]",
            _between(f.difference),
        )
    console.print(page)


def _print_annotators(
    console: Console, ratings: Ratings, facts: list[AnnotatorFacts], model: DawidSkene | None
) -> None:
    if not facts:
        return
    console.print("\n[bold]Annotators[/]")
    heads = ["name", "judgements", "with the others", "bias"] + (["accuracy"] if model else [])
    page = _table(*heads, right=(1, 2, 4))
    order = sorted(
        range(len(facts)), key=lambda k: -math.inf if facts[k].agreement != facts[k].agreement else facts[k].agreement
    )
    for k in order[:_PEOPLE]:
        f = facts[k]
        accuracy = [_fixed(float(model.accuracy[k]))] if model else []
        page.add_row(_plain(f.name), f"{f.judgements:,}", _fixed(f.agreement), _bias(f, ratings), *accuracy)
    console.print(page)
    if len(facts) > _PEOPLE:
        console.print(f"[dim]the {_PEOPLE} who agree least of {len(facts):,}; --json has all[/]")


def _bias(f: AnnotatorFacts, ratings: Ratings) -> str:
    """The channel on which the annotator is furthest from the others, where that is more than chance would do."""
    known = [c for c in ratings.channels if f.bias[c] == f.bias[c]]
    if not known:
        return "–"
    widest = max(known, key=lambda c: abs(f.bias[c]))
    value, error = f.bias[widest], f.bias_error[widest]
    labels = ratings.space.kind in ("single", "multi") and widest in ratings.space.labels
    text = f"{widest} {value:+.0%}" if labels else f"{widest} {value:+.2f}"
    return _plain(text) if error == error and abs(value) > 2 * error else f"[dim]{_plain(text)}[/]"


def _print_gold(console: Console, ratings: Ratings, gold: Gold, rule: str, model: DawidSkene | None) -> None:
    decided = int(gold.decided.sum())
    console.print(f"\n[bold]Gold[/]  by {rule}: {decided:,} of {len(gold.items):,} items decided")
    if model is not None:
        state = "converged" if model.converged else "not converged"
        console.print(f"[dim]{state} after {model.iterations:,} rounds[/]")
    labels = ratings.space.labels
    if ratings.space.kind in ("single", "multi") and labels and gold.rule != "soft_label":
        shares = [(label, int((gold.values[gold.decided, j] > 0).sum())) for j, label in enumerate(labels)]
        page = _table("label", "", "items", right=(2,))
        peak = max(max((n for _, n in shares), default=0), 1)
        for label, n in sorted(shares, key=lambda pair: -pair[1])[:_PEOPLE]:
            page.add_row(_plain(label), "█" * round(12 * n / peak), f"{n:,}")
        console.print(page)
    ties = [
        (name, [label for label, shared in zip(labels, row.tolist(), strict=True) if shared])
        for name, row in zip(gold.items, gold.tied, strict=True)
        if row.any()
    ]
    if ties:
        names = "; ".join(f"{name} ({' = '.join(shared)})" for name, shared in ties[:_SHOWN])
        more = f"; and {len(ties) - _SHOWN:,} more" if len(ties) > _SHOWN else ""
        console.print(f"[yellow]ties[/]  {_plain(names)}{more}")


# ---- shared --------------------------------------------------------------------------------------------------


def _fixed(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _between(found: Interval) -> str:
    low, high = float(found.low), float(found.high)
    return "–" if low != low else f"{low:.3f} … {high:.3f}"


def _console() -> Console:
    from rich.console import Console

    probe = Console(highlight=False)
    # A pipe has no width, and a page that folds at 80 columns reads badly in a file.
    return probe if probe.is_terminal else Console(highlight=False, width=120)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _table(*heads: str, right: Any = ()) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i in right else "left", no_wrap=True)
    return table
