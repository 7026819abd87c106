"""From vectors of turns to nets that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.catalog.recipes import TurnNet
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

__all__ = ["Standard", "Turns", "adjustment", "log_shares", "said", "train_nets", "turns_of"]

_FOLDS = 5
_OFFSETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

Standard = tuple["NDArray[np.float32]", "NDArray[np.float32]"]
"""Mean and spread of the numbers of vectors, each of shape (width,)."""


@dataclass(frozen=True)
class Turns:
    """Conversations of one split.

    Attributes:
        vectors: Shape (conversations, turns, width).
        by_whom: Whether the speaker is that of the turn before, and of the one before that: shape (conversations,
            turns, 2).
        lengths: Turns of each, shape (conversations,).
        labels: Shape (conversations, turns); -1 behind the last turn.
    """

    vectors: Tensor
    by_whom: Tensor
    lengths: Tensor
    labels: Tensor

    def some(self, at: NDArray[np.int64]) -> Turns:
        """Some of the conversations."""
        return Turns(self.vectors[at], self.by_whom[at], self.lengths[at], self.labels[at])

    def dealt_out(self, seed: int) -> tuple[Turns, NDArray[np.int64]]:
        """The turns dealt out among the conversations; and the turn that stands at each place now."""
        there = torch.arange(self.vectors.shape[1]) < self.lengths[:, None]
        order = np.random.default_rng(seed).permutation(int(there.sum()))

        def dealt(x: Tensor) -> Tensor:
            out = x.clone()
            out[there] = x[there][order]
            return out

        return Turns(dealt(self.vectors), dealt(self.by_whom), self.lengths, dealt(self.labels)), order

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
    corpus: str,
    splits: Sequence[str],
    *,
    labels: Sequence[str],
    data: str | Path | None = None,
    limit: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[dict[str, Turns], Standard]:
    """Splits of a corpus of conversations as vectors, on the mean and spread that the turns of the first have.

    Args:
        plan: Which encoder makes the vectors.
        corpus: Id of the corpus. Turns have one label each; one that has none of these is heard and not learned.
        splits: Names of splits.
        labels: All labels, in their order.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of the first split; for a trial.
        progress: Called with each split that was read.

    Returns:
        Split -> its conversations; and that mean and spread, each of shape (width,).

    Raises:
        DataError: The corpus is missing, or no turn of a split has one of the labels.
    """
    reader = SentenceVectors(plan.encoder, every_layer=plan.layers == "every")
    out: dict[str, Turns] = {}
    middle, spread = np.zeros(0, np.float32), np.ones(0, np.float32)
    for split in splits:
        rows = list(islice(read(corpus, split=split, data=data), None if out else limit))
        vectors = reader.vectors([clip.text or "" for clip, _ in rows])
        if not out:
            middle, spread = vectors.mean(0), np.maximum(vectors.std(0), np.float32(1e-6))
        out[split] = _conversations(rows, (vectors - middle) / spread, labels)
        if not (out[split].labels >= 0).any():
            raise DataError(f"No turn of the {split} split has one of the labels: {', '.join(labels)}", where=corpus)
        if progress:
            progress(split)
    return out, (middle, spread)


def _conversations(rows: Sequence[tuple[Clip, Target]], vectors: NDArray[np.float32], labels: Sequence[str]) -> Turns:
    """Rows with their vectors, shape (rows, width), those of one dialogue side by side."""
    code = {label: i for i, label in enumerate(labels)}
    dialogues: dict[str, list[int]] = {}
    for i, (clip, _) in enumerate(rows):
        dialogues.setdefault(clip.dialogue or clip.id, []).append(i)
    lengths = np.array([len(own) for own in dialogues.values()])
    x = np.zeros((len(lengths), lengths.max(), vectors.shape[1]), np.float32)
    by_whom, codes = np.zeros((*x.shape[:2], 2), np.float32), np.full(x.shape[:2], -1)
    for k, own in enumerate(dialogues.values()):
        x[k, : len(own)] = vectors[own]
        codes[k, : len(own)] = [code.get(rows[i][1].labels[0], -1) if rows[i][1].labels else -1 for i in own]
        speakers: NDArray[np.object_] = np.array([rows[i][0].speaker for i in own], object)
        for back in (1, 2):
            by_whom[k, back : len(own), back - 1] = speakers[back:] == speakers[:-back]
    return Turns(*map(torch.from_numpy, (x, by_whom, lengths, codes)))


def log_shares(turns: Turns, labels: int) -> NDArray[np.float64]:
    """Logarithm of how often each label comes, shape (labels,); one that never does counts as seen once."""
    counts = np.bincount(turns.truth, minlength=labels) + 1
    out: NDArray[np.float64] = np.log(counts / counts.sum())
    return out


def _one(plan: TurnNet, turns: Turns, labels: int, seed: int) -> TurnReader:
    def make() -> TurnReader:
        beside = 2 if plan.speakers else 0
        return TurnReader(
            turns.vectors.shape[2],
            labels,
            around=plan.around,
            beside=beside,
            hidden=plan.hidden,
            dropout=plan.dropout,
            masked=plan.masked,
        )

    def loss(net: TurnReader, at: Tensor) -> Tensor:
        some = turns.some(at.numpy())
        longest = int(some.lengths.max())
        beside = some.by_whom[:, :longest] if plan.speakers else None
        logits = net(some.vectors[:, :longest], some.lengths, beside)
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), some.labels[:, :longest].flatten(), ignore_index=-1, label_smoothing=plan.smooth
        )

    rows, epochs = len(turns.lengths), plan.epochs
    return fit(make, loss, rows=rows, seed=seed, epochs=epochs, batch=16, rate=plan.rate, decay=0.05, warm_up=0.1)


def train_nets(plan: TurnNet, turns: Turns, labels: int, seed: int) -> list[TurnReader]:
    """The nets of a plan; nothing is chosen, each is that of its last epoch."""
    return [_one(plan, turns, labels, seed * 100 + k) for k in range(plan.members)]


def said(plan: TurnNet, nets: Sequence[TurnReader], turns: Turns) -> NDArray[np.float64]:
    """Log of the mean probability of each label, shape (turns, labels)."""
    beside = turns.by_whom if plan.speakers else None
    with torch.no_grad():
        each = [net(turns.vectors, turns.lengths, beside)[turns.labels >= 0].softmax(-1) for net in nets]
        out: NDArray[np.float64] = torch.stack(each).mean(0).double().log().numpy()
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
