"""`affekt train`: make a model from its recipe."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="train", short_help="Train a model from a recipe.")
@click.argument("recipe")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for checkpoints and the model.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--limit", type=click.IntRange(min=64), help="Most rows of each corpus; for a trial run.")
@click.option("--seed", type=int, help="Seed of every stage, in place of the recipe's.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; default all cores.")
def command(
    *, recipe: str, out: Path, data: str | None, limit: int | None, seed: int | None, threads: int | None
) -> None:
    """Run RECIPE, a name or a TOML file: train, calibrate on dev, and write a model folder to OUT/model.

    Needs the `train` extra. A run that was broken off goes on after its last whole epoch, and ends in the same
    weights as one that was not. The model is used with `--model OUT/model`.
    """
    from affekt.catalog.corpora import corpus
    from affekt.catalog.recipes import recipe as look_up
    from affekt.catalog.recipes import with_seed
    from affekt.extras import need

    chosen = look_up(recipe)
    if seed is not None:
        chosen = with_seed(chosen, seed)
    name = Path(recipe).stem
    torch = need("torch", extra="train")
    if threads:
        torch.set_num_threads(threads)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affekt.train.loop import train
    from affekt.train.package import package

    where = Path(data) if data else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        trained = train(
            chosen,
            out,
            data=where,
            limit=limit,
            progress=lambda what, step, total, loss: bar.update(
                task, completed=step, total=total, description=f"{name}, {what}  loss {loss:.3f}"
            ),
        )
    identity = {
        "id": name,
        "version": chosen.version,
        "title": chosen.title,
        "licence": chosen.licence,
        "languages": list(chosen.languages),
        "works": list(chosen.works),
        "facts": {
            "not_for": list(chosen.not_for),
            "data": {
                name: corpus(name).licence
                for name in sorted({p.corpus for stage in chosen.stages for p in stage.parts})
            },
            "seeds": [stage.seed for stage in chosen.stages],
            "history": trained.history,
        },
    }
    figures = package(trained, chosen, out / "model", identity=identity, data=where, limit=limit)
    click.echo(json.dumps(figures, indent=1))
    click.echo(f"Written: {out / 'model'}", err=True)
