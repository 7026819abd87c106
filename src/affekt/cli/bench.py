"""`affekt bench`: measure a model on a task, score a stored run again, compare two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from affekt.core.run import Run, Score

__all__ = ["command"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
_LABELS = click.option("--per-label", is_flag=True, help="Also print a row for each label.")


@click.group(name="bench")
def command() -> None:
    """Measure models on published corpora, with intervals."""


@command.command(name="list")
@_JSON
def list_(as_json: bool) -> None:
    """Name all tasks."""
    from affekt.bench.tasks import task
    from affekt.catalog.tasks import tasks

    found = [task(name) for name in tasks()]
    if as_json:
        click.echo(
            _dumps(
                [
                    {
                        "id": t.id,
                        "title": t.entry.title,
                        "version": t.entry.version,
                        "corpus": t.entry.corpus,
                        "space": t.space.id,
                        "split": t.entry.split,
                        "scores": list(t.keys),
                    }
                    for t in found
                ]
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("task", "what", "corpus", "split", "rows", "first score"):
        table.add_column(head, justify="right" if head == "rows" else "left")
    for t in found:
        rows = t.corpus.splits[t.entry.split].rows
        table.add_row(t.id, t.entry.title, t.entry.corpus, t.entry.split, f"{rows:,}", t.entry.headline)
    Console().print(table)


@command.command()
@click.argument("task")
@click.option("--model", metavar="NAME", required=True, help="Name or folder of the model; see `affekt models list`.")
@click.option(
    "--data", metavar="DIR", default=None, help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]"
)
@click.option("--out", metavar="RUN_DIR", required=True, help="Folder for run.json and predictions.parquet.")
@click.option("--split", default=None, help="Split to run on.  [default: the one that the task reports, test]")
@click.option("--bootstrap", "samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Resamples.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap.")
@_LABELS
@_JSON
def run(
    task: str,
    model: str,
    data: str | None,
    out: str,
    split: str | None,
    samples: int,
    seed: int,
    per_label: bool,
    as_json: bool,
) -> None:
    """Run a model on TASK, store every prediction, and print the scores with 95 % intervals."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affekt.bench.runs import run_task
    from affekt.bench.tasks import task as look_up
    from affekt.corpora.files import data_folder

    # What is named wrongly is said before a model is loaded.
    look_up(task).check_split(split)
    data_folder(data)
    from affekt.models.registry import load

    recogniser = load(model)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(f"{task} {split or ''}".strip(), total=None)
        record = run_task(
            task,
            recogniser,
            out=out,
            data=data,
            split=split,
            samples=samples,
            seed=seed,
            progress=lambda done, total: bar.update(line, completed=done, total=total),
        )
    _show(record, as_json=as_json, per_label=per_label, stored_in=out)


@command.command()
@click.argument("run_dir")
@click.option(
    "--bootstrap", "samples", type=click.IntRange(min=1), default=None, help="Resamples.  [default: the run's]"
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the bootstrap.  [default: the run's]")
@_LABELS
@_JSON
def score(run_dir: str, samples: int | None, seed: int | None, per_label: bool, as_json: bool) -> None:
    """Compute the scores of RUN_DIR again from its stored predictions, without a model."""
    from affekt.bench.runs import largest_change, rescore
    from affekt.core.errors import DataError

    stored, now = rescore(run_dir, samples=samples, seed=seed)
    _show(now, as_json=as_json, per_label=per_label, stored_in=run_dir)
    change = largest_change(stored, now)
    if change > 0:
        raise DataError(
            f"The scores differ from those that were stored, by up to {change:.3g}",
            where=run_dir,
            hint="The predictions were changed, or another version of Affekt made the run.",
        )
    click.echo("The scores agree exactly with those that were stored.", err=True)


@command.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--bootstrap", "samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Resamples.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap.")
@_JSON
def compare(run_a: str, run_b: str, samples: int, seed: int, as_json: bool) -> None:
    """Print how far RUN_A is from RUN_B, with a paired bootstrap interval."""
    from affekt.bench.compare import compare as compare_runs
    from affekt.bench.runs import read_run
    from affekt.metrics.registry import METRICS

    rows = compare_runs(run_a, run_b, samples=samples, seed=seed)
    if as_json:
        click.echo(
            _dumps(
                {
                    key: {"a": a, "b": b, "difference": d.value, "low": d.low, "high": d.high, "p": d.p, "n": d.n}
                    for key, (a, b, d) in rows.items()
                }
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    (first, _), (second, _) = read_run(run_a), read_run(run_b)
    console.print(f"[bold]{first.task}[/bold] {first.spec['split']}: A = {first.model}, B = {second.model}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("score", "A", "B", "A - B", "95 % interval", "p", "better"):
        table.add_column(head, justify="left" if head in ("score", "better") else "right", no_wrap=True)
    for key, (a, b, d) in rows.items():
        metric = METRICS.get(key) or METRICS[key.rsplit("_", 1)[0]]
        sure = d.low > 0 or d.high < 0
        better = ("A" if (d.value > 0) == metric.higher_is_better else "B") if sure else "open"
        interval = f"{d.low:+.4f} to {d.high:+.4f}"
        table.add_row(key, _n(a), _n(b), f"{d.value:+.4f}", interval, f"{d.p:.3f}", better)
    console.print(table)
    console.print("Paired bootstrap over rows; open: the interval holds 0.", style="dim")


def _dumps(value: object) -> str:
    import json

    from affekt.bench.runs import plain

    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def _n(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.4f}"


def _interval(score: Score) -> str:
    return f"{_n(score.low)} to {_n(score.high)}" if score.low == score.low else ""


def _show(run: Run, *, as_json: bool, per_label: bool, stored_in: str) -> None:
    from affekt.bench.tasks import task

    chosen = task(run.task)
    if as_json:
        from dataclasses import asdict

        click.echo(
            _dumps(
                {
                    "task": run.task,
                    "task_version": run.task_version,
                    "model": run.model,
                    "split": run.spec["split"],
                    "rows": run.notes["rows"],
                    "scores": {key: asdict(s) for key, s in run.scores.items()},
                    "abstained": dict(run.abstained),
                    "published": [asdict(p) for p in chosen.published],
                    "notes": run.notes if per_label else {k: v for k, v in run.notes.items() if k != "per_label"},
                }
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    notes: dict[str, Any] = dict(run.notes)
    console = Console(highlight=False)
    rate = notes.get("timing", {}).get("rows_per_second")
    speed = f", {rate:,.0f} a second" if rate else ""
    console.print(
        f"[bold]{chosen.entry.title}[/bold]: {run.model} on {run.spec['split']}, {notes['rows']:,} rows{speed}"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("rows", justify="right")
    table.add_column("published", justify="right")
    for key, s in run.scores.items():
        beside = ", ".join(f"{p.value:g}" for p in chosen.published if p.metric == key)
        style = "bold" if key == chosen.entry.headline else ""
        table.add_row(key, _n(s.value), _interval(s), f"{s.n:,}", beside, style=style)
    console.print(table)
    if run.abstained:
        reasons = "; ".join(f"{n:,} {reason}" for reason, n in run.abstained.items())
        rule = "Label scores count these as no label" if chosen.space.labels else "The scores leave these out"
        console.print(f"Without an answer: {reasons}. {rule}.")
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
        labels = Table(box=None, pad_edge=False, header_style="bold")
        for head in ("label", "precision", "recall", "F1", "95 % interval", "actual", "predicted"):
            labels.add_column(head, justify="left" if head == "label" else "right")
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
