"""Stages in which a policy learns to give reasons for an emotion: taught, by rewards, and by what it wrote itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.face_units import face_units
from affekt.core.works import implements
from affekt.extras import need
from affekt.models.face_reasons import FaceReason
from affekt.train.fusion.loop import fit
from affekt.train.group_relative import improve
from affekt.train.reasons.policy import FaceReasoner
from affekt.train.reasons.rewards import reward

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from affekt.corpora.drawn_faces import DrawnFaces
else:
    torch = need("torch", extra="train")

__all__ = ["by_rewards", "reasons_of", "taught", "written_and_kept"]

_LEVELS = 3


def reasons_of(faces: DrawnFaces, *, attributes: bool = False) -> list[FaceReason]:
    """What is true of each face."""
    known = face_units()
    names, seen = np.array(list(known.units)), np.array(list(known.attributes))
    return [
        FaceReason(
            frozenset(names[units].tolist()),
            known.labels[emotion],
            frozenset(seen[own].tolist()) if attributes else None,
        )
        for units, emotion, own in zip(faces.units, faces.emotions.tolist(), faces.attributes, strict=True)
    ]


@implements(works=["videmo"])
def taught(
    net: FaceReasoner,
    pictures: Tensor,
    reasons: Sequence[FaceReason],
    *,
    seed: int,
    epochs: int,
    curriculum: bool = False,
    rate: float = 5e-3,
) -> FaceReasoner:
    """Teach what to write (supervised fine-tuning).

    Args:
        net: The policy; it is left as it is.
        pictures: Shape (faces, frames, size, size).
        reasons: What is to be written of each.
        seed: Seed of the order.
        epochs: Passes over the faces.
        curriculum: Whether attributes are taught first, then units with them, then the emotion too, each for a third
            of the epochs, as VidEmo does; else all levels all the time.
        rate: Highest learning rate.
    """
    words, levels = net.tokens(reasons)
    shares = [epochs // _LEVELS + (k < epochs % _LEVELS) for k in range(_LEVELS)] if curriculum else [epochs]
    out = net
    for k, share in enumerate(shares):
        top = k if curriculum else _LEVELS - 1
        weight = ((levels >= 0) & (levels <= top)).float()
        if not share or not bool(weight.any()):
            continue

        def make(start: FaceReasoner = out) -> FaceReasoner:
            return copy.deepcopy(start)

        def loss(one: FaceReasoner, at: Tensor, weight: Tensor = weight) -> Tensor:
            return one.loss(pictures[at], words[at], weight[at])

        out = fit(make, loss, rows=len(words), seed=seed, epochs=share, rate=rate)
    return out


def by_rewards(
    net: FaceReasoner,
    pictures: Tensor,
    reasons: Sequence[FaceReason],
    weights: Mapping[str, float],
    *,
    seed: int,
    steps: int,
) -> FaceReasoner:
    """Train by rewards that can be checked (`affekt.train.group_relative.improve`).

    Args:
        net: The policy; it is left as it is.
        pictures: Shape (faces, frames, size, size).
        reasons: What is true of each.
        weights: Name of a reward -> its weight.
        seed: Seed of the order and of what is written.
        steps: Times that faces are drawn.
    """
    # The same text is written of the same face again and again.
    known: dict[tuple[int, bytes], float] = {}

    def judged(at: int, words: NDArray[np.int64]) -> float:
        key = at, words.tobytes()
        if key not in known:
            known[key] = reward(weights, truth=reasons[at], said=net.read(words.tolist()))
        return known[key]

    return improve(net, pictures, judged, seed=seed, steps=steps)


@implements(works=["facial-r1"])
def written_and_kept(
    net: FaceReasoner, pictures: Tensor, emotions: Sequence[str], *, seed: int, count: int = 4
) -> tuple[list[int], list[FaceReason]]:
    """Let a policy write reasons for faces whose emotion alone is known, and keep what passes.

    Kept is what can be read, names the emotion that is known, and names units which stand for it; of several such texts
    of one face, the one that was drawn most often.

    Args:
        net: The policy.
        pictures: Shape (faces, frames, size, size).
        emotions: The emotion of each.
        seed: Seed of what is written.
        count: Texts that are drawn for each.

    Returns:
        Places of the faces with a text that was kept, and the texts.
    """
    torch.manual_seed(seed)
    words, inside = net.sample(pictures, count)
    said = [net.read(row[: int(n)]) for row, n in zip(words.tolist(), inside.sum(1), strict=True)]
    places, kept = [], []
    for k, emotion in enumerate(emotions):
        own = [s for s in said[k * count : (k + 1) * count] if s is not None and s.emotion == emotion and s.consistent]
        if own:
            places.append(k)
            kept.append(max(own, key=own.count))
    return places, kept
