"""Action units of a face as data: their names, what part they move, and which together stand for an emotion."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from affekt.core.errors import UnknownNameError

__all__ = ["NEUTRAL", "Attribute", "FaceUnits", "Unit", "face_units"]

NEUTRAL = "neutral"
"""What units say that stand for no emotion."""


class Unit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An action unit.

    Attributes:
        title: Its name in the Facial Action Coding System.
        part: The part of the face that it moves.
    """

    title: str
    part: str


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be seen of a face whatever it expresses.

    Attributes:
        part: The part of the face that it is seen at.
        of: A face has exactly one of the attributes that share this; empty: it has this one or not.
    """

    part: str
    of: str = ""


class FaceUnits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Units, attributes, and emotions as combinations of units.

    Attributes:
        source: Where names and combinations are from, and what was left out.
        parts: Parts of a face, from above.
        units: Id -> unit, by number.
        attributes: Id -> attribute.
        emotions: Emotion -> the combinations that stand for it.
    """

    source: str
    parts: tuple[str, ...]
    units: dict[str, Unit]
    attributes: dict[str, Attribute]
    emotions: dict[str, tuple[tuple[str, ...], ...]]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions and, last, that there is none."""
        return (*self.emotions, NEUTRAL)

    def implied(self, units: Iterable[str]) -> str | None:
        """The emotion that units stand for.

        A combination counts where all of its units are there, whatever else is; the one with most units decides.

        Args:
            units: Ids of units.

        Returns:
            The emotion; `neutral` where no combination is there; `None` where equally large ones of several are.

        Raises:
            UnknownNameError: One is no unit.

        Example:
            >>> face_units().implied(["AU1", "AU2", "AU5"]), face_units().implied(["AU1", "AU2", "AU4", "AU5"])
            ('surprise', 'fear')
        """
        shown = set(units)
        if unknown := sorted(shown - self.units.keys()):
            raise UnknownNameError("action unit", unknown[0], self.units)
        sizes = {
            emotion: max((len(some) for some in ways if shown.issuperset(some)), default=0)
            for emotion, ways in self.emotions.items()
        }
        most = max(sizes.values())
        if not most:
            return NEUTRAL
        found = [emotion for emotion, size in sizes.items() if size == most]
        return found[0] if len(found) == 1 else None


@cache
def face_units() -> FaceUnits:
    """The units that the package knows."""
    file = resources.files("affekt.catalog") / "face_units.toml"
    return msgspec.toml.decode(file.read_bytes(), type=FaceUnits)
