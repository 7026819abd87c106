"""Studies as data: does a method do here what its authors found?"""

from __future__ import annotations

import json
from importlib import resources
from itertools import combinations
from typing import Any, Literal

import msgspec

from affekt.catalog.load import Entry, entry, names
from affekt.core.errors import CatalogError

__all__ = ["Study", "Variant", "recorded", "studies", "study"]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way of training, as what it changes in the plain recipe of the task.

    Attributes:
        name: Short name, for tables and folders.
        recipe: Fields of the recipe.
        stage: Fields of its stage.
        head: Fields of its head.
        part: Fields of the part that it trains on.
        together: Task -> fields of its part: further tasks that the same model learns, each with a head of its own
            that is named as the task is.
        floor: A floor in place of a model: `names` is the likeness of a text to the names of what is asked, by the
            starting weights as they are. Nothing is trained, so nothing else can be changed.
        voice: Fields of how the voice is read, in a study of that.
        conversation: Likewise of what is done with conversations.
        fusion: Likewise of how channels are put together.
        control_of: Name of another variant. Nothing is trained then: the models of that variant are scored once
            more, each row with the turns before some other row. What they are better by than the baseline with
            these is not due to what the turns say.
    """

    name: str
    recipe: dict[str, Any] = {}
    stage: dict[str, Any] = {}
    head: dict[str, Any] = {}
    part: dict[str, Any] = {}
    together: dict[str, dict[str, Any]] = {}
    voice: dict[str, Any] = {}
    conversation: dict[str, Any] = {}
    fusion: dict[str, Any] = {}
    floor: Literal["", "names"] = ""
    control_of: str = ""


class Study(Entry, frozen=True, kw_only=True):
    """A comparison of ways of training on one task.

    Attributes:
        title: Name for people.
        question: What it asks.
        published: What was found elsewhere, and where.
        works: Ids of the works whose method it tries.
        task: The task that is trained on and scored.
        metric: Report key of the score that decides.
        also: Task -> report keys of further scores. A variant whose model has no head for such a task has one of
            its own for it, with the same changes.
        unseen: Task -> report keys of tasks that no model here is made for: that of the study's task answers them.
        mean: Whether the mean over all scores decides; where there are unseen tasks, over theirs.
        within: A fact of the rows, such as the story that they are of: the metric is then also taken within each
            group of rows, and its mean over the groups compared.
        trains: The encoder; or the floor that counts words, for which only `fields` of a recipe can differ; or heads
            that read the voice, which `voice` is about and no recipe (see `affekt.bench.voices`); or what
            `conversation` is about (see `affekt.bench.conversations`); or small nets that put channels together, which
            `fusion` is about (see `affekt.bench.fusions`).
        seeds: Every variant is trained with each.
        recipe: Fields of the recipe that all variants share.
        stage: Fields of the stage that all variants share.
        part: Fields of the part that all variants share.
        voice: In a study of the voice, its `problem`, and what all variants share of how it is read.
        conversation: Likewise in one of conversations.
        fusion: Likewise in one of fusion.
        baseline: Name of the variant that the others are set against.
        subsets: Names of what a row can be read by (`fields` of a recipe): each subset of them is a variant, named
            by its members with `+` between, beside those in `variants`.
        variants: The ways of training.
    """

    title: str
    question: str
    published: str
    works: tuple[str, ...]
    task: str
    metric: str
    also: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    unseen: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    mean: bool = False
    within: str = ""
    trains: Literal["encoder", "hashed-linear", "voice", "conversation", "fusion"] = "encoder"
    seeds: tuple[int, ...]
    recipe: dict[str, Any] = msgspec.field(default_factory=dict)
    stage: dict[str, Any] = msgspec.field(default_factory=dict)
    part: dict[str, Any] = msgspec.field(default_factory=dict)
    voice: dict[str, Any] = msgspec.field(default_factory=dict)
    conversation: dict[str, Any] = msgspec.field(default_factory=dict)
    fusion: dict[str, Any] = msgspec.field(default_factory=dict)
    baseline: str
    subsets: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def ways(self) -> tuple[Variant, ...]:
        """Every variant: those that are written out, and one for each subset, the small ones first."""
        sizes = range(1, len(self.subsets) + 1)
        chosen = [some for size in sizes for some in combinations(self.subsets, size)]
        return (*self.variants, *(Variant(name="+".join(some), recipe={"fields": list(some)}) for some in chosen))

    def check(self) -> None:
        """Refuse a study whose variants do not go together.

        Raises:
            CatalogError: Says what is wrong.
        """
        ways = {v.name: v for v in self.ways}
        if self.baseline not in ways or len(ways) != len(self.ways):
            raise CatalogError(
                f"Variants need names of their own, and {self.baseline} must be one of {', '.join(ways)}"
            )
        for v in self.ways:
            changes = (v.stage, v.head, v.part, v.together, v.control_of, v.recipe.keys() - {"fields"})
            if self.trains != "encoder" and (any(changes) or self.recipe or self.stage or self.part):
                raise CatalogError(f"The variant {v.name} changes what {self.trains} does not have")
            if (self.voice or v.voice) and self.trains != "voice":
                raise CatalogError(f"The variant {v.name} is about the voice, which {self.trains} does not read")
            if (self.conversation or v.conversation) and self.trains != "conversation":
                raise CatalogError(f"The variant {v.name} is about conversations, and {self.trains} about single rows")
            if (self.fusion or v.fusion) and self.trains != "fusion":
                raise CatalogError(f"The variant {v.name} is about channels, which {self.trains} does not put together")
            if (v.control_of or v.floor) and (any(changes[:4]) or v.recipe):
                raise CatalogError(f"The variant {v.name} trains nothing, and so cannot change a recipe")
            if v.control_of and (v.control_of not in ways or ways[v.control_of].control_of):
                raise CatalogError(f"The variant {v.name} is the control of {v.control_of}, which is not trained")


def studies() -> tuple[str, ...]:
    """Ids of all studies, sorted."""
    return names("studies")


def study(name: str) -> Study:
    """The study of that name.

    Raises:
        UnknownNameError: There is no such study; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    found: Study = entry("studies", name, Study)
    return found


def recorded(name: str) -> dict[str, Any] | None:
    """What came out when the study was run for the record: the content of its `study.json`; `None` if it was not."""
    file = resources.files("affekt.catalog") / "records" / "studies" / f"{name}.json"
    if not file.is_file():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
