"""A task with its parts looked up: corpus, label space, metrics."""

from __future__ import annotations

from dataclasses import dataclass

from affekt.catalog.corpora import Corpus, corpus
from affekt.catalog.spaces import space
from affekt.catalog.tasks import TaskEntry, task_entry
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.core.space import LabelSpace
from affekt.metrics.registry import Metric, metric

__all__ = ["Published", "Task", "task"]


@dataclass(frozen=True, slots=True)
class Published:
    """A published figure to set beside a score."""

    by: str
    metric: str
    value: float
    note: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task, ready to be run.

    Attributes:
        id: Its id in the catalogue.
        entry: Its facts.
        corpus: The corpus that it is measured on.
        space: The label space that answers are scored in.
        metrics: The metrics, in the order of the report.
    """

    id: str
    entry: TaskEntry
    corpus: Corpus
    space: LabelSpace
    metrics: tuple[Metric, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What gold is given for: the labels, or the dimensions, of the space."""
        return self.space.labels if self.entry.target == "labels" else tuple(d.name for d in self.space.dimensions)

    @property
    def keys(self) -> dict[str, Metric]:
        """Report key -> metric; a metric of dimensions has one key for each."""
        if self.entry.target == "labels":
            return {m.key: m for m in self.metrics}
        return {f"{m.key}_{name}": m for m in self.metrics for name in self.names}

    @property
    def published(self) -> tuple[Published, ...]:
        """All published figures, those of catalogued works first."""
        claims = tuple(Published(c.work, c.metric, c.value, c.note) for c in self.entry.claims)
        return claims + tuple(Published(b.by, b.metric, b.value, b.note) for b in self.entry.beside)

    def check_split(self, split: str | None) -> str:
        """The split to run on; the reported one by default.

        Raises:
            UnknownNameError: The corpus has no such split.
        """
        chosen = split or self.entry.split
        if chosen not in self.corpus.splits:
            raise UnknownNameError("split", chosen, self.corpus.splits, where=self.id)
        return chosen


def task(name: str) -> Task:
    """Look a task up.

    Raises:
        UnknownNameError: There is no such task, or it names a corpus, space or metric that is not there.
        InputError: It names a metric by a name that means several things.
        CatalogError: Its parts do not fit together.
    """
    entry = task_entry(name)
    found = Task(name, entry, corpus(entry.corpus), space(entry.space), tuple(metric(key) for key in entry.metrics))

    def refuse(why: str) -> None:
        raise CatalogError(f"Task does not fit together: {why}", where=f"tasks/{name}.toml")

    if not found.names:
        refuse(f"space {entry.space!r} has no {entry.target}")
    for m in found.metrics:
        if (m.takes == "dimension") != (entry.target == "dimensions"):
            refuse(f"metric {m.key!r} does not score {entry.target}")
    if entry.target == "labels" and "accuracy" in entry.metrics and found.space.kind != "single":
        refuse("'accuracy' needs one label a row; use 'exact_match'")
    for key in (entry.headline, *(p.metric for p in found.published)):
        if key not in found.keys:
            refuse(f"{key!r} is none of its scores ({', '.join(found.keys)})")
    for split in (entry.split, entry.selection):
        if split not in found.corpus.splits:
            refuse(f"corpus {entry.corpus!r} has no split {split!r}")
    if entry.split == entry.selection:
        refuse("choices would be made on the split that is reported")
    return found
