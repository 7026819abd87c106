"""Recorded runs beside floors and published figures: one table for all tasks, one for the parts of a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from affekt.bench.records import FLOORS, Recorded, recorded
from affekt.bench.tasks import Published, Task, task
from affekt.catalog.corpora import ALL
from affekt.catalog.tasks import task_entry

__all__ = ["TaskResults", "document", "results"]


@dataclass(frozen=True, slots=True)
class TaskResults:
    """What is recorded of a task.

    Attributes:
        task: The task.
        runs: Its recorded runs, floors first.
        keys: The scores that are worth showing: those of the headline's metric, and those with published figures.
    """

    task: Task
    runs: tuple[Recorded, ...]
    keys: tuple[str, ...]

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures that others published for it."""
        return self.task.published

    @property
    def protocol(self) -> str:
        """Rows of the splits, and whose splits they are."""
        corpus = self.task.corpus
        if corpus.speaker_folds and self.task.entry.split == ALL:
            return f"{corpus.rows_in(ALL):,} rows in {len(corpus.speaker_folds)} folds of speakers"
        sizes = ", ".join(f"{name} {facts.rows:,}" for name, facts in corpus.splits.items())
        return f"{sizes}; {'our split, by a hash' if corpus.hash_split else 'the split of the release'}"


def results(name: str | None = None, *, records: Iterable[Recorded] | None = None) -> tuple[TaskResults, ...]:
    """Recorded runs by task.

    Args:
        name: A task; its parts come with it. Default all tasks that have a recorded run.
        records: The records; default those of the package.

    Raises:
        UnknownNameError: There is no such task.
        CatalogError: A record cannot be read.
    """
    if name is not None:
        task_entry(name.partition(":")[0])
        task(name)
    by_task: dict[str, list[Recorded]] = {}
    for r in recorded() if records is None else records:
        if name is None or r.task == name or r.task.startswith(f"{name}:"):
            by_task.setdefault(r.task, []).append(r)
    return tuple(_of_task(task(found), by_task[found]) for found in sorted(by_task))


def _of_task(found: Task, runs: Sequence[Recorded]) -> TaskResults:
    order = {system: i for i, system in enumerate((*FLOORS, "model", "direct", "best-worst", "blend"))}
    told = {figure.metric for figure in found.published}
    headline = found.entry.headline
    metric = found.keys[headline].key
    # Of a score of one value a name, or of the mean of such, the names belong to the headline where there are few.
    kin = [key for key, m in found.keys.items() if m.key in (metric, metric.removesuffix("_mean"))]
    beside = {headline, *(kin if len(found.names) <= 3 else ())}
    keys = tuple(key for key in found.keys if key in told or key in beside)
    headline_first = sorted(keys, key=lambda key: key != found.entry.headline)
    return TaskResults(found, tuple(sorted(runs, key=lambda r: (order[r.system], r.name))), tuple(headline_first))


def document(found: Sequence[TaskResults]) -> list[dict[str, Any]]:
    """Results as plain data, for `--json`."""
    return [
        {
            "task": r.task.id,
            "title": r.task.title,
            "version": r.task.entry.version,
            "protocol": r.protocol,
            "caution": r.task.entry.caution,
            "headline": r.task.entry.headline,
            "shown": list(r.keys),
            "runs": [
                {
                    "system": run.system,
                    "name": run.name,
                    "model": run.model,
                    "split": run.split,
                    "rows": run.rows,
                    "training": dict(run.training),
                    "command": run.command,
                    "record": run.file,
                    "scores": {
                        key: {"value": s.value, "low": s.low, "high": s.high, "n": s.n} for key, s in run.scores.items()
                    },
                }
                for run in r.runs
            ],
            "published": [{"by": p.by, "metric": p.metric, "value": p.value, "note": p.note} for p in r.published],
        }
        for r in found
    ]
