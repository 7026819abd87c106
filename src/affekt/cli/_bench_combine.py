"""Verbs of `affekt bench` that make new runs: out of other runs, or out of choices between texts."""

from __future__ import annotations

import click

from affekt.cli._bench_options import BOOTSTRAP_SEED, JSON, SAMPLES

__all__ = ["blend"]


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
