"""Verbs of `affekt bench` that make new runs: out of other runs, or out of choices between texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affekt.cli._bench_options import BOOTSTRAP_SEED, DATA, JSON, SAMPLES, SPLIT

if TYPE_CHECKING:
    from affekt.bench.bestworst import Plan
    from affekt.core.protocols import Recogniser

__all__ = ["best_worst", "blend"]


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--rule",
    type=click.Choice(["vote", "mean", "select"]),
    required=True,
    help="vote: labels by majority; mean: of probabilities or values; select: the best member answers.",
)
@click.option(
    "--dev",
    metavar="RUN,RUN,...",
    default="",
    help="The same members' runs on the selection split, in the same order: weights and thresholds come from there.",
)
@click.option("--weights", metavar="W,W,...", help="Weights of the members.  [default: from --dev, else equal]")
@click.option("--by", help="Column to choose by apart for each of its values, such as `language`.")
@click.option("--score", "key", help="Score to choose by.  [default: the first of the task]")
@click.option("--name", help="What the run is called.")
@click.option("--out", metavar="RUN_DIR", required=True, help="Folder for the blended run.")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def blend(
    runs: tuple[str, ...],
    rule: str,
    dev: str,
    weights: str | None,
    by: str | None,
    key: str | None,
    name: str | None,
    out: str,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Make one run out of several of one task, and set it against the best of them.

    Weights, thresholds and the member that answers for a group are chosen on the runs of --dev and on nothing else.
    The best single member, which the blend is compared with, is the best on the very rows that are scored.
    """
    from affekt.bench.blend import blend as make
    from affekt.bench.compare import compare, document
    from affekt.cli._bench_tables import show_blend
    from affekt.cli.bench import dumps
    from affekt.core.errors import InputError

    try:
        stated = None if weights is None else [float(part) for part in weights.split(",")]
    except ValueError as err:
        raise InputError(f"{weights!r} are not numbers", where="--weights", hint="Write 0.5,0.3,0.2.") from err
    made = make(
        runs,
        rule=rule,  # type: ignore[arg-type]
        out=out,
        dev=[part.strip() for part in dev.split(",") if part.strip()],
        weights=stated,
        by=by,
        key=key,
        name=name,
        samples=samples,
        seed=seed,
    )
    shown = document(compare([*runs, out], baseline=made.best, samples=samples, seed=seed), calibrated=False)
    shown["blend"] = {"rule": rule, "best": made.best, "by": by, "weights": made.weights}
    if as_json:
        click.echo(dumps(shown))
    else:
        show_blend(shown)
        click.echo(f"The run is in {out}.")


