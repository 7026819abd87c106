"""What `affekt bench` prints: tables for people, from the plain documents that `--json` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affekt.cli._tables import NarrowTable

if TYPE_CHECKING:
    from affekt.core.run import Run, Score

__all__ = [
    "show_audit",
    "show_best_worst",
    "show_blend",
    "show_comparison",
    "show_curve",
    "show_matrix",
    "show_results",
    "show_run",
    "show_slices",
]

Document = dict[str, Any]


def _print(*what: Any, style: str | None = None) -> None:
    from affekt.cli._tables import terminal

    terminal().print(*what, style=style)


def _signed(value: float) -> str:
    return "undefined" if value != value else f"{value:+.4f}"


def _range(low: float, high: float, *, signed: bool = False) -> str:
    if low != low or high != high:
        return ""
    return f"{low:+.4f} to {high:+.4f}" if signed else f"{low:.4f} to {high:.4f}"


def _p(value: float) -> str:
    return "" if value != value else "<.001" if value < 0.001 else f"{value:.3f}"


def show_comparison(d: Document) -> None:
    """Print a comparison: every score of every system, and how far it is from the baseline."""
    from rich.markup import escape

    several = any(row["seeds"] > 1 for row in d["scores"][0]["systems"])
    rows = d["systems"][0]["rows"]
    _print(f"[bold]{escape(d['title'])}[/bold]: {d['split']}, {rows:,} rows, against {escape(d['baseline'])}")
    heads = ["score", "system", "value", "95 % interval", *(["sd"] if several else [])]
    table = NarrowTable(
        *(*heads, "difference", "95 % interval ", "p", "better"),
        left=("score", "system", "better"),
        drop=("95 % interval", "sd", "p") if several else ("95 % interval", "p"),
    )
    for score in d["scores"]:
        for at, row in enumerate(score["systems"]):
            cells = [
                score["key"] if at == 0 else "",
                escape(row["system"]),
                _n(row["value"]),
                _range(row["low"], row["high"]),
            ]
            if several:
                cells.append(f"{row['sd']:.4f} ({row['seeds']})" if row["seeds"] > 1 else "")
            if "difference" in row:
                better = {None: "open", True: "yes", False: "no"}[row["better"]]
                apart = _range(row["difference_low"], row["difference_high"], signed=True)
                cells += [_signed(row["difference"]), apart, _p(row["p_holm"]), better]
            table.add_row(*cells, style="bold" if score["key"] == d["headline"] else "")
    _print(table)
    _print("Paired bootstrap over rows; p after Holm over the systems; open: the interval holds 0.", style="dim")
    if several:
        _print(
            "Of systems with several seeds the mean, resampled over rows and seeds; sd (number) over seeds.",
            style="dim",
        )
    for cut in d.get("slices", ()):
        for one in cut["systems"]:
            show_slices(one, one["system"])
    for figure in d["published"]:
        _print(
            f"Published {figure['metric']} {figure['value']:g}: {escape(figure['by'])}. {escape(figure['note'])}",
            style="dim",
        )


def show_blend(d: Document) -> None:
    """Print a blend: who counts for how much, and how far it is from the best of its members."""
    from rich.markup import escape

    made = d["blend"]
    members = list(made["weights"][""])
    if made["rule"] == "select":
        table = NarrowTable(made["by"] or "rows", "answered by", left=(made["by"] or "rows", "answered by"))
        for group, weights in made["weights"].items():
            table.add_row(escape(group or "all other rows"), escape(max(weights, key=weights.__getitem__)))
    else:
        table = NarrowTable(made["by"] or "rows", *(escape(m) for m in members), left=(made["by"] or "rows",))
        for group, weights in made["weights"].items():
            others = "all other rows" if made["by"] else "all"
            table.add_row(escape(group or others), *(f"{weights[m]:.2f}" for m in members))
    _print(table)
    show_comparison(d)
    _print(f"{escape(made['best'])} is the best single member on these rows.", style="dim")


def show_best_worst(d: Document) -> None:
    """Print what best-worst scaling brought, beside direct labelling where there is gold."""
    how = d["best_worst"]
    steady = "steady" if not how["noise"] else f"noise {how['noise']:g}"
    _print(
        f"{how['tuples']:,} tuples of {how['size']} for each emotion, each text in {how['per_item']}, "
        f"{how['judges']} choices a tuple, {steady}"
    )
    table = NarrowTable("emotion", "split-half reliability", left=("emotion",))
    for emotion, r in how["split_half"].items():
        table.add_row(emotion, _n(r))
    _print(table)
    if "scores" in d:
        show_comparison(d)
    else:
        _print(f"{d['texts']:,} texts; {d['as_direct']:.1%} have the label that the chooser gives directly.")
    if d["left_open"]:
        _print(f"{d['left_open']:,} texts have no label, since two emotions share first place.")


def show_slices(d: Document, model: str) -> None:
    """Print a score by group."""
    from rich.markup import escape

    _print(f"[bold]{escape(model)}[/bold]: {d['key']} by {escape(d['by'])}")
    table = NarrowTable(
        *(d["by"], "rows", d["key"], "95 % interval", "from the rest", "95 % interval ", "p"),
        left=(d["by"],),
        drop=("95 % interval", "rows", "p"),
    )
    for g in d["groups"]:
        if g["small"]:
            table.add_row(escape(g["name"]), f"{g['rows']:,}", "too few", style="dim")
            continue
        apart = g["apart"] == g["apart"]
        table.add_row(
            escape(g["name"]),
            f"{g['rows']:,}",
            _n(g["value"]),
            _range(g["low"], g["high"]),
            _signed(g["apart"]) if apart else "",
            _range(g["apart_low"], g["apart_high"], signed=True) if apart else "",
            _p(g["p"]) if apart else "",
        )
    _print(table)
    if (gap := d["gap"]) is not None:
        _print(
            f"Gap {gap['value']:.4f} ({_range(gap['low'], gap['high'])}, p {_p(gap['p'])} by regrouping): "
            f"{escape(gap['best'])} best, {escape(gap['worst'])} worst. Mean of the groups {_n(d['mean'])}."
        )
    if (within := d["within"]) is not None:
        _print(
            f"Within the groups each {within['of']} of {within['number']} by itself: {within['low']:.4f} to "
            f"{within['high']:.4f}, standard deviation {within['sd']:.4f}."
        )


def show_audit(d: Document) -> None:
    """Print the rows that are probably mislabelled."""
    from rich.markup import escape

    _print(f"[bold]{escape(d['task'])}[/bold] {d['split']}: {d['rows']:,} rows, probabilities of {escape(d['model'])}")
    if d["warning"]:
        _print(d["warning"], style="bold")
    table = NarrowTable(
        "row",
        "given",
        "suggested",
        "probability",
        "usual",
        "margin",
        "similar rows",
        "votes",
        left=("row", "given", "suggested", "similar rows", "votes"),
        drop=("similar rows", "usual", "votes", "margin"),
        wrap=("given", "suggested", "similar rows", "votes"),
    )
    for s in d["suspects"]:
        probability = s["probability_added"] if s["add"] else s["probability_removed"]
        what = (
            f"{s['add']} for {s['remove']}"
            if s["add"] and s["remove"]
            else f"+ {s['add']}"
            if s["add"]
            else f"- {s['remove']}"
        )
        table.add_row(
            escape(s["id"]),
            ", ".join(s["given"]) or "none",
            what,
            f"{probability:.3f}",
            f"{s['threshold']:.3f}",
            f"{s['margin']:.3f}",
            escape(", ".join(f"{n['id']} {n['similarity']:.2f}" for n in s["neighbours"])),
            ", ".join(f"{label} {share:.0%}" for label, share in (s["votes"] or {}).items()),
        )
    _print(table)
    worst = sorted((v, k) for k, v in d["noise"].items() if v == v)[-5:][::-1]
    if worst:
        _print("Estimated share of wrong answers by label: " + ", ".join(f"{k} {v:.1%}" for v, k in worst) + ".")
    _print("usual: mean probability of the suggested answer among rows that have it. A person decides.", style="dim")


def show_curve(d: Document) -> None:
    """Print a learning curve."""
    from rich.markup import escape

    _print(f"[bold]{escape(d['title'])}[/bold]: {d['key']} by training rows, {d['split']}")
    table = NarrowTable("rows", d["key"], "95 % interval", "runs", "fitted")
    law = d["law"]
    for p in d["points"]:
        fitted = law["best"] - (law["a"] * p["size"] ** -law["b"] + law["c"])
        table.add_row(f"{p['size']:,}", _n(p["value"]), _range(p["low"], p["high"]), str(p["runs"]), _n(fitted))
    _print(table)
    gain, twice = d["gain"], d["twice"]
    _print(
        f"Twice the rows ({2 * d['points'][-1]['size']:,}) would bring {gain['value']:+.4f} "
        f"({_range(gain['low'], gain['high'], signed=True)}), to {twice['value']:.4f} "
        f"({_range(twice['low'], twice['high'])})."
    )
    _print(
        f"{law['best']:g} - ({law['a']:.3g} n^-{law['b']:.3g} + {law['c']:.3g}), if it holds beyond what was measured.",
        style="dim",
    )


def show_matrix(d: Document) -> None:
    """Print models against tasks."""
    from rich.markup import escape

    table = NarrowTable(
        "task",
        "score",
        "model",
        "value",
        "95 % interval",
        "bits lost",
        "never given",
        left=("task", "score", "model", "never given"),
        drop=("never given", "bits lost", "95 % interval"),
        wrap=("never given",),
    )
    for t in d["tasks"]:
        for cell in (c for c in d["cells"] if c["task"] == t["id"]):
            way = cell.get("map") or {}
            if "value" not in cell:
                table.add_row(t["id"], t["headline"], escape(cell["model"]), "no way", "", "", "")
                continue
            lost = f"{way['bits_lost']:.2f} of {way['bits_before']:.2f}" if "bits_lost" in way else ""
            table.add_row(
                t["id"],
                t["headline"],
                escape(cell["model"]),
                _n(cell["value"]),
                _range(cell["low"], cell["high"]),
                lost,
                ", ".join(way.get("never_given", ())),
            )
    _print(table)
    for cell in (c for c in d["cells"] if c["why_not"]):
        _print(f"{escape(cell['why_not'])}.", style="dim")


def show_results(found: list[Document], *, whole: bool) -> None:
    """Print recorded runs: their headline scores, or of one task every score that is worth showing."""
    from rich.markup import escape

    if not found:
        _print("No run is recorded. `affekt bench run` and `affekt train --floor` make runs.")
        return
    table = NarrowTable(
        *("task", "score", "system", "value", "95 % interval", "rows"),
        left=("task", "score", "system"),
        drop=("rows", "95 % interval", "score"),
        wrap=("system",),
    )
    for r in found:
        for at, key in enumerate(r["shown"] if whole else r["shown"][:1]):
            for row, run in enumerate(r["runs"]):
                s = run["scores"].get(key)
                if s is None:
                    continue
                table.add_row(
                    r["task"] if at == row == 0 else "",
                    key if row == 0 else "",
                    escape(run["name"]),
                    _n(s["value"]),
                    _range(s["low"], s["high"]),
                    f"{s['n']:,}",
                )
            for p in (p for p in r["published"] if p["metric"] == key):
                table.add_row("", "", f"published: {escape(p['by'])}", f"{p['value']:.4g}", "", "", style="dim")
    _print(table)
    if whole:
        for r in found[:1]:
            _print(f"{r['title']}: {r['protocol']}.", style="dim")
            if r["caution"]:
                _print(f"Note: {escape(r['caution'])}", style="yellow")
            for p in r["published"]:
                _print(f"Published {p['metric']} {p['value']:g}: {escape(p['by'])}. {escape(p['note'])}", style="dim")


def _n(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.4f}"


def _interval(score: Score) -> str:
    return f"{_n(score.low)} to {_n(score.high)}" if score.low == score.low else ""


def show_run(run: Run, *, as_json: bool, per_label: bool, stored_in: str) -> None:
    """Print a run."""
    from affekt.bench.tasks import task
    from affekt.cli.bench import dumps

    chosen = task(run.task)
    if as_json:
        from dataclasses import asdict

        click.echo(
            dumps(
                {
                    "task": run.task,
                    "task_version": run.task_version,
                    "model": run.model,
                    "split": run.spec["split"],
                    "rows": run.notes["rows"],
                    "scores": {key: asdict(s) for key, s in run.scores.items()},
                    "abstained": dict(run.abstained),
                    "published": [asdict(p) for p in chosen.published],
                    "caution": chosen.entry.caution or None,
                    "notes": run.notes if per_label else {k: v for k, v in run.notes.items() if k != "per_label"},
                }
            )
        )
        return
    from affekt.cli._tables import terminal

    notes: dict[str, Any] = dict(run.notes)
    console = terminal()
    rate = notes.get("timing", {}).get("rows_per_second")
    speed = f", {rate:,.0f} a second" if rate else ""
    console.print(f"[bold]{chosen.title}[/bold]: {run.model} on {run.spec['split']}, {notes['rows']:,} rows{speed}")
    table = NarrowTable("score", "value", "95 % interval", "rows", "published", left=("score",), drop=("rows",))
    for key, s in run.scores.items():
        beside = ", ".join(f"{p.value:g}" for p in chosen.published if p.metric == key)
        style = "bold" if key == chosen.entry.headline else ""
        table.add_row(key, _n(s.value), _interval(s), f"{s.n:,}", beside, style=style)
    console.print(table)
    if clusters := notes.get("clusters"):
        console.print(f"Intervals draw {clusters['number']} {clusters['of']}s anew, not rows.")
    if chosen.entry.caution:
        console.print(f"Note: {chosen.entry.caution}", style="yellow")
    if run.abstained:
        reasons = "; ".join(f"{n:,} {reason}" for reason, n in run.abstained.items())
        rule = "Label scores count these as no label" if chosen.space.labels else "The scores leave these out"
        console.print(f"Without an answer: {reasons}. {rule}.")
    if notes.get("error_seconds") and notes["duration"]:
        kinds = ", ".join(
            f"{s / notes['duration']:.1%} {k.replace('_', ' ')}" for k, s in notes["error_seconds"].items()
        )
        console.print(f"Of {notes['duration']:,.1f} s: {kinds}.")
    if notes.get("risk_coverage", {}).get("rows"):
        points = {p["coverage"]: p["risk"] for p in notes["risk_coverage"]["points"]}
        shown = ", ".join(f"{points[c]:.3f} at {c:.0%}" for c in (0.2, 0.5, 0.8, 1.0))
        console.print(f"Risk that the top label is wrong when only the most confident are answered: {shown}.")
    for name, found in notes.get("interval_coverage", {}).items():
        if found["ratings"]:
            console.print(
                f"{name}: {found['coverage']:.1%} of {found['ratings']:,} single ratings lie in the interval, "
                f"which is {found['width']:.2f} wide on average."
            )
    if per_label and "per_label" in notes:
        unit = ", s" if notes.get("unit") == "seconds" else ""
        last = (f"actual{unit}", f"predicted{unit}")
        heads = ("label", "precision", "recall", "F1", "95 % interval", *last)
        labels = NarrowTable(*heads, left=("label",), drop=(last[1], "precision", "recall"))
        for name, row in notes["per_label"].items():
            labels.add_row(
                name,
                _n(row["precision"]),
                _n(row["recall"]),
                _n(row["f1"]),
                f"{_n(row['f1_low'])} to {_n(row['f1_high'])}",
                f"{row['actual']:,}",
                f"{row['predicted']:,}",
            )
        console.print(labels)
    for figure in chosen.published:
        console.print(f"Published {figure.metric} {figure.value:g}: {figure.by}. {figure.note}", style="dim")
    console.print(f"Every prediction is in {stored_in}.", style="dim")
