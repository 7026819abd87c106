"""Studies as data: does a method do here what its authors found?"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import msgspec

from affekt.catalog.load import Entry, entry, names

__all__ = ["Study", "Variant", "recorded", "studies", "study"]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way of training, as what it changes in the plain recipe of the task.

    Attributes:
        name: Short name, for tables and folders.
        recipe: Fields of the recipe.
        stage: Fields of its stage.
        part: Fields of the part that it trains on.
    """

    name: str
    recipe: dict[str, Any] = {}
    stage: dict[str, Any] = {}
    part: dict[str, Any] = {}


class Study(Entry, frozen=True, kw_only=True):
    """A comparison of ways of training on one task.

    Attributes:
        title: Name for people.
        question: What it asks.
        published: What was found elsewhere, and where.
        works: Ids of the works whose method it tries.
        task: The task that is trained on and scored.
        metric: Report key of the score that decides.
        seeds: Every variant is trained with each.
        stage: Fields of the stage that all variants share.
        baseline: Name of the variant that the others are set against.
        variants: The ways of training.
    """

    title: str
    question: str
    published: str
    works: tuple[str, ...]
    task: str
    metric: str
    seeds: tuple[int, ...]
    stage: dict[str, Any] = msgspec.field(default_factory=dict)
    baseline: str
    variants: tuple[Variant, ...]


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
