"""MELD's turns, read from vectors of their words by a small net while the encoder stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.spaces import space
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.classification import macro_f1_statistic, weighted_f1, weighted_f1_statistic
from affekt.models.vectors import SentenceVectors
from affekt.train.fusion.context import Around
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.turns import TurnReader

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "turns_read"]

_FOLDS = 5
_OFFSETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How turns are read.

    Attributes:
        encoder: Name or folder of the model whose encoder makes the vectors.
        layers: Whether a vector is that of the last layer but one, or of every layer, one behind the other.
        around: Turns that count.
        speakers: Whether the net is told if a turn is by the speaker of the turn before, and of the one before that.
        members: Nets whose probabilities are averaged.
        adjusted: Whether log probabilities are lowered by a share of the log frequency of their label in training
            (Menon et al. 2021); the share is the one that is best on folds of the training dialogues.
        hidden: Numbers that stand for a turn.
        epochs: Passes over the conversations.
        rate: Highest learning rate.
        dropout: Share of numbers set to 0 while training.
        masked: Share of the numbers of the vectors set to 0 while training.
        smooth: Share of the target spread over all labels.
    """

    encoder: str = "text-en"
    layers: Literal["one", "every"] = "every"
    around: Around = "both"
    speakers: bool = False
    members: int = 1
    adjusted: bool = False
    hidden: int = 128
    epochs: int = 10
    rate: float = 1e-3
    dropout: float = 0.5
    masked: float = 0.5
    smooth: float = 0.05


@dataclass(frozen=True)
class _Turns:
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

    def some(self, at: NDArray[np.int64]) -> _Turns:
        """Some of the conversations."""
        return _Turns(self.vectors[at], self.by_whom[at], self.lengths[at], self.labels[at])

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


def _splits(encoder: str, layers: Literal["one", "every"], ground: Ground) -> dict[str, _Turns]:
    """Train, dev and test; vectors on the mean and spread that the turns of train have."""
    reader = SentenceVectors(encoder, every_layer=layers == "every")
    code = {label: i for i, label in enumerate(space("meld").labels)}
    out: dict[str, _Turns] = {}
    middle, spread = np.float32(0), np.float32(1)
    for split in ("train", "dev", "test"):
        rows = list(read("meld", split=split, data=ground.data))
        if ground.limit and split == "train":
            rows = rows[: ground.limit * 10]
        vectors = reader.vectors([clip.text or "" for clip, _ in rows])
        ground.progress("all", f"read {split}", len(rows), 0, 0.0)
        if split == "train":
            middle, spread = vectors.mean(0), np.maximum(vectors.std(0), 1e-6)
        vectors = (vectors - middle) / spread
        dialogues: dict[str, list[int]] = {}
        for i, (clip, _) in enumerate(rows):
            dialogues.setdefault(clip.dialogue or clip.id, []).append(i)
        lengths = np.array([len(own) for own in dialogues.values()])
        x = np.zeros((len(lengths), lengths.max(), vectors.shape[1]), np.float32)
        by_whom, labels = np.zeros((*x.shape[:2], 2), np.float32), np.full(x.shape[:2], -1)
        for k, own in enumerate(dialogues.values()):
            x[k, : len(own)] = vectors[own]
            labels[k, : len(own)] = [code[rows[i][1].labels[0]] for i in own]
            speakers = np.array([rows[i][0].speaker for i in own])
            for back in (1, 2):
                by_whom[k, back : len(own), back - 1] = speakers[back:] == speakers[:-back]
        out[split] = _Turns(*map(torch.from_numpy, (x, by_whom, lengths, labels)))
    return out


def _trained(plan: Plan, turns: _Turns, labels: int, seed: int) -> TurnReader:
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


def _said(plan: Plan, nets: list[TurnReader], turns: _Turns) -> NDArray[np.float64]:
    """Log of the mean probability of each label, shape (turns, labels)."""
    beside = turns.by_whom if plan.speakers else None
    with torch.no_grad():
        each = [net(turns.vectors, turns.lengths, beside)[turns.labels >= 0].softmax(-1) for net in nets]
        out: NDArray[np.float64] = torch.stack(each).mean(0).double().log().numpy()
    return out


def _offset(plan: Plan, turns: _Turns, often: NDArray[np.float64], seed: int) -> float:
    """The share of the log frequencies that is best taken off, on folds of training dialogues."""
    fold = np.random.default_rng(seed).permutation(len(turns.lengths)) % _FOLDS
    truth, said = [], []
    for k in range(_FOLDS):
        net = _trained(plan, turns.some(np.flatnonzero(fold != k)), len(often), seed)
        held = turns.some(np.flatnonzero(fold == k))
        truth.append(held.truth)
        said.append(_said(plan, [net], held))
    wanted, logs, codes = np.concatenate(truth), np.concatenate(said), np.arange(len(often))
    scores = [
        weighted_f1(truth=wanted, prediction=(logs - share * often).argmax(1), labels=codes) for share in _OFFSETS
    ]
    return _OFFSETS[int(np.argmax(scores))]


def turns_read(ground: Ground) -> Found:
    """MELD's dialogues; what is drawn for intervals is dialogues.

    Nothing is chosen on test: nets are those of the last epoch.
    """
    plans, found = ground.plans(Plan), Found()
    codes = np.arange(len(space("meld").labels))
    read_as = {way: _splits(*way, ground) for way in sorted({(p.encoder, p.layers) for p in plans.values()})}
    shares: dict[tuple[Plan, int], float] = {}  # one net tells the share for several
    for name, plan, seed in ground.runs(plans):
        splits = read_as[plan.encoder, plan.layers]
        train = splits["train"]
        nets = [_trained(plan, train, len(codes), seed * 100 + k) for k in range(plan.members)]
        found.parameters[name] = sum(map(parameters, nets))
        counts = np.bincount(train.truth, minlength=len(codes)) + 1  # a label that never comes has no logarithm
        often = np.log(counts / counts.sum())
        one = msgspec.structs.replace(plan, members=1)
        if plan.adjusted and (one, seed) not in shares:
            shares[one, seed] = _offset(one, train, often, seed)
        share = shares.get((one, seed), 0.0)
        for key, split, of in (
            ("weighted_f1", "test", weighted_f1_statistic),
            ("macro_f1", "test", macro_f1_statistic),
            ("weighted_f1_dev", "dev", weighted_f1_statistic),
        ):
            asked = splits[split]
            answers = (_said(plan, nets, asked) - share * often).argmax(1)
            score = of(truth=asked.truth, prediction=answers, labels=codes)
            found.add(key, name, score.by(asked.whose))
    return found
