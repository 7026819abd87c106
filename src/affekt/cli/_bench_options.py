"""Options that several verbs of `affekt bench` share."""

from __future__ import annotations

import click

__all__ = ["BOOTSTRAP_SEED", "DATA", "JSON", "SAMPLES", "SPLIT"]

JSON = click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
DATA = click.option(
    "--data", metavar="DIR", default=None, help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]"
)
SPLIT = click.option(
    "--split", default=None, help="Split that is answered.  [default: the one that the task reports, test]"
)
SAMPLES = click.option(
    "--bootstrap", "samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Resamples."
)
BOOTSTRAP_SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap."
)
