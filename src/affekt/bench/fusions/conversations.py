"""Turns of conversations: context, experts and their gate, and the terms that hold them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from affekt.bench.conflict import drawn_text, heard_once, planted, texts_by_label
from affekt.bench.fusions.base import Found, Ground
from affekt.bench.tasks import task
from affekt.catalog.corpora import ALL
from affekt.catalog.maps import space_map
from affekt.catalog.recipes import Around
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError
from affekt.core.works import implements
from affekt.corpora.mirrors import mirror
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.classification import (
    accuracy_statistic,
    unweighted_average_recall_statistic,
    weighted_f1,
    weighted_f1_statistic,
)
from affekt.metrics.regression import pearson_cc_statistic
from affekt.metrics.statistic import Array, Statistic, divide
from affekt.models.vectors import SentenceVectors
from affekt.train.fusion.agreement import consistency, paired_contrast
from affekt.train.fusion.experts import TOGETHER, Experts, mixed
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.made import Conversations, agreeing, conversations
from affekt.train.voice.fit import Heard, folds_of, speaker_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "channels_gone", "made_conversations", "planted_pairs", "voted_lines"]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How turns are read.

    Attributes:
        experts: Who reads: names of channels, and `together`.
        gate: How they are weighted.
        around: Turns that count.
        contrast: Weight of the contrast between channels.
        kl: Weight of the divergence of experts from what they say together.
        alone: Weight of the loss of each expert for itself.
        hidden: Numbers that stand for a turn.
        epochs: Passes over the conversations.
        rows: Conversations that are made to train on.
        balanced: Whether turns count by the inverse square root of how often their label comes.
        dropout: Share of numbers set to 0 while training.
        masked: Share of the numbers of the vectors that come in set to 0 while training.
        missing: Share of the conversations in which one channel, drawn anew each time, is taken away while training.
    """

    experts: tuple[str, ...] = ("voice", "text", TOGETHER)
    gate: Literal["learned", "equal"] = "learned"
    around: Around = "both"
    contrast: float = 0.0
    kl: float = 0.0
    alone: float = 0.5
    hidden: int = 32
    epochs: int = 12
    rows: int = 300
    balanced: bool = False
    dropout: float = 0.2
    masked: float = 0.0
    missing: float = 0.0


def _share(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def _tensors(some: Conversations) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    channels = {name: torch.from_numpy(x) for name, x in some.channels.items()}
    return channels, torch.from_numpy(some.lengths), torch.from_numpy(some.labels)


def _trained(plan: Plan, train: Conversations, dev: Conversations, labels: int, *, seed: int) -> Experts:
    channels, lengths, wanted = _tensors(train)
    widths = {name: x.shape[2] for name, x in channels.items()}
    counts = np.bincount(train.labels[train.inside], minlength=labels)
    often = torch.tensor(np.sqrt(counts.max() / np.maximum(counts, 1)), dtype=torch.float32)

    def make() -> Experts:
        how: dict[str, Any] = {
            "around": plan.around,
            "hidden": plan.hidden,
            "dropout": plan.dropout,
            "masked": plan.masked,
        }
        return Experts(widths, labels, experts=plan.experts, gate=plan.gate, **how)

    def loss(net: Experts, at: Tensor) -> Tensor:
        longest = int(lengths[at].max())
        heard = {name: x[at, :longest] for name, x in channels.items()}
        if plan.missing:
            lost = torch.where(torch.rand(len(at)) < plan.missing, torch.randint(len(heard), (len(at),)), -1)
            heard = {name: x * (lost != k)[:, None, None] for k, (name, x) in enumerate(heard.items())}
        said = net(heard, lengths[at])
        label = wanted[at, :longest]
        inside = label >= 0
        label, logits, gates = label[inside], said.logits[inside], said.gates[inside]
        rows = -mixed(said)[inside].gather(1, label[:, None])[:, 0]
        each = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), label.repeat_interleave(logits.shape[1]), reduction="none"
        ).reshape(logits.shape[:2])
        rows = rows + plan.alone * each.mean(1)
        if plan.kl:
            rows = rows + plan.kl * consistency(logits, gates)
        if plan.contrast:
            one, other = (x[inside] for x in said.inner.values())
            rows = rows + plan.contrast * paired_contrast(one, other, label)
        weights = often[label] if plan.balanced else torch.ones(len(label))
        return (rows * weights).sum() / weights.sum()

    truth = dev.labels[dev.inside]

    def score(net: Experts) -> float:
        return weighted_f1(truth=truth, prediction=_said(net, dev)[0].argmax(1), labels=np.arange(labels))

    batch = 16 if lengths.max() > 1 else 128  # so that turns in a batch are about as many
    return fit(make, loss, rows=len(lengths), seed=seed, epochs=plan.epochs, batch=batch, score=score)


