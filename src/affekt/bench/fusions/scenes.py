"""Scenes: several emotions at once, of the scene and of each person in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.spaces import space
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.ranking import average_precision, average_precision_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.vectors import SentenceVectors
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.made import SCENE_LABELS, scenes
from affekt.train.fusion.scenes import SceneReader, Scenes, Sees

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "dialogues_as_scenes", "made_scenes"]

_PEOPLE = 6  # of a dialogue; who speaks least shares the last place


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How scenes are read.

    Attributes:
        channels: Channels that are read; default all.
        sees: What is asked for a label of a person: all tokens, or their own.
        hidden: Numbers of a token within.
        epochs: Passes over the scenes.
        rows: Scenes that are made to train on.
        reads: `attention`, or each token by itself, the most probable one counting for its person and for the scene.
    """

    channels: tuple[Literal["face", "text", "scene"], ...] = ()
    sees: Sees = "all"
    hidden: int = 32
    epochs: int = 25
    rows: int = 800
    reads: Literal["attention", "tokens"] = "attention"


class _Tokens(torch.nn.Module):
    """The plain reading: a net on each token alone, of which each person and the scene take the highest logit."""

    def __init__(self, width: int, labels: int, people: int, *, hidden: int) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(width, hidden), torch.nn.GELU(), torch.nn.Dropout(0.1), torch.nn.Linear(hidden, labels)
        )
        self.people = people

    def forward(self, x: dict[str, Tensor], whose: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        each, owner = self.net(x["text"])[:, None], whose["text"][:, None]
        who = torch.arange(self.people + 1)[:, None]
        own = torch.where(who == 0, owner >= 0, owner == who)
        return torch.where(own[..., None], each, -20.0).amax(2), {}


def _read(net: torch.nn.Module, some: Scenes) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    with torch.no_grad():
        logits, shares = net(*_tensors(some)[:2])
    return torch.sigmoid(logits).numpy(), {c: s.numpy() for c, s in shares.items()}


def _tensors(some: Scenes) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    x = {c: torch.from_numpy(v) for c, v in some.channels.items()}
    return x, {c: torch.from_numpy(v) for c, v in some.whose.items()}, torch.from_numpy(some.labels)


def _tables(some: Scenes, said: NDArray[np.float32]) -> dict[str, tuple[NDArray[Any], ...]]:
    """Truth, probabilities and scene of people who are there, and of the scenes."""
    people = ~np.isnan(some.labels[:, 1:, 0])
    scene = np.broadcast_to(np.arange(len(people))[:, None], people.shape)
    return {
        "people": (some.labels[:, 1:][people], said[:, 1:][people], scene[people]),
        "scene": (some.labels[:, 0], said[:, 0], np.arange(len(people))),
    }


def _trained(plan: Plan, train: Scenes, dev: Scenes, *, seed: int) -> torch.nn.Module:
    x, whose, wanted = _tensors(train)
    labels, people = wanted.shape[2], wanted.shape[1] - 1

    def make() -> torch.nn.Module:
        widths = {c: v.shape[2] for c, v in x.items()}
        if plan.reads == "tokens":
            return _Tokens(widths["text"], labels, people, hidden=plan.hidden)
        return SceneReader(widths, labels, people, sees=plan.sees, channels=plan.channels, hidden=plan.hidden)

    def loss(net: torch.nn.Module, at: Tensor) -> Tensor:
        logits, _ = net({c: v[at] for c, v in x.items()}, {c: v[at] for c, v in whose.items()})
        known = ~wanted[at].isnan()
        found: Tensor = torch.nn.functional.binary_cross_entropy_with_logits(logits[known], wanted[at][known])
        return found

    def score(net: torch.nn.Module) -> float:
        truth, said, _ = _tables(dev, _read(net, dev)[0])["people"]
        return average_precision(truth=truth, probability=said)

    return fit(make, loss, rows=len(wanted), seed=seed, epochs=plan.epochs, batch=32, rate=4e-3, score=score)


def _add(found: Found, name: str, some: Scenes, said: NDArray[np.float32]) -> None:
    for of, (truth, probability, scene) in _tables(some, said).items():
        score = average_precision_statistic(truth=truth, probability=probability)
        found.add(f"map_{of}", name, score.by(scene))


def made_scenes(ground: Ground) -> Found:
    """Scenes of several people, some of whose labels only the faces tell and others only the words."""
    plans, found = ground.plans(Plan), Found()
    dev, test = scenes(200, seed=2), scenes(600, seed=3)
    there = ~np.isnan(test.labels[..., 0])
    for name, plan, seed in ground.runs(plans):
        net = _trained(plan, scenes(min(plan.rows, ground.limit or plan.rows), seed=1), dev, seed=seed)
        found.parameters[name] = parameters(net)
        said, shares = _read(net, test)
        _add(found, name, test, said)
        if set(shares) >= set(SCENE_LABELS.values()):
            right = np.stack([shares[c][..., k] for k, c in enumerate(SCENE_LABELS.values())], -1)
            mass = np.where(there[..., None], right, 0).sum((1, 2)) / there.sum(1) / len(SCENE_LABELS)
            found.add("attention_right", name, Statistic(mass[None].astype(np.float64), lambda s: s[..., 0] / 600))
    return found


def _dialogues(corpus: str, split: str, reader: SentenceVectors, ground: Ground) -> Scenes:
    labels = space(corpus).labels
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for clip, gold in read(corpus, split=split, data=ground.data):
        rows.setdefault(clip.dialogue or clip.id, []).append((clip.text or "", clip.speaker or "", gold.labels[0]))
    dialogues = list(rows.values())[: ground.limit if split == "train" else None]
    vectors = reader.vectors([text for own in dialogues for text, _, _ in own])
    x = np.zeros((len(dialogues), max(map(len, dialogues)), vectors.shape[1]), np.float32)
    whose = np.full(x.shape[:2], -1)
    wanted = np.full((len(dialogues), 1 + _PEOPLE, len(labels)), np.nan, np.float32)
    at = 0
    for k, own in enumerate(dialogues):
        often = [who for who, _ in Counter(who for _, who, _ in own).most_common()]
        x[k, : len(own)] = vectors[at : at + len(own)] * np.sqrt(x.shape[2])
        at += len(own)
        for t, (_, who, label) in enumerate(own):
            whose[k, t] = min(often.index(who) + 1, _PEOPLE)
            for place in (0, whose[k, t]):
                wanted[k, place] = np.nan_to_num(wanted[k, place])
                wanted[k, place, labels.index(label)] = 1
    return Scenes({"text": x}, {"text": whose}, wanted)


def dialogues_as_scenes(ground: Ground) -> Found:
    """Dialogues of MELD: which emotions occur in each, and which each speaker shows, from the words."""
    plans, found = ground.plans(Plan), Found()
    reader = SentenceVectors()
    train, dev, test = (_dialogues("meld", split, reader, ground) for split in ("train", "dev", "test"))
    for name, plan, seed in ground.runs(plans):
        net = _trained(plan, train, dev, seed=seed)
        found.parameters[name] = parameters(net)
        _add(found, name, test, _read(net, test)[0])
    return found
