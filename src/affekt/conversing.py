"""What a turn is beside the turns before it: what changed, and what caused its emotion."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.row import OWN, Row, value_of
from affekt.core.shift import Shifts

if TYPE_CHECKING:
    from affekt.models.causes import CauseRecogniser

__all__ = ["Conversing"]

# Dialogues whose last turns are kept, as where turns get those before them.
_OPEN = 4096


class Conversing:
    """Follows the turns of conversations in their order.

    Args:
        causes: The model of causes; `None` where there is none, and causes stay unknown.
    """

    def __init__(self, causes: CauseRecogniser | None = None) -> None:
        self._shifts = Shifts()
        self._causes = causes
        self._recent: OrderedDict[str, deque[Clip]] = OrderedDict()

    def resume(self, rows: Iterable[Row]) -> None:
        """Take the turns of rows that were written earlier."""
        for row in rows:
            if row.dialogue is None or row.turn is None:
                continue
            self._keep(Clip(row.id, row.text, speaker=row.speaker, dialogue=row.dialogue, turn=row.turn))
            if row.abstained is None:
                top = max(row.scores, key=row.scores.__getitem__) if row.scores else None
                names = (*OWN, *(row.dimensions or ()))
                known = {name: value for name in names if (value := value_of(row, name)) is not None}
                self._shifts.see(row.dialogue, row.turn, row.speaker, label=top, dimensions=known)

    def follow(self, turns: Sequence[tuple[Clip, Prediction]]) -> list[Prediction]:
        """The predictions of the next rows, those of turns that were read with what changed and what caused it.

        Args:
            turns: Clips with their predictions, in the order of the conversation; other texts may stand among them.
        """
        out = [p for _, p in turns]
        dialogues: dict[str, list[int]] = {}
        for i, (clip, p) in enumerate(turns):
            if clip.dialogue is None or clip.turn is None:
                continue
            dialogues.setdefault(clip.dialogue, []).append(i)
            if p.abstained is None:
                shift = self._shifts.see(clip.dialogue, clip.turn, clip.speaker, label=p.top, dimensions=p.dimensions)
                out[i] = replace(p, shift=shift)
        if self._causes is not None:
            for dialogue, at in dialogues.items():
                self._find(self._causes, dialogue, at, turns, out)
        return out

    def _find(
        self,
        model: CauseRecogniser,
        dialogue: str,
        at: Sequence[int],
        turns: Sequence[tuple[Clip, Prediction]],
        out: list[Prediction],
    ) -> None:
        """Find the causes of the turns of one dialogue, those before this block included."""
        before = list(self._recent.get(dialogue, ()))
        said = [*before, *(turns[i][0] for i in at)]
        places = {len(before) + k: i for k, i in enumerate(at)}
        languages = model.card.languages
        asked = {
            place: label
            for place, i in places.items()
            if (label := _emotion(out[i])) is not None and (out[i].language or languages[0]) in languages
        }
        found = model.read(said, asked)
        for place, reading in found.items():
            causes = [replace(c, turn=turn) for c in model.chosen(reading) if (turn := said[c.turn].turn) is not None]
            out[places[place]] = replace(out[places[place]], causes=tuple(causes))
        for place, i in places.items():
            if place not in asked and out[i].abstained is None:
                out[i] = replace(out[i], causes=())
            self._keep(turns[i][0])

    def _keep(self, clip: Clip) -> None:
        if self._causes is None or clip.dialogue is None:
            return
        recent = self._recent.setdefault(clip.dialogue, deque(maxlen=self._causes.facts.back))
        self._recent.move_to_end(clip.dialogue)
        if len(self._recent) > _OPEN:
            self._recent.popitem(last=False)
        recent.append(clip)


def _emotion(p: Prediction) -> str | None:
    """The emotion whose cause is asked for; `None` where the turn has none."""
    from affekt.catalog.spaces import space

    if p.abstained is not None or not p.labels:
        return None
    return None if p.labels[0] == space(p.space).neutral else p.labels[0]