def _said(net: Experts, some: Conversations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log probabilities of the turns, shape (turns, labels), and the experts' shares, shape (turns, experts)."""
    channels, lengths, _ = _tensors(some)
    with torch.no_grad():
        said = net(channels, lengths)
        return mixed(said).numpy()[some.inside], said.gates.exp().numpy()[some.inside]


def made_conversations(ground: Ground) -> Found:
    """Conversations in which now the voice tells and now the words (`affekt.train.fusion.made`)."""
    plans, found = ground.plans(Plan), Found()
    dev, test = conversations(100, seed=2), conversations(300, seed=3)
    truth, tells = test.labels[test.inside], test.tells[test.inside]
    whose = np.repeat(np.arange(len(test.lengths)), test.lengths)
    for name, plan, seed in ground.runs(plans):
        train = conversations(min(plan.rows, ground.limit or plan.rows), seed=1)
        net = _trained(plan, train, dev, 4, seed=seed)
        said, shares = _said(net, test)
        found.parameters[name] = parameters(net)
        score = weighted_f1_statistic(truth=truth, prediction=said.argmax(1), labels=np.arange(4))
        found.add("weighted_f1", name, score.by(whose))
        if plan.gate == "learned" and {"voice", "text"} <= set(plan.experts):
            leans = shares[:, plan.experts.index("text")] - shares[:, plan.experts.index("voice")]
            found.add("gate_pcc", name, pearson_cc_statistic(truth=tells, prediction=leans).by(whose))
    return found


@implements(works=["emotiontalk"])
def channels_gone(ground: Ground) -> Found:
    """Conversations in which three channels each mostly show the emotion, with all of them and with one taken away.

    A channel that is gone is one of zeros, in all turns of a conversation. Conversations are what intervals draw.
    """
    plans, found = ground.plans(Plan), Found()
    dev, test = agreeing(100, seed=2), agreeing(600, seed=3)
    truth, whose = test.labels[test.inside], np.nonzero(test.inside)[0]
    for name, plan, seed in ground.runs(plans):
        net = _trained(plan, agreeing(min(plan.rows, ground.limit or plan.rows), seed=1), dev, 4, seed=seed)
        found.parameters[name] = parameters(net)
        right = {"": _said(net, test)[0].argmax(1) == truth}
        for gone in test.channels:
            channels = {c: x * np.float32(c != gone) for c, x in test.channels.items()}
            right[gone] = _said(net, replace(test, channels=channels))[0].argmax(1) == truth
        one_gone = np.mean([right[gone] for gone in test.channels], 0)
        rows = np.ones(len(truth))
        table = np.stack([right[""] - one_gone, rows])
        found.add("accuracy_lost", name, Statistic(table, _share).by(whose), higher_is_better=False)
        each = {"accuracy": right[""], "accuracy_one_gone": one_gone}
        each |= {f"accuracy_without_{gone}": right[gone] for gone in test.channels}
        for key, hits in each.items():
            found.add(key, name, Statistic(np.stack([hits.astype(np.float64), rows]), _share).by(whose))
    return found


def _of_corpus(
    name: str, labels: tuple[str, ...], ground: Ground, *, data: str | Path | None = None
) -> list[Conversations]:
    """Train, dev and test of a corpus of dialogues, each turn as the vector of its words.

    Turns with another label are read with those around them, and neither learned nor asked.
    """
    out = []
    reader = SentenceVectors()
    code = {label: i for i, label in enumerate(labels)}
    for split in ("train", "dev", "test"):
        rows = list(read(name, split=split, data=data or ground.data))
        if ground.limit and split == "train":
            rows = rows[: ground.limit * 10]
        vectors = _standard(reader, [clip.text or "" for clip, _ in rows])
        ground.progress("all", f"read {split}", len(rows), 0, 0.0)
        dialogues: dict[str, list[int]] = {}
        for i, (clip, _) in enumerate(rows):
            dialogues.setdefault(clip.dialogue or clip.id, []).append(i)
        lengths = np.array([len(own) for own in dialogues.values()])
        x = np.zeros((len(lengths), lengths.max(), vectors.shape[1]), np.float32)
        codes = np.full(x.shape[:2], -1)
        for k, own in enumerate(dialogues.values()):
            x[k, : len(own)] = vectors[own]
            codes[k, : len(own)] = [code.get(rows[i][1].labels[0], -1) for i in own]
        out.append(Conversations({"text": x}, lengths, codes, np.full_like(codes, -1)))
    return out


@implements(works=["emotionlines"])
def voted_lines(ground: Ground) -> Found:
    """Scenes of the mirror of EmotionLines, each line as a vector of its words; scores as its authors take them.

    Their weighted accuracy is accuracy, their unweighted accuracy the mean of the emotions' recalls (`uar`); lines
    without a majority of votes are read with the others and not scored. Scenes are what intervals draw.
    """
    folder = ground.out / "mirror"
    if not folder.exists():
        mirror("emotionlines", folder / "emotionlines")
    found, labels = Found(), space("meld").labels
    for name, truth, said, whose in _of_words("emotionlines", ground, found, data=folder):
        both: dict[str, Any] = {"truth": truth, "prediction": said}
        uar = unweighted_average_recall_statistic(**both, labels=np.arange(len(labels)))
        found.add("uar", name, uar.by(whose))
        found.add("accuracy", name, accuracy_statistic(**both).by(whose))
        for k, label in enumerate(labels):
            hits = np.stack([(truth == k) & (said == k), truth == k]).astype(np.float64)
            found.add(f"recall_{label}", name, Statistic(hits, _share).by(whose))
    return found


def _of_words(
    corpus: str, ground: Ground, found: Found, *, data: Path | None = None
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Train on a corpus of words; of each variant and seed, truth, answer and conversation of the turns of test."""
    plans = ground.plans(Plan)
    if wrong := [name for name, plan in plans.items() if plan.experts != ("text",)]:
        raise CatalogError(f"There are words alone here, so {wrong[0]} can only have the expert text")
    labels = space("meld").labels
    train, dev, test = _of_corpus(corpus, labels, ground, data=data)
    for name, plan, seed in ground.runs(plans):
        net = _trained(plan, train, dev, len(labels), seed=seed)
        found.parameters[name] = parameters(net)
        yield name, test.labels[test.inside], _said(net, test)[0].argmax(1), np.nonzero(test.inside)[0]


def planted_pairs(ground: Ground) -> Found:
    """Real voices beside real texts, of which now one and now the other carries the emotion.

    Recordings of RAVDESS with comments of GoEmotions, as `affekt.bench.conflict` plants them, those without a truth
    left out. Actors of three folds are trained on, with three texts for each recording; those of one choose the epoch,
    those of two are asked. Texts are of the test split where it is asked and of dev before, as the encoder of texts
    learned from train.
    """
    plans, found = ground.plans(Plan), Found()
    chosen = task("conflict")
    labels, neutral = chosen.space.labels, chosen.space.labels.index(chosen.space.neutral or "")
    entry = chosen.corpus
    examples = list(read(entry, split=ALL, data=ground.data))

    def progress(done: int, total: int) -> None:
        ground.progress("all", "heard", done, total, 0.0)

    vectors = heard_once(examples, entry, ground.out, ground.data, progress)
    speakers = np.array([speaker_of(entry, clip) for clip, _ in examples])
    voices = Heard(speakers, vectors, speakers, speakers).beside_speakers().vectors
    carry = space_map(entry.space, chosen.space.id).weights
    own = np.array([labels.index(next(iter(carry[gold.labels[0]]))) for _, gold in examples])
    reader = SentenceVectors()
    folds = folds_of(speakers, entry)
    parts, whose = [], speakers
    for split, of, times in (("dev", folds[:3], 3), ("dev", folds[3:4], 1), ("test", folds[4:], 1)):
        texts = texts_by_label(split, ground.data)
        rows, written, wanted, tells = [], [], [], []
        for i in np.flatnonzero(np.any(of, 0)):
            for time in range(times):
                clip = replace(examples[i][0], id=f"{examples[i][0].id} {time}")
                pair = planted(clip, int(own[i]), len(labels), neutral)
                if pair.kind != "both":
                    rows.append(i)
                    written.append(drawn_text(pair, texts))
                    wanted.append(pair.text if pair.kind == "text" else pair.voice)
                    tells.append({"agree": -1, "voice": 0, "text": 1}[pair.kind])
        channels = {"voice": voices[rows][:, None], "text": _standard(reader, written)[:, None]}
        parts.append(
            Conversations(channels, np.ones(len(rows), np.int64), np.array(wanted)[:, None], np.array(tells)[:, None])
        )
        whose = speakers[rows]
    train, dev, test = parts
    truth, teller = test.labels[:, 0], test.tells[:, 0]
    clear = teller >= 0
    for name, plan, seed in ground.runs(plans):
        net = _trained(plan, train, dev, len(labels), seed=seed)
        found.parameters[name] = parameters(net)
        said, shares = _said(net, test)
        score = weighted_f1_statistic(truth=truth, prediction=said.argmax(1), labels=np.arange(len(labels)))
        found.add("weighted_f1", name, score.by(whose))
        if plan.gate == "learned" and {"voice", "text"} <= set(plan.experts):
            leans = shares[:, plan.experts.index("text")] - shares[:, plan.experts.index("voice")]
            gate = pearson_cc_statistic(truth=teller[clear], prediction=leans[clear])
            found.add("gate_pcc", name, gate.by(whose[clear]))
    return found


def _standard(reader: SentenceVectors, texts: list[str]) -> NDArray[np.float32]:
    """Vectors of texts whose numbers have a spread of about 1."""
    vectors = reader.vectors(texts)
    out: NDArray[np.float32] = vectors * np.float32(np.sqrt(vectors.shape[1]))
    return out
