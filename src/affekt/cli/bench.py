"""`affekt bench`: measure models and tables of predictions on tasks, and learn from the runs they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affekt.cli._bench_combine import best_worst, blend
from affekt.cli._bench_folds import folds
from affekt.cli._bench_options import ALONE, BOOTSTRAP_SEED, DATA, JSON, LABELS, OUT, SAMPLES, SPLIT
from affekt.cli._bench_reliance import reliance
from affekt.cli._bench_robustness import robustness
from affekt.cli._bench_transition import transition
from affekt.cli._progress import progress_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from affekt.bench.compare import Comparison
    from affekt.bench.tasks import Task

__all__ = ["command", "dumps"]

_TRAIN_ROWS = click.option(
    "--train-rows", type=click.IntRange(min=1), help="Rows that the system was trained on, for learning curves."
)
_BY = click.option(
    "--by", multiple=True, help="Also score groups of rows by this column, such as `language`; several times."
)
_MIN_ROWS = click.option(
    "--min-rows",
    type=click.IntRange(min=2),
    default=50,
    show_default=True,
    help="Groups with fewer rows are shown as too small.",
)


@click.group(name="bench")
def command() -> None:
    """Measure models on published corpora, with intervals."""


command.add_command(best_worst)
command.add_command(blend)
command.add_command(folds)
command.add_command(reliance)
command.add_command(transition)
command.add_command(robustness)


@command.command(name="list")
@JSON
def list_(as_json: bool) -> None:
    """Name all tasks."""
    from affekt.bench.tasks import task
    from affekt.catalog.tasks import tasks

    found = [task(name) for name in tasks()]
    if as_json:
        click.echo(
            dumps(
                [
                    {
                        "id": t.id,
                        "title": t.entry.title,
                        "version": t.entry.version,
                        "corpus": t.entry.corpus,
                        "space": t.space.id,
                        "split": t.entry.split,
                        "parts": list(t.corpus.matrix),
                        "scores": list(t.keys),
                    }
                    for t in found
                ]
            )
        )
        return
    from affekt.cli._tables import NarrowTable, terminal

    heads = ("task", "what", "corpus", "split", "rows", "first score")
    words = tuple(head for head in heads if head != "rows")
    table = NarrowTable(*heads, left=words, drop=("corpus", "split", "rows"), wrap=("what",))
    for t in found:
        rows = t.corpus.rows_in(t.entry.split)
        table.add_row(t.id, t.entry.title, t.entry.corpus, t.entry.split, f"{rows:,}", t.entry.headline)
    terminal().print(table)


@command.command()
@click.argument("task")
@click.option("--model", metavar="NAME", required=True, help="Name or folder of the model; see `affekt models list`.")
@click.option("--emotions", metavar="NAME", help="Of a task about pairs of emotion and cause, the model of emotions.")
@click.option(
    "--demonstrations",
    metavar="DIR",
    help="Mix in what the nearest turns of this repository are labelled, as much of it as serves the dev split; "
    "see `affekt demonstrations`. With --prompt: show them to the language model.",
)
@click.option(
    "--prompt",
    metavar="NAME",
    help="Ask a language model with this prompt (emotion-in-conversation, emotion-bare); --model is its folder, or an "
    "address such as http://localhost:8000/v1#NAME, to which the texts are sent.",
)
@click.option("--adapter", metavar="DIR", help="With --prompt: a LoRA adapter of `affekt train --prompt`.")
@DATA
@OUT
@SPLIT
@_TRAIN_ROWS
@ALONE
@SAMPLES
@BOOTSTRAP_SEED
@LABELS
@JSON
def run(
    task: str,
    model: str,
    emotions: str | None,
    demonstrations: str | None,
    prompt: str | None,
    adapter: str | None,
    data: str | None,
    out: str,
    split: str | None,
    train_rows: int | None,
    alone: bool,
    samples: int,
    seed: int,
    per_label: bool,
    as_json: bool,
) -> None:
    """Run a model on TASK, store every prediction, and print the scores with 95 % intervals."""
    from affekt.bench.causes import CAUSES
    from affekt.bench.runs import run_causes, run_conflicts, run_task
    from affekt.bench.tasks import task as look_up
    from affekt.cli._bench_tables import show_run
    from affekt.core.errors import InputError
    from affekt.corpora.files import data_folder

    # What is named wrongly is said before a model is loaded.
    chosen = look_up(task)
    chosen.check_split(split)
    data_folder(data)
    if adapter is not None and prompt is None:
        raise InputError("--adapter belongs to --prompt")
    if emotions is not None and chosen.entry.target != "cause-pairs":
        raise InputError(f"{task!r} gives the emotions, or asks for nothing else", hint="Leave out --emotions.")
    from affekt.models.registry import load, load_any, load_causes

    with progress_line(f"{task} {split or ''}".strip()) as report:
        kept: dict[str, Any] = {
            "out": out,
            "data": data,
            "split": split,
            "samples": samples,
            "seed": seed,
            "progress": report,
        }
        if chosen.entry.target in CAUSES:
            finder, teller = load_causes(model), load(emotions) if emotions else None
            folders = [finder.folder, *([teller.folder] if teller else [])]
            find = finder.spans if chosen.entry.headline.startswith("span_") else finder.links
            record = run_causes(task, find, model=finder.name, emotions=teller, weights=folders, **kept)
        elif chosen.entry.target == "conflicts":
            record = run_conflicts(task, load(model), **kept)
        else:
            reader = load_any(model) if prompt is None else _prompted(chosen, prompt, model, adapter, demonstrations)
            if demonstrations is not None and prompt is None:
                reader = _with_nearest(task, reader, demonstrations, data)
            record = run_task(task, reader, train_rows=train_rows, alone=alone, **kept)
    show_run(record, as_json=as_json, per_label=per_label, stored_in=out)


def _prompted(chosen: Task, prompt: str, model: str, adapter: str | None, folder: str | None) -> Any:
    """A language model that is asked about each turn."""
    from affekt.models.demonstrations import Demonstrations
    from affekt.models.llm import open_backend
    from affekt.models.prompting import PromptedRecogniser, PromptWriter
    from affekt.models.registry import load

    held = Demonstrations.load(folder) if folder is not None else None
    writer = PromptWriter(prompt, space=chosen.space.id, reader=load(), held=held)
    return PromptedRecogniser(open_backend(model, adapter=adapter), writer)


def _with_nearest(task: str, reader: Any, folder: str, data: str | None) -> Any:
    """The model beside a repository, with what is free chosen on the task's dev split."""
    from affekt.bench.tasks import task as look_up
    from affekt.corpora.read import read
    from affekt.models.demonstrations import Demonstrations, Interpolated
    from affekt.train.nearest import choose_nearest, choose_share

    chosen = look_up(task)
    held = Demonstrations.load(folder)
    examples = read(chosen.corpus, split=chosen.check_split("dev"), data=data)
    dev = [(clip, gold.labels) for clip, gold in examples if gold.labels and (clip.text or "").strip()]
    nearest = choose_nearest(held, dev, score=chosen.entry.headline)
    share = choose_share(reader, nearest, dev)
    click.echo(f"{nearest.most} nearest of {held.facts.source}, weighing {share:g} beside the model", err=True)
    return Interpolated(reader, nearest, share=share)


