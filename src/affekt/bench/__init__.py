"""Tasks, runs and what can be learned from them."""

from __future__ import annotations

from affekt.bench.audit import audit
from affekt.bench.compare import compare
from affekt.bench.curve import curve
from affekt.bench.matrix import matrix
from affekt.bench.runs import read_run, rescore, run_task
from affekt.bench.slices import slices
from affekt.bench.submissions import score_predictions
from affekt.bench.tasks import Task, task

__all__ = [
    "Task",
    "audit",
    "compare",
    "curve",
    "matrix",
    "read_run",
    "rescore",
    "run_task",
    "score_predictions",
    "slices",
    "task",
]
