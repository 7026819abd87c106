"""Turns with what was said before them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from affekt.media.text import Read

__all__ = ["OPEN", "in_context"]

OPEN = 4096
"""Dialogues that are kept in mind; one that goes on after so many others were spoken in since begins anew."""


@dataclass(slots=True)
class _Thread:
    said: deque[tuple[str, str | None]] = field(default_factory=deque)
    turns: int = 0


def in_context(reads: Iterable[Read], *, turns: int) -> Iterator[Read]:
    """Rows in the same order, turns of dialogues with their place there and what was said before.

    Dialogues may be mixed with one another. A row without a dialogue, and a turn that already has turns before it,
    stays as it is. What is empty, cannot be read or is nobody's words is a turn too, but is not said before others.

    Args:
        reads: The rows.
        turns: How many turns before are kept with each.
    """
    threads: OrderedDict[str, _Thread] = OrderedDict()
    for read in reads:
        clip = read.clip
        if clip.dialogue is None:
            yield read
            continue
        thread = threads.setdefault(clip.dialogue, _Thread(deque(maxlen=turns)))
        threads.move_to_end(clip.dialogue)
        if len(threads) > OPEN:
            threads.popitem(last=False)
        place = thread.turns if clip.turn is None else clip.turn
        thread.turns = place + 1
        if not clip.context:
            speakers = tuple(by for _, by in thread.said)
            clip = replace(
                clip,
                turn=place,
                context=tuple(said for said, _ in thread.said),
                context_speakers=speakers if any(speakers) else (),
            )
        elif clip.turn is None:
            clip = replace(clip, turn=place)
        if read.problem is None and read.aside is None and clip.text is not None:
            thread.said.append((clip.text, clip.speaker))
        yield replace(read, clip=clip)