@command.command()
@click.argument("what", metavar="RUN_DIR|TASK")
@click.option("--predictions", metavar="FILE", help="Score this table (.csv, .tsv, .jsonl, .parquet) on TASK.")
@click.option("--out", metavar="RUN_DIR", help="Folder for the run that is made of the table.")
@click.option("--name", help="What the run is called.  [default: the name of the file]")
@click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Probability from which a label counts as given, where the table does not name labels.",
)
@DATA
@SPLIT
@_TRAIN_ROWS
@click.option(
    "--bootstrap", "samples", type=click.IntRange(min=1), default=None, help="Resamples.  [default: the run's, or 1000]"
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the bootstrap.  [default: the run's, or 0]")
@LABELS
@JSON
def score(
    what: str,
    predictions: str | None,
    out: str | None,
    name: str | None,
    threshold: float,
    data: str | None,
    split: str | None,
    train_rows: int | None,
    samples: int | None,
    seed: int | None,
    per_label: bool,
    as_json: bool,
) -> None:
    """Score predictions of your own on a TASK, or a stored run again, without a model.

    With --predictions the table needs a column `id` and either `labels` or a column for each label or value of the
    task; of a task about timelines, segments as RTTM, JSON or a table; of a task about causes, questions, pairs or rows
    of an analysis. See the documentation for the formats. Without, the scores of RUN_DIR are computed again from its
    stored predictions.
    """
    from affekt.cli._bench_tables import show_run
    from affekt.core.errors import DataError, InputError

    if predictions is not None:
        from affekt.bench.submissions import score_predictions

        if out is None:
            raise InputError("A folder for the run is missing", where="--out", hint="Name one with --out RUN_DIR.")
        made = score_predictions(
            what,
            predictions,
            out=out,
            data=data,
            split=split,
            system=name,
            threshold=threshold,
            train_rows=train_rows,
            samples=1000 if samples is None else samples,
            seed=seed or 0,
        )
        show_run(made, as_json=as_json, per_label=per_label, stored_in=out)
        return
    from affekt.bench.runs import largest_change, rescore

    stored, now = rescore(what, samples=samples, seed=seed)
    show_run(now, as_json=as_json, per_label=per_label, stored_in=what)
    change = largest_change(stored, now)
    if change > 0:
        raise DataError(
            f"The scores differ from those that were stored, by up to {change:.3g}",
            where=what,
            hint="The predictions were changed, or another version of Affekt made the run.",
        )
    click.echo("The scores agree exactly with those that were stored.", err=True)


@command.command()
@click.argument("task", required=False)
@JSON
def results(task: str | None, as_json: bool) -> None:
    """Show recorded runs beside floors and published figures: of all tasks, or of TASK with its parts."""
    from affekt.bench.results import document
    from affekt.bench.results import results as look_up
    from affekt.cli._bench_tables import show_results

    found = document(look_up(task))
    if as_json:
        click.echo(dumps(found))
    else:
        show_results(found, whole=task is not None)


@command.command()
@click.argument("runs", metavar="RUN...", nargs=-1)
@click.option(
    "--group",
    "groups",
    metavar="NAME=RUN,RUN,...",
    multiple=True,
    help="Runs of one system that differ in the seed alone; may be given several times.",
)
@click.option("--baseline", help="What the others are set against: a name or a folder.  [default: the first]")
@_BY
@_MIN_ROWS
@click.option("--score", "key", help="Score of the groups.  [default: the first of the task]")
@click.option("--out", metavar="PAGE.html", help="Also write a page that needs nothing but a browser.")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def compare(
    runs: tuple[str, ...],
    groups: tuple[str, ...],
    baseline: str | None,
    by: tuple[str, ...],
    min_rows: int,
    key: str | None,
    out: str | None,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Set runs of one task against each other: scores, paired differences, p-values.

    Differences come with 95 % intervals from a paired bootstrap over rows, and over seeds where a system has
    several, and with p-values that Holm's method corrects for the number of systems.
    """
    from affekt.bench import compare as compare_runs
    from affekt.bench.compare import document
    from affekt.cli._bench_tables import show_comparison
    from affekt.report.evaluation import write_comparison

    found = compare_runs(runs, groups=_groups(groups), baseline=baseline, samples=samples, seed=seed)
    shown = document(found)
    cuts = [_slices_of(found, column, key, min_rows) for column in by]
    if cuts:
        shown["slices"] = cuts
    _tell(shown, show_comparison, write_comparison, out=out, as_json=as_json)


def _slices_of(found: Comparison, by: str, key: str | None, min_rows: int) -> dict[str, Any]:
    from affekt.bench.slices import document, slices

    systems = []
    for system in found.systems:
        cut = slices(
            found.task, system.answers[0], by=by, key=key, min_rows=min_rows, samples=found.samples, seed=found.seed
        )
        systems.append({"system": system.name, **document(cut)})
    return {"by": by, "key": systems[0]["key"], "systems": systems}


def _groups(given: tuple[str, ...]) -> dict[str, list[str]]:
    from affekt.core.errors import InputError

    out: dict[str, list[str]] = {}
    for text in given:
        name, found, members = text.partition("=")
        folders = [part.strip() for part in members.split(",") if part.strip()]
        if not found or not name.strip() or not folders:
            raise InputError(f"{text!r} names no group of runs", where="--group", hint="Write NAME=RUN,RUN,RUN.")
        if name.strip() in out:
            raise InputError(f"The group {name.strip()!r} is named twice", where="--group")
        out[name.strip()] = folders
    return out


@command.command()
@click.argument("run_dir")
@click.option("--by", required=True, help="Column to compare by, such as `language`; the run stores what there is.")
@_MIN_ROWS
@click.option("--score", "key", help="Score of the groups.  [default: the first of the task]")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def slices(run_dir: str, by: str, min_rows: int, key: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Score each group of rows of RUN_DIR by itself, with the gaps between them."""
    from affekt.bench.runs import read_run
    from affekt.bench.slices import document
    from affekt.bench.slices import slices as cut
    from affekt.bench.tasks import task
    from affekt.cli._bench_tables import show_slices

    run, answers = read_run(run_dir)
    shown = document(cut(task(run.task), answers, by=by, key=key, min_rows=min_rows, samples=samples, seed=seed))
    if as_json:
        click.echo(dumps(shown))
    else:
        show_slices(shown, run.model)


@command.command()
@click.argument("run_dir")
@DATA
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Rows to name.")
@click.option("--out", metavar="PAGE.html", help="Also write a page that needs nothing but a browser.")
@JSON
def audit(run_dir: str, data: str | None, most: int, out: str | None, as_json: bool) -> None:
    """Name the rows of RUN_DIR whose labels are probably wrong, with the evidence.

    The run must have probabilities, of rows that its model was not trained on. Texts are compared here and not
    shown; the ids say where they stand in the corpus.
    """
    from affekt.bench import audit as audit_run
    from affekt.bench.audit import document
    from affekt.cli._bench_tables import show_audit
    from affekt.report.evaluation import write_audit

    shown = document(audit_run(run_dir, data=data, limit=most))
    _tell(shown, show_audit, write_audit, out=out, as_json=as_json)


@command.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--sizes", metavar="N,N,...", help="Training rows of each run.  [default: what the runs say]")
@click.option("--score", "key", help="Score to fit.  [default: the first of the task]")
@click.option("--out", metavar="PAGE.html", help="Also write a page that needs nothing but a browser.")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def curve(
    runs: tuple[str, ...],
    sizes: str | None,
    key: str | None,
    out: str | None,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Fit a learning curve to runs of different training sizes: what would twice the rows bring?"""
    from affekt.bench import curve as fit
    from affekt.bench.curve import document
    from affekt.cli._bench_tables import show_curve
    from affekt.core.errors import InputError
    from affekt.report.evaluation import write_curve

    try:
        stated = None if sizes is None else [int(part) for part in sizes.split(",")]
    except ValueError as err:
        raise InputError(f"{sizes!r} are not whole numbers", where="--sizes", hint="Write 100,200,400.") from err
    shown = document(fit(runs, sizes=stated, key=key, samples=samples, seed=seed))
    _tell(shown, show_curve, write_curve, out=out, as_json=as_json)


@command.command()
@click.option("--models", required=True, metavar="NAME,NAME,...", help="Names or folders of models.")
@click.option("--tasks", required=True, metavar="TASK,TASK,...", help="Tasks; see `affekt bench list`.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the runs, and the page matrix.html.")
@DATA
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def matrix(models: str, tasks: str, out: str, data: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Run every model on every task, over maps where the labels differ, with what these lose.

    Runs that are there already are kept, so a broken-off matrix goes on where it stopped.
    """
    from functools import partial
    from pathlib import Path

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from affekt.bench import matrix as run_all
    from affekt.bench.matrix import document
    from affekt.bench.tasks import task
    from affekt.cli._bench_tables import show_matrix
    from affekt.models.registry import load, model_folder
    from affekt.report.evaluation import write_matrix

    names, wanted = ([part.strip() for part in text.split(",") if part.strip()] for text in (models, tasks))
    # What is named wrongly is said before anything runs.
    for name in wanted:
        task(name)
    for name in names:
        model_folder(name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("matrix", total=None)

        def told(model: str, name: str, done: int, total: int) -> None:
            bar.update(line, description=f"{model} on {name}", completed=done, total=total)

        found = run_all(
            {name: partial(load, name) for name in names},
            wanted,
            out=out,
            data=data,
            samples=samples,
            seed=seed,
            progress=told,
        )
    shown = document(found)
    page = Path(out) / "matrix.html"
    write_matrix(shown, page, command=_command_line())
    if as_json:
        click.echo(dumps(shown))
    else:
        show_matrix(shown)
        click.echo(f"The page is {page}.")


def _tell(
    shown: dict[str, Any], show: Callable[..., None], write: Callable[..., Any], *, out: str | None, as_json: bool
) -> None:
    """Print what was found, as tables or JSON, and write its page where one is asked for."""
    if out is not None:
        write(shown, out, command=_command_line())
    if as_json:
        click.echo(dumps(shown))
        return
    show(shown)
    if out is not None:
        click.echo(f"The page is {out}.")


def _command_line() -> str:
    """The command as it was called, for the page that it makes."""
    import shlex
    import sys

    return " ".join(["affekt", *map(shlex.quote, sys.argv[1:])]) if sys.argv[1:2] == ["bench"] else ""


def dumps(value: object) -> str:
    """JSON for people and programs; what is undefined is null."""
    import json

    from affekt.bench.runs import plain

    return json.dumps(plain(value), indent=2, ensure_ascii=False)
