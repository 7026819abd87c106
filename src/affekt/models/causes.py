"""What in a conversation caused the emotion of a turn: which turns, and which words of them.

The model reads an emotion, the turn that has it, and the turns before it, nearest first, all at once. Each turn is
opened by two words: who says it (`i` for the one whose emotion it is, `you` for others, `someone` where that is not
known) and how many turns back it is. At the first of these the model says whether the turn holds a cause, and at each
word of the turn how well a causal span starts and ends there (Poria et al. 2021 ask about one pair of turns at a
time; here one reading answers for all candidates). A small model counts words instead (`affekt.models.cause_words`).
A window of so many turns bounds the work on each turn, whatever the length of the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from affekt.catalog.maps import space_map
from affekt.catalog.spaces import space as catalogue_space
from affekt.core.cause import Cause, Link
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, ModelError
from affekt.models.card import Card, Causes, read_card
from affekt.models.cause_words import Weights, seen_of_pair, seen_of_span, spans_of
from affekt.models.session import open_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "KIND",
    "LINK",
    "SPAN",
    "CauseReading",
    "CauseRecogniser",
    "Layout",
    "Pieces",
    "Writer",
    "best_span",
    "known_emotion",
]

LINK, SPAN, KIND = "link", "span", "kind"
"""The model's outputs for each token: whether its turn holds a cause; start and end of a span; kinds of causes."""

_LONGEST_TURN = 80  # tokens of a turn that are read
_LEAST = 6  # tokens that must be left for another turn to be begun
_BATCH = 16