@click.command(name="best-worst")
@click.argument("what", metavar="TASK|FILE")
@click.option("--model", metavar="NAME", help="Chooser: a model, whose probabilities are how much it sees.")
@click.option("--prototypes", is_flag=True, help="Chooser: nearness to the names of the emotions; needs `train`.")
@click.option("--size", type=click.IntRange(min=2), default=4, show_default=True, help="Texts in a tuple.")
@click.option("--per-item", type=click.IntRange(min=1), default=8, show_default=True, help="Tuples for each text.")
@click.option("--judges", type=click.IntRange(min=1), default=1, show_default=True, help="Choices in each tuple.")
@click.option(
    "--noise",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How unsteady a judge is, in standard deviations of what the chooser sees in all texts.",
)
@click.option("--deal-seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of deal and noise.")
@click.option("--space", "into", help="Of a FILE: the label space whose emotions are chosen by, such as `ekman`.")
@click.option("--column", help="Of a FILE: column of the text.")
@click.option("--id-column", help="Of a FILE: column of the id.")
@DATA
@SPLIT
@click.option("--out", metavar="DIR", required=True, help="Folder for the two runs, or the table of scores.")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def best_worst(
    what: str,
    model: str | None,
    prototypes: bool,
    size: int,
    per_item: int,
    judges: int,
    noise: float,
    deal_seed: int,
    into: str | None,
    column: str | None,
    id_column: str | None,
    data: str | None,
    split: str | None,
    out: str,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Label texts by best-worst scaling, and beside it directly, by the same chooser.

    Texts are dealt into balanced tuples; a chooser picks the most and the least of each emotion; counts make scores,
    and the highest gives the label. Of a TASK, two runs are stored and compared. Of a FILE, the scores and labels
    of its texts go to scores.csv.
    """
    from pathlib import Path

    from affekt.bench.bestworst import DIRECT, SCALED, Plan, scale_task
    from affekt.bench.compare import compare, document
    from affekt.bench.tasks import task as look_up
    from affekt.cli._bench_tables import show_best_worst
    from affekt.cli.bench import dumps
    from affekt.core.errors import InputError

    if (model is None) != prototypes:
        raise InputError("Name one chooser", hint="Give --model NAME, or --prototypes.")
    plan = Plan(size=size, per_item=per_item, judges=judges, noise=noise, seed=deal_seed)
    if Path(what).suffix:
        if into is None:
            raise InputError("Which emotions are chosen by is not known", where="--space", hint="Try --space ekman.")
        shown = _scale_file(Path(what), _chooser(model, into), into, plan, Path(out), column, id_column)
    else:
        chosen = look_up(what)
        chosen.check_split(split)
        chooser = _chooser(model, chosen.space.id)
        found, runs = scale_task(what, chooser, out=out, plan=plan, data=data, split=split, samples=samples, seed=seed)
        folders = [str(Path(out) / kind) for kind in (DIRECT, SCALED)]
        shown = document(compare(folders, samples=samples, seed=seed), calibrated=False)
        shown["best_worst"] = runs[SCALED].spec["best_worst"]
        shown["left_open"] = sum(label is None for label in found.labels.values())
    if as_json:
        click.echo(dumps(shown))
    else:
        show_best_worst(shown)
        click.echo(f"Written to {out}.")


def _chooser(model: str | None, into: str) -> Recogniser:
    if model is None:
        from affekt.train.prototypes import prototypes

        return prototypes(into)
    from affekt.models.registry import load

    return load(model)


def _scale_file(
    file: Any, chooser: Recogniser, into: str, plan: Plan, out: Any, column: str | None, id_column: str | None
) -> dict[str, Any]:
    """Scale the texts of a table, and write their scores and both labels."""
    import csv

    from affekt.bench.bestworst import scale, strengths
    from affekt.bench.runs import make_folder
    from affekt.catalog.spaces import space
    from affekt.media.columns import Columns
    from affekt.media.text import FileSource, ReadOptions

    options = ReadOptions(columns=Columns(text=column, id=id_column))
    clips = [row.clip for row in FileSource(file, options) if row.problem is None and row.clip.text]
    predictions, table = strengths(chooser, clips, into)
    answered = [i for i, p in enumerate(predictions) if p.scores]
    labels = space(into).labels
    found = scale([clips[i].id for i in answered], table[answered], labels, plan=plan)
    direct = {clips[i].id: labels[int(table[i].argmax())] for i in answered}
    columns = {emotion: s.as_mapping() for emotion, s in found.scores.items()}
    with (make_folder(out) / "scores.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *labels, "best_worst", "direct"])
        for name, label in found.labels.items():
            counts = [f"{columns[emotion][name]:.4f}" for emotion in labels]
            writer.writerow([name, *counts, label or "", direct[name]])
    same = sum(label == direct[name] for name, label in found.labels.items())
    return {
        "best_worst": {
            "tuples": found.tuples,
            "size": plan.size,
            "per_item": plan.per_item,
            "judges": plan.judges,
            "noise": plan.noise,
            "split_half": {emotion: r.spearman for emotion, r in found.reliability.items()},
        },
        "texts": len(answered),
        "left_out": len(predictions) - len(answered),
        "left_open": sum(label is None for label in found.labels.values()),
        "as_direct": same / max(len(answered), 1),
    }
