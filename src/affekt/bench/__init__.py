"""Tasks, runs and their comparison."""

from __future__ import annotations

from affekt.bench.compare import compare
from affekt.bench.runs import read_run, rescore, run_task
from affekt.bench.tasks import Task, task

__all__ = ["Task", "compare", "read_run", "rescore", "run_task", "task"]
