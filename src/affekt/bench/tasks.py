"""A task with its parts looked up: corpus, label space, metrics."""

from __future__ import annotations

from dataclasses import dataclass

from affekt.catalog.corpora import ALL, Corpus, corpus
from affekt.catalog.spaces import space
from affekt.catalog.tasks import TaskEntry, task_entry
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.core.space import LabelSpace
from affekt.metrics.registry import Metric, metric

__all__ = ["Published", "Task", "task"]

# What is scored recording by recording, conversation by conversation, or by sets of words.
_WHOLE = ("timelines", "cause-questions", "cause-pairs", "words", "conflicts")


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
    def title(self) -> str:
        """Its name for people, with the part of the corpus where it is of one."""
        part = self.id.partition(":")[2]
        return f"{self.entry.title} ({part})" if part else self.entry.title

    @property
    def names(self) -> tuple[str, ...]:
        """What is scored: labels or dimensions of the space, all of them unless the task names some."""
        return self.entry.labels or self.all_names

    @property
    def all_names(self) -> tuple[str, ...]:
        """All labels, or dimensions, of the space."""
        if self.entry.target == "dimensions":
            return tuple(d.name for d in self.space.dimensions)
        return self.space.labels

    @property
    def keys(self) -> dict[str, Metric]:
        """Report key -> metric; a metric of one value a row has one key for each name."""
        out: dict[str, Metric] = {}
        for m in self.metrics:
            out.update({f"{m.key}_{name}": m for name in self.names} if m.takes == "dimension" else {m.key: m})
        return out

    @property
    def published(self) -> tuple[Published, ...]:
        """All published figures, those of catalogued works first."""
        part = self.id.partition(":")[2]
        claims = tuple(Published(c.work, c.metric, c.value, c.note) for c in self.entry.claims if c.part == part)
        return claims + tuple(Published(b.by, b.metric, b.value, b.note) for b in self.entry.beside if b.part == part)

    def check_split(self, split: str | None) -> str:
        """The split to run on; the reported one by default.

        Raises:
            UnknownNameError: The corpus has no such split.
        """
        chosen = split or self.entry.split
        if chosen not in (*self.corpus.splits, ALL):
            raise UnknownNameError("split", chosen, (*self.corpus.splits, ALL), where=self.id)
        return chosen


def task(name: str) -> Task:
    """Look a task up.

    Args:
        name: Its id; with a part of its corpus after a colon, that part alone (`semeval2025-a:deu`).

    Raises:
        UnknownNameError: There is no such task or part, or it names a corpus, space or metric that is not there.
        InputError: It names a metric by a name that means several things.
        CatalogError: Its parts do not fit together.
    """
    base, _, part = name.partition(":")
    entry = task_entry(base)
    source = corpus(entry.corpus)
    if part:
        if part not in source.matrix:
            raise UnknownNameError("part", part, source.matrix, where=f"tasks/{base}.toml")
        source = corpus(f"{entry.corpus}:{part}")
    found = Task(name, entry, source, space(entry.space), tuple(metric(key) for key in entry.metrics))

    def refuse(why: str) -> None:
        raise CatalogError(f"Task does not fit together: {why}", where=f"tasks/{base}.toml")

    if not found.names:
        refuse(f"space {entry.space!r} has no {entry.target}")
    if strays := set(entry.labels) - set(found.all_names):
        refuse(f"space {entry.space!r} has no {', '.join(sorted(strays))}")
    for m in found.metrics:
        about = {"dimension": "values", "table": "values"}.get(m.takes, m.takes if m.takes in _WHOLE else "labels")
        if about != (entry.target if entry.target in ("labels", *_WHOLE) else "values"):
            refuse(f"metric {m.key!r} does not score {entry.target}")
    if entry.target == "labels" and "accuracy" in entry.metrics and found.space.kind != "single":
        refuse("'accuracy' needs one label a row; use 'exact_match'")
    if entry.target != "conflicts" and set(found.space.labels) != set(space(found.corpus.space).labels):
        refuse(f"its space {entry.space!r} has other labels than {found.corpus.space!r}, which the gold is in")
    for key in (entry.headline, *(c.metric for c in entry.claims), *(b.metric for b in entry.beside)):
        if key not in found.keys:
            refuse(f"{key!r} is none of its scores ({', '.join(found.keys)})")
    folded = entry.selection == "folds"
    if folded != (entry.folds >= 2):
        refuse("'folds' must be 2 or more where selection is 'folds', and left out elsewhere")
    # Nothing was chosen on a split of the corpus, so the rows of all can be reported.
    free = folded or entry.selection == "elsewhere"
    for split in (entry.split, *(() if free else (entry.selection,))):
        if split not in (*corpus(entry.corpus).splits, *((ALL,) if free else ())):
            refuse(f"corpus {entry.corpus!r} has no split {split!r}")
    if entry.clusters and entry.target == "timelines":
        refuse("recordings are what intervals of timelines draw")
    if entry.split == entry.selection:
        refuse("choices would be made on the split that is reported")
    return found
