"""Tasks as data: what is measured, on which rows, by which metrics, and what others have published."""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry, entry, names
from affekt.core.errors import InputError

__all__ = ["Beside", "PublishedClaim", "TaskEntry", "entry_and_corpus", "task_entry", "tasks"]


class PublishedClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A figure of a work in the catalogue, that a recorded run of the same work can meet.

    Attributes:
        work: Id of the work.
        metric: Report key.
        value: The figure, as published.
        tolerance: How far a run may stay behind it and still meet it.
        note: What it belongs to, and where it was read.
        part: The part of the corpus that it was measured on, such as a language; empty for all of it.
    """

    work: str
    metric: str
    value: float
    tolerance: float
    note: str
    part: str = ""


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A figure that somebody published for this task, for comparison only.

    Attributes:
        by: Model and authors, in a few words.
        metric: Report key.
        value: The figure, as published.
        note: Where it was read, and what differs.
        part: The part of the corpus that it was measured on, such as a language; empty for all of it.
    """

    by: str
    metric: str
    value: float
    note: str
    part: str = ""


class TaskEntry(Entry, frozen=True, kw_only=True):
    """A task. Where its corpus comes in parts, each part is a task as well: `semeval2025-a:deu`.

    Attributes:
        title: Name for people.
        description: What is asked, in a sentence or two.
        version: Scores of different versions are not compared.
        corpus: Id of the corpus, or of one of its views.
        space: Id of the label space that answers are scored in.
        target: What is scored: `labels` (one a row where the space is of kind `single`, else any number),
            `intensities` (a strength for each label), `dimensions` (named values, whatever they measure) or
            `timelines` (labels with their times; a row is a recording), `cause-questions` (of each turn with an
            emotion and each turn up to it, whether and in which words it is the cause; a row is a conversation) or
            `cause-pairs` (emotions with their causes, found in a conversation), or `words` (any emotion words at all,
            which need not be labels of the space), or `conflicts` (whether two channels carry the same emotion, and
            what both say together).
        labels: The labels or dimensions that are scored, where they are not all of the space.
        split: The split that scores are reported on; `all` for the rows of every split, each answered by a model that
            did not learn from its speaker.
        selection: The split for thresholds, early stopping and every other choice; `folds` where the corpus has
            none: choices are then made by cross-validation within the rows that are trained on; `elsewhere` where it
            is a test set alone: they are then made on other corpora.
        folds: Number of those folds.
        clusters: What the intervals draw anew in place of rows, where rows are not independent: `speaker`,
            `dialogue`, or a fact of the corpus.
        caution: What a reader of its scores has to know, such as published folds that measure something else.
        metrics: Report keys; those of one value a row are computed for each name (`pcc` gives `pcc_valence`, ...).
        headline: The score to name first.
        claims: Published figures of works in the catalogue.
        beside: Other published figures.
        works: Ids of the works that the task belongs to.
    """

    title: str
    description: str
    version: str
    corpus: str
    space: str
    target: Literal[
        "labels", "intensities", "dimensions", "timelines", "cause-questions", "cause-pairs", "words", "conflicts"
    ]
    split: str
    selection: str
    metrics: tuple[str, ...]
    headline: str
    labels: tuple[str, ...] = ()
    folds: int = 0
    clusters: str = ""
    caution: str = ""
    claims: tuple[PublishedClaim, ...] = ()
    beside: tuple[Beside, ...] = ()
    works: tuple[str, ...] = ()

    @property
    def of_rows(self) -> Literal["labels", "intensities", "dimensions"]:
        """What is scored, of tasks whose rows are read one by one.

        Raises:
            InputError: The task is about timelines, causes or free words, which no head of a row learns.
        """
        if self.target == "timelines":
            raise InputError(f"{self.title!r} asks for timelines of recordings, not for one answer a row")
        if self.target == "cause-questions" or self.target == "cause-pairs":
            raise InputError(f"{self.title!r} asks for causes in conversations, not for one answer a row")
        if self.target == "words":
            raise InputError(f"{self.title!r} asks for emotion words of any kind, not for labels of a space")
        if self.target == "conflicts":
            raise InputError(f"{self.title!r} asks what channels say together, which no head of a row learns")
        return self.target


def tasks() -> tuple[str, ...]:
    """Ids of all tasks in the catalogue, sorted."""
    return names("tasks")


def entry_and_corpus(name: str) -> tuple[TaskEntry, str]:
    """The entry of a task, and the id of its corpus, with the part where the task names one (`semeval2025-a:deu`).

    Raises:
        UnknownNameError: There is no such task; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    base, _, part = name.partition(":")
    found = task_entry(base)
    return found, f"{found.corpus}:{part}" if part else found.corpus


def task_entry(name: str) -> TaskEntry:
    """The entry of a task.

    Raises:
        UnknownNameError: There is no such task; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    found: TaskEntry = entry("tasks", name, TaskEntry)
    return found
