"""The published works that Affekt honours: what each contributes, and how far it has come here.

A work's entry says what it is, in our own words. Its status is never written down: it is computed from what the
rest of the package registers under the work's id (catalogue entries, bundled models, Python functions) and from
the recorded runs that are shipped.

Example:
    >>> from affekt.catalog.works import Level, status, work
    >>> work("goemotions").pillar
    'corpora'
    >>> status("goemotions").level >= Level.DESCRIBED
    True
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from affekt.catalog.load import Entry, entry, names
from affekt.catalog.works.registrations import Claim, Level, Reference, Registrations, Status

__all__ = [
    "MODALITIES",
    "PILLARS",
    "ROOMS",
    "Claim",
    "Level",
    "Reference",
    "Status",
    "Work",
    "status",
    "statuses",
    "work",
    "works",
]

Pillar = Literal[
    "corpora",
    "recognise",
    "reason",
    "benchmark",
    "converse-understand",
    "respond",
    "synthesise-speech",
    "synthesise-music",
    "synthesise-visual",
    "poetry",
    "probe",
    "health",
    "adjacent",
]
Kind = Literal["corpus", "method", "benchmark", "study", "tool", "survey", "position"]
Modality = Literal["text", "speech", "dialogue", "video", "image", "face", "music", "audio", "llm-internals", "none"]

PILLARS: tuple[str, ...] = Pillar.__args__  # type: ignore[attr-defined]
MODALITIES: tuple[str, ...] = Modality.__args__  # type: ignore[attr-defined]

# The rooms of the house plan: a work's home is one of them, or a file or folder inside one.
ROOMS = (
    "core",
    "catalog",
    "media",
    "corpora",
    "features",
    "models",
    "train",
    "explain",
    "metrics",
    "bench",
    "probe",
    "talk",
    "synth",
    "report",
    "scale",
    "server",
    "cli",
    "weights",
)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HOME = re.compile(r"[a-z0-9_]+(/[A-Za-z0-9_.-]+)*/?")
_REPO = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")


class Work(Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published work.

    Attributes:
        id: Name of the entry and of its file.
        title: Title as published.
        pillar: The part of the field that it belongs to.
        kinds: What it offers.
        modalities: What it reads or makes.
        languages: Languages of its data, as codes (`en`) or, where a code would say less, as words.
        contributes: What it is and what is new in it, in our own words, two to four sentences.
        capabilities: What a user could do with it.
        figures: Published figures, each with where it was read ("abstract", "recalled", ...).
        demonstrated_when: The smallest honest demonstration of it.
        homes: Rooms of `src/affekt`, or files in them, that hold it or will hold it.
        repo: Its public repository as owner/name, or empty.
    """

    id: str
    title: str
    pillar: Pillar
    kinds: list[Kind]
    modalities: list[Modality]
    languages: list[str]
    contributes: str
    capabilities: list[str]
    figures: list[str]
    demonstrated_when: str
    homes: list[str]
    repo: str = ""

    def __post_init__(self) -> None:
        """Refuse what the types alone let through; the message names the field.

        Raises:
            ValueError: A text is empty or out of bounds, or a home or repository is not of its form.
        """
        if not _ID.fullmatch(self.id):
            raise ValueError(f"`id` {self.id!r} is not lower-case words joined by hyphens")
        for field in ("title", "contributes", "demonstrated_when"):
            text = getattr(self, field)
            if not text or text != text.strip():
                raise ValueError(f"`{field}` is empty or has blanks at its ends")
        if not 80 <= len(self.contributes) <= 1000:
            raise ValueError(f"`contributes` has {len(self.contributes)} characters, not 80 to 1000")
        if not 40 <= len(self.demonstrated_when) <= 700:
            raise ValueError(f"`demonstrated_when` has {len(self.demonstrated_when)} characters, not 40 to 700")
        for field in ("kinds", "modalities", "capabilities", "homes"):
            values = getattr(self, field)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"`{field}` is empty or names something twice")
        for home in self.homes:
            if not _HOME.fullmatch(home) or home.split("/")[0] not in ROOMS:
                raise ValueError(f"`homes` names {home!r}, which is not in a known room ({', '.join(ROOMS)})")
        if self.repo and not _REPO.fullmatch(self.repo):
            raise ValueError(f"`repo` {self.repo!r} is not owner/name")


def work(name: str) -> Work:
    """Load one work by its id.

    Raises:
        UnknownNameError: There is no such work; the nearest ids are given.
        CatalogError: Its file does not fit the schema.
    """
    found: Work = entry("works", name, Work)
    return found


def works() -> tuple[Work, ...]:
    """Load all works, sorted by id."""
    return tuple(work(name) for name in names("works"))


@cache
def _registrations() -> Registrations:
    return Registrations.read()


def status(work_id: str) -> Status:
    """Compute how far a work has come in this package, with the files that say so.

    Raises:
        UnknownNameError: There is no such work; the nearest ids are given.
    """
    work(work_id)
    return _registrations().status(work_id)


def statuses() -> dict[str, Status]:
    """Compute the status of every work, by id."""
    found = _registrations()
    return {name: found.status(name) for name in names("works")}
