"""`affekt bench robustness`: a recipe of the voice under simulated conditions of recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from affekt.cli._bench_options import BOOTSTRAP_SEED, DATA, JSON, SAMPLES
from affekt.cli._progress import progress_line

if TYPE_CHECKING:
    from affekt.bench.robustness import Robustness

__all__ = ["robustness"]

_BAR = 24  # characters of a score of 1


@click.command(short_help="Ask a recipe of the voice under noise, rooms, distance and lines.")
@click.argument("task")
@click.option(
    "--recipe", metavar="NAME|FILE", required=True, help="Recipe of the voice: voice, functionals, or a file."
)
@click.option(
    "--condition", "asked", metavar="NAME", multiple=True, help="A condition; may be given again.  [default: all]"
)
@click.option(
    "--learn",
    "learned",
    metavar="WAY",
    multiple=True,
    default=("distance",),
    show_default=True,
    help="Also learn from copies under distance, or under all conditions; may be given again.",
)
@click.option(
    "--every", type=click.IntRange(min=1), default=1, show_default=True, help="Ask each n-th recording of a speaker."
)
@click.option(
    "--encoder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the recipe's speech encoder.  [default: the bundled graph that was made from it]",
)
@DATA
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="JSON file of the curves.")
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def robustness(
    task: str,
    recipe: str,
    asked: tuple[str, ...],
    learned: tuple[str, ...],
    every: int,
    encoder: Path | None,
    data: str | None,
    out: Path | None,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Train RECIPE for each fold of the speakers of TASK, and ask the held-out ones under simulated conditions.

    Conditions are noise, reverberation, distance with and without a door between, the telephone, clipping, level and
    tempo. Heads learn from the recordings as they are, and for each --learn from these and a copy under its conditions
    too; what that brings back is said. Needs the `train` extra.
    """
    from affekt.bench import robustness as room
    from affekt.catalog.recipes import voice_recipe
    from affekt.corpora.files import data_folder
    from affekt.extras import need

    chosen = voice_recipe(recipe)
    data_folder(data)
    need("sklearn", extra="train")
    with progress_line(task) as report:
        found = room.robustness(
            task,
            chosen,
            recipe_name=Path(recipe).stem,
            asked=asked,
            learned=learned,
            every=every,
            data=data,
            encoder=encoder,
            samples=samples,
            seed=seed,
            progress=lambda what, done, total: report(done, total, what),
        )
    if out is not None:
        found.save(out)
    if as_json:
        click.echo(found.encode())
    else:
        _show(found, out)


def _show(found: Robustness, out: Path | None) -> None:
    from affekt.catalog.conditions import conditions
    from affekt.cli._tables import NarrowTable, terminal

    console = terminal()
    ways = list(found.learned)
    console.print(
        f"{found.task}, {found.recipe}: {found.rows:,} recordings of {found.speakers} speakers that no head heard, "
        "under each condition, read alone and beside the speaker's own manner under it. Unweighted average recall, "
        "intervals of 95 % from drawing speakers anew."
    )
    scores = {(p.manner, p.condition, p.level, p.learned): p for p in found.points}
    for manner in ("alone", "beside"):
        heads = ("condition", "level", manner, "interval", *(f"learned {way}" for way in ways[1:]), "")
        table = NarrowTable(*heads, left=("condition", ""), drop=("", "interval"))
        before = None
        for point in found.points:
            if (point.manner, point.learned) != (manner, ways[0]):
                continue
            name, level = point.condition, point.level
            title = conditions()[name].title if name else "As recorded"
            unit = conditions()[name].unit if name else ""
            table.add_row(
                title if name != before else "",
                f"{level:g} {unit}" if unit else "",
                f"{point.uar:.3f}",
                f"{point.low:.3f}..{point.high:.3f}",
                *(f"{scores[manner, name, level, way].uar:.3f}" for way in ways[1:]),
                "█" * round(_BAR * point.uar),
            )
            before = name
        console.print(table)
    for step in found.steps:
        share = "" if step.regained != step.regained else f", {step.regained:.0%} of what was lost"
        title = conditions()[step.condition].title
        console.print(
            f"{title}, {step.manner}: learning under {step.learned} brings {step.gain:+.3f} "
            f"[{step.low:+.3f}, {step.high:+.3f}]{share}."
        )
    if out is not None:
        console.print(f"Written: {out}")
