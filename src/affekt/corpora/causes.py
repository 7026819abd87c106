"""Conversations with the emotion of each turn and what caused it, from a corpus and its view of causal spans.

A row of such a view is one span, word for word, that caused the emotion of a turn. Its facts say which: `dialogue`,
`turn`, and `evidence`, the turns that hold the causes. Where these are several, the spans of the turn come in their
order. Evidence that is no turn of the conversation lies outside of it and makes no link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.core.cause import Link
from affekt.core.clip import Clip, Dialogue
from affekt.core.errors import DataError
from affekt.corpora.read import read

__all__ = ["CausedDialogue", "Finder", "questions_of", "read_causes"]

Finder = Callable[[Sequence[Clip], Mapping[int, str]], Mapping[int, Sequence[Link]]]
"""What finds causes: from turns and the emotions of some of them to the links of each, with spans in characters."""


@dataclass(frozen=True, slots=True)
class CausedDialogue:
    """A conversation, its emotions, and their causes.

    Attributes:
        dialogue: The turns.
        labels: The emotion of each turn, `None` for the neutral ones.
        links: Each span that is a cause, turn by turn.
        kinds: Turn -> the kinds of its causes, where the corpus names them.
    """

    dialogue: Dialogue
    labels: tuple[str | None, ...]
    links: tuple[Link, ...]
    kinds: dict[int, tuple[str, ...]]

    @property
    def asked(self) -> tuple[int, ...]:
        """The turns with an emotion."""
        return tuple(i for i, label in enumerate(self.labels) if label is not None)


def read_causes(name: str, *, split: str, data: str | Path | None = None) -> Iterator[CausedDialogue]:
    """Read the conversations of a split.

    Args:
        name: Id of a view of causal spans, such as `reccon:spans`.
        split: Name of the split.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Raises:
        DataError: The corpus is missing, or a span does not stand in the turn that it is said to stand in.
    """
    base = name.partition(":")[0]
    neutral = space(corpus(base).space).neutral
    turns: dict[str, list[Clip]] = {}
    labels: dict[str, list[str | None]] = {}
    for clip, gold in read(base, split=split, data=data):
        key = clip.dialogue or ""
        turns.setdefault(key, []).append(clip)
        labels.setdefault(key, []).append(next((x for x in gold.labels if x != neutral), None))
    links: dict[str, list[Link]] = {key: [] for key in turns}
    kinds: dict[str, dict[int, tuple[str, ...]]] = {key: {} for key in turns}
    seen: dict[tuple[str, int], int] = {}
    for clip, gold in read(name, split=split, data=data):
        key, turn = clip.facts.get("dialogue", ""), int(clip.facts.get("turn", 0)) - 1
        evidence = clip.facts.get("evidence", "").split()
        if key not in turns or not 0 <= turn < len(turns[key]) or not evidence:
            raise DataError(f"Row {clip.id!r} does not say which turn of which conversation it is about", where=name)
        place = seen[key, turn] = seen.get((key, turn), -1) + 1
        at = evidence[place if len(evidence) > 1 else 0] if place < len(evidence) or len(evidence) == 1 else ""
        if kind := clip.facts.get("type"):
            kinds[key][turn] = tuple(kind.split())
        if not at.isdigit():
            continue
        cause, span = int(at) - 1, clip.text or ""
        start = (turns[key][cause].text or "").find(span) if 0 <= cause < len(turns[key]) else -1
        if start < 0:
            raise DataError(f"The span of row {clip.id!r} does not stand in turn {at}", where=name)
        links[key].append(Link(turn, cause, next(iter(gold.labels), None), start, start + len(span), span))
    for key, said in turns.items():
        yield CausedDialogue(Dialogue(key, tuple(said)), tuple(labels[key]), tuple(links[key]), kinds[key])


def questions_of(d: CausedDialogue) -> tuple[Link, ...]:
    """Every question about a conversation, as RECCON's fold 1 asks them: each turn up to one with an emotion.

    A turn that is no cause is one question, and one that is a cause is one for each of its spans.
    """
    out = []
    for turn in d.asked:
        spans = [link for link in d.links if link.turn == turn and link.cause <= turn]
        holds = {link.cause for link in spans}
        name = f"dailydialog_{d.dialogue.id}_utt_{turn + 1}"
        out += [
            Link(turn, cause, d.labels[turn], id=f"{name}_impossible_cause_utt_{cause + 1}")
            for cause in range(turn + 1)
            if cause not in holds
        ]
        numbered = enumerate(link for link in d.links if link.turn == turn)
        out += [replace(s, id=f"{name}_true_cause_utt_{s.cause + 1}_span_{n}") for n, s in numbered]
    return tuple(out)
