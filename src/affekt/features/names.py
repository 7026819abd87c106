"""Names, units and meanings of all that is measured, in their fixed order; read from the catalogue."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from affekt.core.errors import UnknownNameError

__all__ = ["DESCRIPTORS", "FULL", "FUNCTIONALS", "Functional", "column", "functional"]

Frames = Literal["all", "voiced", "unvoiced"]


class _Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    authors: str
    year: int
    url: str
    note: str


class Descriptor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing measured in each frame."""

    name: str
    unit: str
    meaning: str


class Functional(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number for a stretch of sound: a statistic of a descriptor over its frames."""

    name: str
    of: str
    statistic: str
    frames: Frames
    unit: str
    meaning: str


class _More(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: tuple[str, ...]
    statistics: tuple[str, ...]
    frames: Frames
    meaning: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: _Source
    descriptors: tuple[Descriptor, ...]
    functionals: tuple[Functional, ...]
    more: tuple[_More, ...]


@cache
def _table() -> _Table:
    file = resources.files("affekt.catalog") / "features.toml"
    return msgspec.toml.decode(file.read_bytes(), type=_Table)


def _unit(of: str, statistic: str) -> str:
    if of == "rhythm":
        return {"pause_share": "1", "pause_mean": "s"}.get(statistic, "1/s")
    plain = next(d.unit for d in _table().descriptors if d.name == of)
    if statistic.startswith("mod_"):
        return "1"
    return f"{plain}/s" if statistic == "slope" else plain


@cache
def _by_name() -> dict[str, Functional]:
    table = _table()
    known = {each.name: each for each in table.functionals}
    for more in table.more:
        for of in more.of:
            for statistic in more.statistics:
                name = f"{of}_{statistic}"
                plain = statistic.removeprefix("voiced_")
                known[name] = Functional(name, of, plain, more.frames, _unit(of, plain), more.meaning)
    return known


@cache
def functional(name: str) -> Functional:
    """What a functional is, by its name.

    Raises:
        UnknownNameError: There is none; the nearest names are given.
    """
    found = _by_name().get(name)
    if found is None:
        raise UnknownNameError("functional", name, _by_name())
    return found


DESCRIPTORS: tuple[Descriptor, ...] = _table().descriptors
"""What is measured in each frame, in the order of the columns."""

FUNCTIONALS: tuple[str, ...] = tuple(each.name for each in _table().functionals)
"""The 88 functionals of eGeMAPS v02 under the names that openSMILE gives them."""

FULL: tuple[str, ...] = tuple(_by_name())
"""The 88 and what a recogniser gains from: more of the cepstrum, contours, modulation, spread, rhythm."""

_COLUMNS = {each.name: i for i, each in enumerate(DESCRIPTORS)}


def column(name: str) -> int:
    """Column of a descriptor by its name.

    Raises:
        UnknownNameError: There is none; the nearest names are given.
    """
    if name not in _COLUMNS:
        raise UnknownNameError("descriptor", name, _COLUMNS)
    return _COLUMNS[name]
