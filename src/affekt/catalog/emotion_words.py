"""Words for emotions, in any number and form: their spellings, their synonyms, and the wheels that group them.

Open-vocabulary recognition takes any words. So that two answers can be compared, words are grouped: by form
(`joyful`, `joyfully`), by synonym (`glad` with a word of a wheel), and by the inner two rings of an emotion wheel.
The rules are those of the official script of MER2025; see `affekt.metrics.setwise` for what is scored.

Example:
    >>> grouping("mer-5", by="level1")["overjoyed"]
    'joyful'
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from affekt.catalog.load import Entry, entry, names
from affekt.core.errors import InputError
from affekt.core.space import Source

__all__ = [
    "EDITIONS",
    "By",
    "Edition",
    "Wheel",
    "form_of",
    "grouping",
    "known_words",
    "wheel",
    "wheel_groupings",
    "wheel_words",
    "wheels",
]

By = Literal["form", "synonym", "level1", "level2"]
Edition = Literal["mer2025", "mer2026"]
EDITIONS: tuple[Edition, ...] = ("mer2025", "mer2026")


class Wheel(Entry, frozen=True, kw_only=True):
    """An emotion wheel: words in three rings.

    Attributes:
        title: Name for people.
        source: Where it was taken from.
        tree: Word of the inner ring -> word of the middle ring -> words of the outer ring, in the order of the source:
            of a word that stands in several places, the last one counts.
        works: Ids of the works that it belongs to.
    """

    title: str
    source: Source
    tree: dict[str, dict[str, tuple[str, ...]]]
    works: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """All words, each once, from the inside out and in the order of the wheel."""
        found: dict[str, None] = {}
        for inner, ring in self.tree.items():
            found[inner] = None
            for middle, outer in ring.items():
                found.update(dict.fromkeys((middle, *outer)))
        return tuple(found)

    def level(self, ring: Literal[1, 2]) -> dict[str, str]:
        """Word -> the word of the inner (1) or middle (2) ring that it belongs to.

        A word of the inner ring belongs, in the middle ring, to the first of its words in alphabetical order.
        """
        found: dict[str, str] = {}
        for inner, middles in self.tree.items():
            found[inner] = inner if ring == 1 else min(middles)
            for middle, outer in middles.items():
                found.update(dict.fromkeys((middle, *outer), inner if ring == 1 else middle))
        return found


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Source
    synonyms: dict[str, tuple[str, ...]]
    forms: dict[str, tuple[str, ...]]
    forms_2025: dict[str, tuple[str, ...]]


@cache
def _words() -> _Words:
    file = resources.files("affekt.catalog") / "emotion_words.toml"
    return msgspec.toml.decode(file.read_bytes(), type=_Words)


@cache
def _spellings(edition: Edition) -> Mapping[str, tuple[str, ...]]:
    """Spelling -> the words that it is a form of, in alphabetical order."""
    words = _words()
    forms = words.forms | words.forms_2025 if edition == "mer2025" else words.forms
    found: dict[str, list[str]] = {}
    for word, others in forms.items():
        for spelling in (word, *others):
            found.setdefault(spelling, []).append(word)
    return {spelling: tuple(sorted(of)) for spelling, of in found.items()}


def wheels() -> tuple[str, ...]:
    """Ids of all wheels in the catalogue, sorted."""
    return names("wheels")


def wheel(name: str) -> Wheel:
    """One wheel.

    Raises:
        UnknownNameError: There is no such wheel; the nearest ids are given.
    """
    found: Wheel = entry("wheels", name, Wheel)
    return found


def known_words(edition: Edition = "mer2026") -> frozenset[str]:
    """Every spelling of an emotion word that can be grouped, in lower case; some are of two or three words."""
    return frozenset(_spellings(edition))


@cache
def wheel_words() -> frozenset[str]:
    """The words of all wheels."""
    return frozenset(word for name in wheels() for word in wheel(name).words)


def form_of(word: str, edition: Edition = "mer2026") -> str | None:
    """The word that a spelling is a form of; `None` where it is not known.

    Itself, where it is a word and not only a form of others; else the first in alphabetical order of those on a wheel,
    or of all.
    """
    spelling = word.lower().strip()
    found = _spellings(edition).get(spelling)
    if found is None or spelling in found:
        return spelling if found else None
    return next((w for w in found if w in wheel_words()), found[0])


@cache
def grouping(name: str = "", *, by: By, edition: Edition = "mer2025") -> Mapping[str, str]:
    """Spelling -> group, for every spelling that has one.

    Args:
        name: The wheel, of groups by `level1` (inner ring) or `level2` (middle ring).
        by: `form` (`case1` of the official script), `synonym` (`case2`), `level1` or `level2` (`case3`). A spelling
            that belongs to several words goes to the first in alphabetical order that the wheel has.
        edition: Whose forms: those that MER2025 scored with, or those of MER2026, which took words out that are no
            forms (`help` of `helpless`).

    Raises:
        UnknownNameError: There is no such wheel.
        InputError: A wheel is named where none is asked for, or the other way round.
    """
    if bool(name) != by.startswith("level"):
        raise InputError(f"Groups by {by} {'go by no wheel' if name else 'need a wheel'}", where=name or None)
    spellings, synonyms = _spellings(edition), _words().synonyms
    if by == "form":
        return {spelling: words[0] for spelling, words in spellings.items()}
    if by == "synonym":
        return {spelling: min(synonyms[words[0]]) for spelling, words in spellings.items()}
    place = wheel(name).level(1 if by == "level1" else 2)
    found = {}
    for spelling, words in spellings.items():
        on_wheel = sorted(w for word in words for w in synonyms[word] if w in place)
        if on_wheel:
            found[spelling] = place[on_wheel[0]]
    return found


def wheel_groupings(level: Literal[1, 2], edition: Edition = "mer2025") -> tuple[Mapping[str, str], ...]:
    """The groupings of the five wheels that MER2025 averages over, by their inner (1) or middle ring (2)."""
    by: By = "level1" if level == 1 else "level2"
    return tuple(grouping(f"mer-{n}", by=by, edition=edition) for n in range(1, 6))
