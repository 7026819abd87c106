"""Numbers as words, so that a model of language can read what was measured of a voice or a face.

Textualisation as in Richet et al. 2024: a signal becomes words with stated ranges. Each scale says its bands
(`catalog/textual.toml`), so that words can be read back as the range that the number lay in.

Example:
    >>> said = textualise({"pitch": 2.4, "loudness": -0.3}, scale="departure")
    >>> said
    'pitch: higher; loudness: as usual'
    >>> read_back(said, scale="departure")
    {'pitch': (2.0, 3.0), 'loudness': (-1.0, 1.0)}
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from affekt.core.errors import InputError, UnknownNameError
from affekt.core.works import implements
from affekt.features.cues import CUES

__all__ = ["Band", "Scale", "read_back", "scales", "textualise"]

_UNKNOWN = "not known"


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of values and what is said of them.

    Attributes:
        words: The words.
        start: Its lowest value; minus infinity where there is none.
    """

    words: str
    start: float = msgspec.field(default=-math.inf, name="from")


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a number is about, and its bands from the lowest to the highest; the last has no upper end.

    Attributes:
        title: What it measures.
        unit: In which unit.
        source: Whose bands they are.
        bands: The bands.
    """

    title: str
    unit: str
    source: str
    bands: tuple[Band, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scales: dict[str, Scale]


@cache
def scales() -> Mapping[str, Scale]:
    """All scales by name."""
    return msgspec.toml.decode((resources.files("affekt.catalog") / "textual.toml").read_bytes(), type=_Table).scales


def _scale(name: str) -> Scale:
    if name not in scales():
        raise UnknownNameError("scale", name, scales())
    return scales()[name]


@cache
def _words(name: str, of: str) -> tuple[str, ...]:
    """What the bands of a scale are called for a property."""
    cue = next((c for c in CUES if c.name == of), None)
    more, less = (cue.more, cue.less) if cue else ("more", "less")
    return tuple(band.words.format(more=more, less=less) for band in _scale(name).bands)


@implements(works=["textualized-cer", "emotionthinker"])
def textualise(values: Mapping[str, float], *, scale: str) -> str:
    """Say numbers in words.

    Args:
        values: Property -> number; NaN is not known. Names hold neither a colon nor a semicolon.
        scale: Name of the scale.

    Raises:
        UnknownNameError: There is no such scale.
        InputError: A number lies below the scale, or a name cannot be told from words.
    """
    starts = [band.start for band in _scale(scale).bands]
    said = []
    for name, value in values.items():
        if ":" in name or ";" in name:
            raise InputError(f"{name!r} has a colon or a semicolon, and could not be read back")
        at = bisect_right(starts, value) - 1
        if not math.isnan(value) and at < 0:
            raise InputError(f"{value:g} lies below the scale {scale!r}, which begins at {starts[0]:g}", where=name)
        said.append(f"{name}: {_UNKNOWN if math.isnan(value) else _words(scale, name)[at]}")
    return "; ".join(said)


@implements(works=["textualized-cer"])
def read_back(text: str, *, scale: str) -> dict[str, tuple[float, float]]:
    """The ranges in which the numbers of a text lay.

    Args:
        text: What `textualise` made.
        scale: Name of the scale.

    Returns:
        Property -> lowest value, and the one that is too high; infinite at the ends. What is not known is not there.

    Raises:
        UnknownNameError: There is no such scale.
        InputError: The text has words that are none of the scale's.
    """
    starts = [band.start for band in _scale(scale).bands]
    found = {}
    for part in filter(str.strip, text.split(";")):
        name, _, words = (piece.strip() for piece in part.partition(":"))
        if words == _UNKNOWN:
            continue
        known = _words(scale, name)
        if words not in known:
            raise InputError(
                f"The scale {scale!r} does not say {words!r} of {name!r}", hint=f"It has: {', '.join(known)}."
            )
        at = known.index(words)
        found[name] = (starts[at], starts[at + 1] if at + 1 < len(starts) else math.inf)
    return found
