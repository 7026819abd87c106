"""Pictures with an emotion and an explanation of it: contrast between the three, and the values of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.extras import need
from affekt.metrics.statistic import Statistic, divide
from affekt.train.fusion.agreement import paired_contrast
from affekt.train.fusion.explained import Explainer
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.made import explained, word_values

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "explained_pictures"]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pictures are explained.

    Attributes:
        values: Whether valence, arousal and dominance of a word are added to its vector.
        value_loss: Weight of the squared error of the values of the words that are written.
        contrast: Weight of the contrast between picture, emotion and explanation.
        hidden: Numbers that stand for a word.
        epochs: Passes over the pictures.
        rows: Pictures that are made to train on.
    """

    values: bool = False
    value_loss: float = 0.0
    contrast: float = 0.0
    hidden: int = 32
    epochs: int = 10
    rows: int = 500


def explained_pictures(ground: Ground) -> Found:
    """Made pictures with an emotion and five words that explain it."""
    plans, found = ground.plans(Plan), Found()
    dictionary = torch.from_numpy(word_values())
    test = explained(500, seed=3)
    pictures, words = torch.from_numpy(test.pictures), torch.from_numpy(test.words)
    for name, plan, seed in ground.runs(plans):
        train = explained(min(plan.rows, ground.limit or plan.rows), seed=1)
        x, wanted, emotion = (torch.from_numpy(v) for v in (train.pictures, train.words, train.emotions))

        def make(plan: Plan = plan) -> Explainer:
            return Explainer(test.pictures.shape[1], dictionary, 6, values=plan.values, hidden=plan.hidden)

        def loss(
            net: Explainer,
            at: Tensor,
            plan: Plan = plan,
            x: Tensor = x,
            wanted: Tensor = wanted,
            emotion: Tensor = emotion,
        ) -> Tensor:
            label, logits, values = net(x[at], wanted[at])
            entropy = torch.nn.functional.cross_entropy
            total = entropy(label, emotion[at]) + entropy(logits.flatten(0, 1), wanted[at].flatten())
            if plan.value_loss:
                total = total + plan.value_loss * ((values - dictionary[wanted[at]]) ** 2).mean()
            if plan.contrast:
                seen, read, felt = net.places(x[at], wanted[at], emotion[at])
                each = torch.arange(len(at))
                terms = paired_contrast(seen, read, each) + paired_contrast(seen, felt, emotion[at])
                total = total + plan.contrast * (terms + paired_contrast(read, felt, emotion[at])).mean()
            out: Tensor = total
            return out

        net = fit(make, loss, rows=len(x), seed=seed, epochs=plan.epochs, batch=50, rate=4e-3)
        found.parameters[name] = parameters(net)
        with torch.no_grad():
            label, written = net.write(pictures, words.shape[1])
            seen, read, _ = net.places(pictures, words, label)
        right = (label.numpy() == test.emotions).astype(float)
        found.add("emotion_accuracy", name, Statistic(right[None], lambda s: s[..., 0] / 500))
        off = np.abs(dictionary[written].mean(1).numpy() - dictionary[words].mean(1).numpy()).mean(1)
        found.add("value_error", name, Statistic(off[None], lambda s: s[..., 0] / 500), higher_is_better=False)
        like = torch.nn.functional.normalize(seen, dim=1) @ torch.nn.functional.normalize(read, dim=1).T
        # Each picture looks for its own explanation among 50.
        ranks = [(row[k - k % 50 : k - k % 50 + 50] >= row[k]).sum().item() for k, row in enumerate(like)]
        sums = np.stack([1 / np.array(ranks, np.float64), np.ones(len(ranks))])
        found.add("retrieval_mrr", name, Statistic(sums, lambda s: divide(s[..., 0], s[..., 1])))
    return found