class _Tokenizer(Protocol):
    def encode(self, sequence: str, *, add_special_tokens: bool = ...) -> Any: ...

    def token_to_id(self, token: str) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Pieces:
    """A turn in tokens.

    Attributes:
        ids: The tokens, shape (tokens,).
        offsets: First and last character + 1 of each, shape (tokens, 2).
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """One reading: an emotion, its turn, and the turns that may hold the cause.

    Attributes:
        ids: All tokens, shape (tokens,).
        turns: The turns that are read, the one with the emotion first.
        marks: Place of the token that stands for each turn, shape (turns,).
        spans: First and last token + 1 of the words of each turn, shape (turns, 2).
    """

    ids: NDArray[np.int64]
    turns: tuple[int, ...]
    marks: NDArray[np.int64]
    spans: NDArray[np.int64]


class Writer:
    """Lays out what the model reads.

    Args:
        tokenizer: The model's tokenizer.
        back: Turns before the one with the emotion that are read.
        ahead: Turns after it that are read.
        most: Tokens of a reading; the farthest turns are cut.

    Raises:
        CatalogError: The vocabulary has no signs for the beginning and the end of a text.
    """

    def __init__(self, tokenizer: _Tokenizer, *, back: int, ahead: int, most: int) -> None:
        self.tokenizer, self.back, self.ahead, self.most = tokenizer, back, ahead, most
        signs = {name: tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]")}
        if missing := [name for name, i in signs.items() if i is None]:
            raise CatalogError(f"The vocabulary has no {missing[0]}", hint="Start from an encoder that is a BERT.")
        names = ("i", "you", "someone", "next", *map(str, range(back + 1)))
        self.words: dict[str, int] = {name: i for name, i in signs.items() if i is not None}
        # In a vocabulary of byte pairs a word may be several tokens; the first stands for it.
        self.words |= {name: tokenizer.encode(name, add_special_tokens=False).ids[0] for name in names}

    def pieces(self, text: str) -> Pieces:
        """A turn in tokens, at most `_LONGEST_TURN` of them."""
        found = self.tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(found.offsets[:_LONGEST_TURN], np.int64).reshape(-1, 2)
        return Pieces(np.array(found.ids[:_LONGEST_TURN], np.int64), offsets)

    def layout(self, turns: Sequence[Pieces], speakers: Sequence[str | None], index: int, emotion: str) -> Layout:
        """What is read to find the causes of one turn.

        Args:
            turns: All turns in tokens; those outside the window may be empty.
            speakers: Who says each, `None` where that is not known.
            index: The turn with the emotion.
            emotion: Its name.
        """
        w = self.words
        head = self.tokenizer.encode(emotion.replace("_", " "), add_special_tokens=False).ids[:4]
        ids: list[int] = [w["[CLS]"], *head, w["[SEP]"]]
        after = range(index + 1, min(len(turns), index + 1 + self.ahead))
        order = [index, *after, *range(index - 1, max(-1, index - 1 - self.back), -1)]
        marks: list[int] = []
        spans: list[tuple[int, int]] = []
        read: list[int] = []
        for turn in order:
            if len(ids) + _LEAST > self.most and read:
                break
            who, own = speakers[turn], speakers[index]
            said = "i" if turn == index else "someone" if who is None or own is None else "i" if who == own else "you"
            ids += [w[said], w["next"] if turn > index else w[str(index - turn)]]
            marks.append(len(ids) - 2)
            some = turns[turn].ids[: max(1, self.most - 1 - len(ids))]
            spans.append((len(ids), len(ids) + len(some)))
            ids += [*map(int, some), w["[SEP]"]]
            read.append(turn)
        return Layout(np.array(ids, np.int64), tuple(read), np.array(marks), np.array(spans).reshape(-1, 2))


def best_span(start: NDArray[np.floating[Any]], end: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """The span with the highest sum of what is said for its start and its end.

    Args:
        start: For each token of a turn, how well a span starts there, shape (tokens,).
        end: Likewise for its last token.

    Returns:
        Its first token, and its last token + 1.
    """
    total = np.where(np.triu(np.ones((len(start), len(start)), bool)), start[:, None] + end[None], -np.inf)
    first, last = np.unravel_index(int(total.argmax()), total.shape)
    return int(first), int(last) + 1


@cache
def known_emotion(name: str, space: str) -> str:
    """The name that an emotion has in a space, such as happiness for joy.

    Names of Ekman's six, of MELD and of GoEmotions are carried over by the maps of the catalogue; one that leads
    nowhere stays as it is.

    Args:
        name: Name of the emotion.
        space: Id of the space.
    """
    if name in catalogue_space(space).labels:
        return name
    there = {
        max(row, key=row.__getitem__): label for label, row in space_map(space, "ekman-neutral").weights.items() if row
    }
    for origin in ("meld", "goemotions"):
        row = space_map(origin, "ekman-neutral").weights.get(name)
        if row and (place := max(row, key=row.__getitem__)) in there:
            return there[place]
    return there.get(name, name)


@dataclass(frozen=True, slots=True)
class CauseReading:
    """What the model says of the causes of one turn.

    Attributes:
        candidates: Each turn in the window with its best span and the probability that it holds a cause, in the order
            of the conversation; a turn without words is none. Where words are counted, a turn that is too improbable
            stands with all its words.
        kinds: Kind of cause -> probability, where the model tells them.
    """

    candidates: tuple[Cause, ...]
    kinds: Mapping[str, float]


class CauseRecogniser:
    """Finds the causes of emotions with a model folder.

    Args:
        folder: Folder with `affekt.json`, and `model.onnx` and `tokenizer.json` or `weights.safetensors`.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder does not hold a usable model of causes.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        self.folder = folder
        self.card: Card = read_card(folder)
        if self.card.causes is None:
            raise ModelError(f"{self.card.id} finds no causes", where=str(folder), hint="See `affekt models list`.")
        self.facts: Causes = self.card.causes
        self._weights = Weights.load(folder / "weights.safetensors") if self.facts.words else None
        if self._weights is None:
            self._open(folder, jobs)

    def _open(self, folder: Path, jobs: int | None) -> None:
        from tokenizers import Tokenizer

        self._session = open_graph(folder / "model.onnx", threads=jobs or cpu_count() or 1)
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as err:  # the library raises bare exceptions of many kinds
            raise ModelError(f"The model cannot be loaded: {err}", where=str(folder)) from err
        tokenizer.no_truncation()
        tokenizer.no_padding()
        f = self.facts
        self._writer = Writer(tokenizer, back=f.back, ahead=f.ahead, most=self.card.max_tokens)

    @property
    def name(self) -> str:
        """Id and version."""
        return f"{self.card.id}@{self.card.version}"

    def read(
        self, turns: Sequence[Clip], emotions: Mapping[int, str], *, least: float | None = None
    ) -> dict[int, CauseReading]:
        """What the model says of the causes of several turns of one conversation.

        Time and memory grow with the number of emotions, not with the length of the conversation.

        Args:
            turns: The conversation.
            emotions: Place of a turn -> the name of its emotion, such as `sadness`.
            least: Where words are counted, the probability from which spans are looked for; default that from which a
                turn is said to hold a cause.

        Raises:
            IndexError: There is no such turn.
        """
        if any(not 0 <= i < len(turns) for i in emotions):
            raise IndexError(f"the conversation has {len(turns)} turns, and not one at each of {sorted(emotions)}")
        emotions = {i: known_emotion(name, self.card.main) for i, name in emotions.items()}
        if self._weights is not None:
            cut = self.facts.threshold if least is None else least
            return {i: self._count(self._weights, turns, i, name, cut) for i, name in emotions.items()}
        speakers = [t.speaker for t in turns]
        nothing = Pieces(np.zeros(0, np.int64), np.zeros((0, 2), np.int64))
        pieces = [nothing] * len(turns)
        needed = {j for i in emotions for j in range(i - self.facts.back, i + 1 + self.facts.ahead)}
        for j in needed & set(range(len(turns))):
            pieces[j] = self._writer.pieces(turns[j].text or "")
        layouts = [(i, self._writer.layout(pieces, speakers, i, emotions[i])) for i in sorted(emotions)]
        layouts.sort(key=lambda pair: len(pair[1].ids))
        out: dict[int, CauseReading] = {}
        for k in range(0, len(layouts), _BATCH):
            some = layouts[k : k + _BATCH]
            ids = np.zeros((len(some), len(some[-1][1].ids)), np.int64)
            mask = np.zeros_like(ids)
            for row, (_, layout) in enumerate(some):
                ids[row, : len(layout.ids)], mask[row, : len(layout.ids)] = layout.ids, 1
            names = [LINK, SPAN, *([KIND] if self.facts.kinds else [])]
            found = self._session.run(names, {"input_ids": ids, "attention_mask": mask})
            for row, (i, layout) in enumerate(some):
                out[i] = self._judge(layout, pieces, *(values[row] for values in found))
        return out

    def _count(self, weights: Weights, turns: Sequence[Clip], index: int, emotion: str, least: float) -> CauseReading:
        a, b = self.facts.scale
        found = []
        for j in range(max(0, index - self.facts.back), index + 1):
            text = turns[j].text or ""
            if not (spans := spans_of(text)):
                continue
            logit = weights.link_logit(seen_of_pair(turns, index, j, emotion))
            score = float(1.0 / (1.0 + np.exp(-(a * logit + b))))
            best = spans[0]
            if score >= least:
                fits = [weights.span_logit(seen_of_span(text, *s, back=index - j, emotion=emotion)) for s in spans]
                best = spans[int(np.argmax(fits))]
            found.append(Cause(j, *best, score))
        return CauseReading(tuple(found), {})

    def _judge(
        self,
        layout: Layout,
        pieces: Sequence[Pieces],
        link: NDArray[np.float32],
        span: NDArray[np.float32],
        kind: NDArray[np.float32] | None = None,
    ) -> CauseReading:
        a, b = self.facts.scale
        found = []
        for turn, mark, (first, last) in zip(layout.turns, layout.marks, layout.spans, strict=True):
            if first == last:
                continue
            score = 1.0 / (1.0 + np.exp(-(a * float(link[mark, 0]) + b)))
            start, end = best_span(span[first:last, 0], span[first:last, 1])
            offsets = pieces[turn].offsets
            found.append(Cause(turn, int(offsets[start, 0]), int(offsets[end - 1, 1]), float(score)))
        kinds = {}
        if kind is not None and (head := self.facts.kinds):
            values = head.scores(kind[:1])[0]
            kinds = dict(zip(catalogue_space(head.space).labels, map(float, values), strict=True))
        return CauseReading(tuple(sorted(found, key=lambda c: c.turn)), kinds)

    def causes_of(self, turns: Sequence[Clip], index: int, emotion: str) -> list[Cause]:
        """The causes of the emotion of one turn, those with the highest probability first.

        Args:
            turns: The conversation.
            index: The turn.
            emotion: The name of its emotion, such as `sadness`.

        Raises:
            IndexError: There is no such turn.
        """
        return self.chosen(self.read(turns, {index: emotion})[index])

    def links(
        self, turns: Sequence[Clip], emotions: Mapping[int, str], *, least: float | None = None
    ) -> dict[int, list[Link]]:
        """The causes of several emotions as links, as tasks about causes want them.

        Args:
            turns: The conversation.
            emotions: Place of a turn -> the name of its emotion.
            least: Probability from which a turn is said to hold a cause; default that of the card.

        Raises:
            IndexError: There is no such turn.
        """
        cut = self.facts.threshold if least is None else least
        return {
            i: [
                Link(i, c.turn, emotions[i], c.start, c.end, (turns[c.turn].text or "")[c.start : c.end], c.score)
                for c in reading.candidates
                if c.score >= cut
            ]
            for i, reading in self.read(turns, emotions, least=cut).items()
        }

    def spans(self, turns: Sequence[Clip], emotions: Mapping[int, str]) -> dict[int, list[Link]]:
        """The same where the words are what is asked for: more turns are given then; see `Causes.span_threshold`."""
        return self.links(turns, emotions, least=self.facts.span_threshold)

    def chosen(self, reading: CauseReading) -> list[Cause]:
        """The candidates that are as probable as a cause must be, most probable first."""
        given = [c for c in reading.candidates if c.score >= self.facts.threshold]
        return sorted(given, key=lambda c: -c.score)
