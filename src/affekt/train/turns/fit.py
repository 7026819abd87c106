"""From vectors of turns to nets that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.maps import space_map
from affekt.catalog.recipes import TurnNet, TurnPart
from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.errors import DataError
from affekt.corpora.gold import Target
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.classification import weighted_f1
from affekt.models.vectors import SentenceVectors
from affekt.train.fusion.loop import fit
from affekt.train.turns.net import TurnReader

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Standard", "Turns", "adjustment", "code_of", "log_shares", "said", "train_nets", "turns_of"]

_FOLDS = 5
_TALKS = 512  # conversations that are asked about at once
_OFFSETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

Standard = tuple["NDArray[np.float32]", "NDArray[np.float32]"]
"""Mean and spread of the numbers of vectors, each of shape (width,)."""


@dataclass(frozen=True)
class Turns:
    """Conversations of one split.

    Attributes:
        vectors: Of the distinct turns, and of none in the last place, shape (distinct + 1, width).
        order: Which of these each turn is, shape (conversations, turns); -1 behind the last turn.
        by_whom: Whether the speaker is that of the turn before, and of the one before that: shape (conversations,
            turns, 2).
        lengths: Turns of each, shape (conversations,).
        labels: Shape (conversations, turns); -1 where none is learned, and behind the last turn.
        weights: Factor of the losses of each, shape (conversations,).
    """

    vectors: Tensor
    order: Tensor
    by_whom: Tensor
    lengths: Tensor
    labels: Tensor
    weights: Tensor

    def some(self, at: NDArray[np.int64]) -> Turns:
        """Some of the conversations, as far as the longest of them goes."""
        lengths = self.lengths[at]
        most = int(lengths.max())
        order, by_whom, labels = (x[at][:, :most] for x in (self.order, self.by_whom, self.labels))
        return Turns(self.vectors, order, by_whom, lengths, labels, self.weights[at])

    def dealt_out(self, seed: int) -> tuple[Turns, NDArray[np.int64]]:
        """The turns dealt out among the conversations; and the turn that stands at each place now."""
        there = self.order >= 0
        dealt = np.random.default_rng(seed).permutation(int(there.sum()))

        def anew(x: Tensor) -> Tensor:
            out = x.clone()
            out[there] = x[there][dealt]
            return out

        order, by_whom, labels = map(anew, (self.order, self.by_whom, self.labels))
        return Turns(self.vectors, order, by_whom, self.lengths, labels, self.weights), dealt

    @property
    def shifts(self) -> NDArray[np.bool_]:
        """Whether each turn has another label than the turn before, shape (turns,); no first turn has."""
        before = torch.nn.functional.pad(self.labels[:, :-1], (1, 0), value=-1)
        out: NDArray[np.bool_] = ((before >= 0) & (before != self.labels))[self.labels >= 0].numpy()
        return out

    @property
    def truth(self) -> NDArray[np.int64]:
        """Labels of the turns, shape (turns,)."""
        out: NDArray[np.int64] = self.labels[self.labels >= 0].numpy()
        return out

    @property
    def whose(self) -> NDArray[np.int64]:
        """The conversation that each turn is of, shape (turns,)."""
        out: NDArray[np.int64] = np.nonzero((self.labels >= 0).numpy())[0]
        return out


def turns_of(
    plan: TurnNet,
    parts: Sequence[TurnPart],
    *,
    split: str = "train",
    wanted: str,
    standard: Standard | None = None,
    seed: int = 0,
    data: str | Path | None = None,
    limit: int | None = None,
) -> tuple[Turns, Standard]:
    """Conversations of corpora as vectors, on the mean and spread that their turns have or that are given.

    Args:
        plan: Which encoder makes the vectors.
        parts: Which corpora. A turn with other labels than one of the space's is heard and not learned, and so are
            turns that stand before another and are no rows of their own. A conversation without any is left out.
        split: Split of all of them.
        wanted: Label space of what is learned.
        standard: Mean and spread of the vectors; `None` for their own.
        seed: Seed of the choice of conversations.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each; for a trial.

    Returns:
        The conversations; and that mean and spread, each of shape (width,).

    Raises:
        DataError: A corpus is missing, or no turn of one has one of the labels.
    """
    talks = [talk for part in parts for talk in _talks(part, split, wanted, seed, data=data, limit=limit)]
    places: dict[str, int] = {}
    turns = [[places.setdefault(text, len(places)) for text in talk.texts] for talk in talks]
    reader = SentenceVectors(plan.encoder, every_layer=plan.layers == "every")
    vectors = reader.vectors(list(places))
    if standard is None:
        each = vectors[[place for own in turns for place in own]]
        standard = each.mean(0), np.maximum(each.std(0), np.float32(1e-6))
    middle, spread = standard
    none = np.zeros((1, vectors.shape[1]), np.float32)
    lengths = np.array([len(own) for own in turns])
    weights = np.array([talk.weight for talk in talks], np.float32)
    order, labels = (np.full((len(talks), lengths.max()), -1) for _ in range(2))
    by_whom = np.zeros((*order.shape, 2), np.float32)
    for k, (talk, own) in enumerate(zip(talks, turns, strict=True)):
        n = len(own)
        order[k, :n], labels[k, :n] = own, talk.labels
        speakers: NDArray[np.object_] = np.array(talk.speakers, object)
        for back in (1, 2):
            by_whom[k, back:n, back - 1] = speakers[back:] == speakers[:-back]
    standardised = np.concatenate([(vectors - middle) / spread, none])
    return Turns(*map(torch.from_numpy, (standardised, order, by_whom, lengths, labels, weights))), standard


def code_of(part: TurnPart, wanted: str) -> Callable[[Target], int]:
    """What tells the place of a row's label in a space, -1 where it has none there or several.

    Raises:
        UnknownNameError: Labels are to be mapped, and no map leads there.
    """
    own, code = corpus(part.corpus).space, {label: i for i, label in enumerate(space(wanted).labels)}
    if not part.mapped or own == wanted:
        return lambda gold: code.get(gold.labels[0], -1) if gold.labels else -1
    carry = space_map(own, wanted)

    def carried(gold: Target) -> int:
        reached = {target for label in gold.labels for target in carry.weights.get(label, {})}
        return code.get(reached.pop(), -1) if len(reached) == 1 else -1

    return carried


@dataclass(frozen=True)
class _Talk:
    """One conversation: what is said in each turn, by whom, and the place of its label or -1."""

    weight: float
    texts: list[str] = field(default_factory=list)
    speakers: list[str | None] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def _talks(
    part: TurnPart,
    split: str,
    wanted: str,
    seed: int,
    *,
    data: str | Path | None,
    limit: int | None,
) -> list[_Talk]:
    """The conversations of a corpus."""
    learned = code_of(part, wanted)
    dialogues: dict[str, list[tuple[Clip, Target]]] = {}
    for clip, gold in islice(read(part.corpus, split=split, data=data), limit):
        dialogues.setdefault(clip.dialogue or clip.id, []).append((clip, gold))
    chosen = list(dialogues.values())
    if part.rows is not None:
        drawn = np.random.default_rng(seed).permutation(len(chosen))
        rows = np.cumsum([len(chosen[k]) for k in drawn])
        chosen = [chosen[k] for k in sorted(drawn[: int(np.searchsorted(rows, part.rows, side="right"))])]

    out = []
    for rows_of_one in chosen:
        talk = _Talk(part.weight)
        for clip, gold in rows_of_one:
            before, who = list(clip.context), list(clip.context_speakers or [None] * len(clip.context))
            # What was said before, as far as it is not in the conversation yet: it may be no row of its own.
            texts, most = talk.texts, min(len(talk.texts), len(before))
            known = next(k for k in range(most, -1, -1) if texts[len(texts) - k :] == before[:k])
            talk.texts.extend([*before[known:], clip.text or ""])
            talk.speakers.extend([*who[known:], clip.speaker])
            talk.labels.extend([*[-1] * (len(before) - known), learned(gold)])
        if any(label >= 0 for label in talk.labels):
            out.append(talk)
    if not out:
        raise DataError(
            f"No turn of the {split} split has one of the labels: {', '.join(space(wanted).labels)}",
            where=part.corpus,
            hint=f"Its own are those of {corpus(part.corpus).space}; `mapped = true` carries them to {wanted}.",
        )
    return out


def log_shares(turns: Turns, labels: int) -> NDArray[np.float64]:
    """Logarithm of how often each label comes, shape (labels,); one that never does counts as seen once."""
    counts = np.bincount(turns.truth, minlength=labels) + 1
    out: NDArray[np.float64] = np.log(counts / counts.sum())
    return out


def _asked(net: TurnReader, plan: TurnNet, turns: Turns) -> Tensor:
    """Logits of a net, shape (conversations, turns, labels)."""
    return net(turns.vectors[turns.order], turns.lengths, turns.by_whom if plan.speakers else None)


def _one(plan: TurnNet, turns: Turns, labels: int, seed: int) -> TurnReader:
    def make() -> TurnReader:
        beside = 2 if plan.speakers else 0
        return TurnReader(
            turns.vectors.shape[1],
            labels,
            around=plan.around,
            beside=beside,
            hidden=plan.hidden,
            dropout=plan.dropout,
            masked=plan.masked,
        )

    def loss(net: TurnReader, at: Tensor) -> Tensor:
        some = turns.some(at.numpy())
        logits = _asked(net, plan, some)
        known = some.labels >= 0
        each = torch.nn.functional.cross_entropy(
            logits[known], some.labels[known], label_smoothing=plan.smooth, reduction="none"
        )
        return (each * some.weights[:, None].expand_as(known)[known]).mean()

    rows, epochs = len(turns.lengths), plan.epochs
    return fit(make, loss, rows=rows, seed=seed, epochs=epochs, batch=16, rate=plan.rate, decay=0.05, warm_up=0.1)


def train_nets(plan: TurnNet, turns: Turns, labels: int, seed: int) -> list[TurnReader]:
    """The nets of a plan; nothing is chosen, each is that of its last epoch."""
    return [_one(plan, turns, labels, seed * 100 + k) for k in range(plan.members)]


def said(plan: TurnNet, nets: Sequence[TurnReader], turns: Turns) -> NDArray[np.float64]:
    """Log of the mean probability of each label, shape (turns, labels)."""
    found = []
    with torch.no_grad():
        for at in np.array_split(np.arange(len(turns.lengths)), -(-len(turns.lengths) // _TALKS)):
            some = turns.some(at)
            each = [_asked(net, plan, some)[some.labels >= 0].softmax(-1) for net in nets]
            found.append(torch.stack(each).mean(0))
        out: NDArray[np.float64] = torch.cat(found).double().log().numpy()
    return out


def adjustment(plan: TurnNet, turns: Turns, labels: int, seed: int) -> float:
    """The share of the log frequencies that is best taken off, by weighted F1 on folds of training conversations."""
    one, often = msgspec.structs.replace(plan, members=1), log_shares(turns, labels)
    fold = np.random.default_rng(seed).permutation(len(turns.lengths)) % _FOLDS
    truth, logs = [], []
    for k in range(_FOLDS):
        net = _one(one, turns.some(np.flatnonzero(fold != k)), labels, seed)
        held = turns.some(np.flatnonzero(fold == k))
        truth.append(held.truth)
        logs.append(said(one, [net], held))
    wanted, found, codes = np.concatenate(truth), np.concatenate(logs), np.arange(labels)
    scores: Mapping[float, float] = {
        share: weighted_f1(truth=wanted, prediction=(found - share * often).argmax(1), labels=codes)
        for share in _OFFSETS
    }
    return max(scores, key=scores.__getitem__)
