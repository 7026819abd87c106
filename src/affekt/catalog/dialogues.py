"""What conversations are made of (`dialogues.toml`): courses of emotion, domains, and what speakers of ours say."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from affekt.core.errors import CatalogError, UnknownNameError

__all__ = ["Course", "Domain", "Filter", "TemplateSpeaker", "domain", "talk"]


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which emotion follows which.

    Attributes:
        labels: The emotions.
        source: Where the counts are from.
        counts: How often an emotion (column) followed an emotion (row) in the next turn.
    """

    labels: tuple[str, ...]
    source: str
    counts: tuple[tuple[int, ...], ...]


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is spoken of.

    Attributes:
        concrete: Whether its things can be touched or seen.
        things: What is named.
    """

    concrete: bool
    things: tuple[str, ...]


class TemplateSpeaker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A speaker who has sentences for each emotion.

    Attributes:
        keeps: How often it stays with what was last spoken of.
        says: Emotion -> sentences with `{thing}`.
    """

    keeps: float
    says: dict[str, tuple[str, ...]]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How signs of a thread are weighed (`affekt.train.converse.thread`).

    Attributes:
        source: What the weights were fitted to.
        weights: Sign -> weight.
        bias: What is added.
    """

    source: str
    weights: dict[str, float]
    bias: float


class _Talk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    course: Course
    domains: dict[str, Domain]
    speakers: dict[str, TemplateSpeaker]
    filter: Filter


@cache
def talk() -> _Talk:
    """All of it.

    Raises:
        CatalogError: The file does not fit together.
    """
    raw = resources.files("affekt.catalog").joinpath("dialogues.toml").read_bytes()
    try:
        found = msgspec.toml.decode(raw, type=_Talk)
    except msgspec.ValidationError as err:
        raise CatalogError(f"Catalogue entry is not valid: {err}", where="dialogues.toml") from err
    labels = set(found.course.labels)
    if any(len(row) != len(labels) for row in found.course.counts) or len(found.course.counts) != len(labels):
        raise CatalogError("The counts of the course are not a square of its labels", where="dialogues.toml")
    for name, speaker in found.speakers.items():
        if set(speaker.says) != labels:
            raise CatalogError(f"The speaker {name} has other emotions than the course", where="dialogues.toml")
    return found


def domain(name: str) -> Domain:
    """The domain of that name.

    Raises:
        UnknownNameError: There is none; the nearest names are given.
    """
    domains = talk().domains
    if name not in domains:
        raise UnknownNameError("domain", name, domains)
    return domains[name]
