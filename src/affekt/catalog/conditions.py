"""Conditions of recording that robustness is measured under: what is done to the sound, and how much of it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from affekt.core.errors import UnknownNameError

__all__ = ["Condition", "condition", "conditions"]

Kind = Literal["white", "pink", "babble", "reverberation", "distance", "telephone", "clipping", "gain", "speed"]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A way in which recordings are worse than those of a studio.

    Attributes:
        name: Its id.
        title: What it is, for people.
        kind: What is done; see `affekt.features.disturb`.
        unit: What levels are in; empty where there is one level.
        levels: How much of it, from the least to the most severe.
        distance: Of reverberation, metres from the mouth.
        rt60: Of distance, seconds of reverberation.
        obstacle: Of distance, dB that a wall or door takes at 125 Hz; `None` without one.
        train: Range that levels are drawn from where heads learn from disturbed copies; `None`: they do not.
    """

    title: str
    kind: Kind
    unit: str
    levels: tuple[float, ...]
    name: str = ""
    distance: float = 2.0
    rt60: float = 0.5
    obstacle: float | None = None
    train: tuple[float, float] | None = None


@cache
def conditions() -> dict[str, Condition]:
    """All conditions by name."""
    file = resources.files("affekt.catalog") / "conditions.toml"
    found = msgspec.toml.decode(file.read_bytes(), type=dict[str, Condition])
    return {name: msgspec.structs.replace(each, name=name) for name, each in found.items()}


def condition(name: str) -> Condition:
    """The condition of that name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in conditions():
        raise UnknownNameError("condition", name, conditions())
    return conditions()[name]
