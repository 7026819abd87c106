"""How a turn's reading differs from the last one of the same speaker, and from the last one of another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Change", "Shift", "Shifts"]

# Dialogues that are kept in mind, as where turns get those before them.
_OPEN = 4096


@dataclass(frozen=True, slots=True)
class Change:
    """From an earlier turn to this one.

    Attributes:
        turn: The earlier turn's place in the dialogue, counted from 0.
        label: Its most probable label; `None` where it has no scores.
        changed: Whether this turn's most probable label is another one; `None` where either has none.
        dimensions: Dimension -> this turn's value minus the earlier one's, for those that both have.
    """

    turn: int
    label: str | None = None
    changed: bool | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shift:
    """What changed at a turn.

    Attributes:
        own: From the same speaker's last turn.
        other: From the last turn of another speaker.

    Each is `None` where there was no such turn with a reading, or where either speaker is not known.
    """

    own: Change | None = None
    other: Change | None = None


@dataclass(slots=True)
class _Last:
    turn: int
    label: str | None
    dimensions: Mapping[str, float]


class Shifts:
    """Follows the turns of dialogues, which may be mixed with one another, in their order.

    Of each open dialogue it keeps the last reading of each speaker. A dialogue that goes on after 4,096 others were
    spoken in since begins anew.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[str, OrderedDict[str, _Last]] = OrderedDict()

    def see(
        self,
        dialogue: str,
        turn: int,
        speaker: str | None,
        *,
        label: str | None,
        dimensions: Mapping[str, float],
    ) -> Shift:
        """Take the next turn that has a reading, and say what changed at it.

        Args:
            dialogue: Name of the dialogue.
            turn: Its place there, counted from 0.
            speaker: Who says it, `None` where that is not known.
            label: Its most probable label.
            dimensions: Dimension -> value.
        """
        if speaker is None:
            return Shift()
        last = self._open.setdefault(dialogue, OrderedDict())
        self._open.move_to_end(dialogue)
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        now = _Last(turn, label, dict(dimensions))
        other = next((last[who] for who in reversed(last) if who != speaker), None)
        shift = Shift(_change(last.get(speaker), now), _change(other, now))
        last[speaker] = now
        last.move_to_end(speaker)
        return shift


def _change(before: _Last | None, now: _Last) -> Change | None:
    if before is None:
        return None
    changed = None if before.label is None or now.label is None else before.label != now.label
    moved = {
        name: value - before.dimensions[name] for name, value in now.dimensions.items() if name in before.dimensions
    }
    return Change(before.turn, before.label, changed, moved)
