"""Two runs of one task side by side: the difference of their scores with a paired bootstrap interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affekt.bench.runs import read_run
from affekt.bench.scoring import statistics
from affekt.bench.tasks import task
from affekt.core.errors import InputError
from affekt.metrics.bootstrap import Difference, paired_bootstrap

__all__ = ["compare"]


def compare(
    first: str | Path, second: str | Path, *, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float, Difference]]:
    """Compare two stored runs on the same rows.

    Args:
        first: Folder of one run.
        second: Folder of the other.
        samples: Number of bootstrap resamples, the same for both sides.
        seed: Seed of the bootstrap.

    Returns:
        Report key -> (score of the first, score of the second, difference first minus second). Rows that either
        leaves without probabilities or dimensions are left out of both in the metrics that need these.

    Raises:
        DataError: A folder holds no run.
        InputError: The runs are of different tasks, versions, splits or rows, so a difference would mean nothing.
    """
    (run_a, a), (run_b, b) = read_run(first), read_run(second)

    def refuse(why: str) -> None:
        raise InputError(f"The runs cannot be compared: {why}", where=f"{first} and {second}")

    if (run_a.task, run_a.task_version) != (run_b.task, run_b.task_version):
        refuse(f"{run_a.task} version {run_a.task_version} against {run_b.task} version {run_b.task_version}")
    if run_a.spec["split"] != run_b.spec["split"]:
        refuse(f"split {run_a.spec['split']} against split {run_b.spec['split']}")
    chosen = task(run_a.task)
    if chosen.entry.version != run_a.task_version:
        refuse(f"they are of version {run_a.task_version}, the catalogue has {chosen.entry.version}")
    if a.ids != b.ids or not np.array_equal(a.truth, b.truth):
        refuse("their rows or their gold differ")
    left, right = statistics(chosen, a, beside=b), statistics(chosen, b, beside=a)
    return {
        key: (
            left[key].value,
            right[key].value,
            paired_bootstrap(first=left[key], second=right[key], samples=samples, seed=seed),
        )
        for key in left
    }
