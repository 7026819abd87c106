"""Options that several verbs of `affekt bench` share."""

from __future__ import annotations

import click

__all__ = ["ALONE", "BOOTSTRAP_SEED", "DATA", "JSON", "LABELS", "OUT", "SAMPLES", "SPLIT"]

JSON = click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
DATA = click.option(
    "--data", metavar="DIR", default=None, help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]"
)
LABELS = click.option("--per-label", is_flag=True, help="Also print a row for each label.")
OUT = click.option("--out", metavar="RUN_DIR", required=True, help="Folder for run.json and predictions.parquet.")
ALONE = click.option(
    "--alone", is_flag=True, help="Of voices: read each recording alone, not beside its speaker's own manner."
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
