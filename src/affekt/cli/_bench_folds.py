"""`affekt bench folds`: a recipe on speakers that it never heard."""

from __future__ import annotations

from pathlib import Path

import click

from affekt.cli._bench_options import ALONE, BOOTSTRAP_SEED, DATA, JSON, LABELS, OUT, SAMPLES
from affekt.cli._progress import progress_line

__all__ = ["folds"]


@click.command(short_help="Train a recipe for each fold of speakers, and score the pooled answers.")
@click.argument("task")
@click.option(
    "--recipe", metavar="NAME|FILE", required=True, help="Recipe of the voice: voice, functionals, or a file."
)
@click.option(
    "--encoder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the recipe's speech encoder.  [default: the bundled graph that was made from it]",
)
@DATA
@OUT
@ALONE
@SAMPLES
@BOOTSTRAP_SEED
@LABELS
@JSON
def folds(
    task: str,
    recipe: str,
    encoder: Path | None,
    data: str | None,
    out: str,
    alone: bool,
    samples: int,
    seed: int,
    per_label: bool,
    as_json: bool,
) -> None:
    """Train RECIPE for each fold of the speakers of TASK, and store the answers of all folds as one run.

    Each speaker is answered by a model that learned from the speakers of the other folds and from the recipe's other
    corpora. The folds come with the corpus (EmoBox's of RAVDESS; of Emo-DB each speaker is one). Needs the `train`
    extra.
    """
    from affekt.bench.folds import run_folds
    from affekt.catalog.recipes import voice_recipe
    from affekt.cli._bench_tables import show_run
    from affekt.corpora.files import data_folder
    from affekt.extras import need

    chosen = voice_recipe(recipe)
    data_folder(data)
    need("sklearn", extra="train")
    with progress_line(task) as report:
        record = run_folds(
            task,
            chosen,
            recipe_name=Path(recipe).stem,
            out=out,
            alone=alone,
            data=data,
            encoder=encoder,
            samples=samples,
            seed=seed,
            progress=lambda what, done, total: report(done, total, what),
        )
    show_run(record, as_json=as_json, per_label=per_label, stored_in=out)
