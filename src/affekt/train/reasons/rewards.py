"""Rewards of what is written about a face, by name: functions of what was said and what is true.

All lie between 0 and 1. What cannot be read has none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from affekt.core.errors import UnknownNameError
from affekt.core.works import implements
from affekt.metrics.trees import tree_similarity
from affekt.models.face_reasons import FaceReason

__all__ = ["REWARDS", "reward"]

Reward = Callable[[FaceReason, FaceReason], float]


def _overlap(truth: frozenset[str] | None, said: frozenset[str] | None) -> float:
    """F1 of two sets; 1 where both are empty."""
    one, other = truth or frozenset(), said or frozenset()
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def _format(truth: FaceReason, said: FaceReason) -> float:
    """That it can be read."""
    return 1.0


def _emotion(truth: FaceReason, said: FaceReason) -> float:
    """That the answer is right."""
    return float(said.emotion == truth.emotion)


def _units(truth: FaceReason, said: FaceReason) -> float:
    """F1 of the action units."""
    return _overlap(truth.units, said.units)


def _attributes(truth: FaceReason, said: FaceReason) -> float:
    """F1 of the attributes."""
    return _overlap(truth.attributes, said.attributes)


def _consistent(truth: FaceReason, said: FaceReason) -> float:
    """That the units stand for the emotion that is named, be it right or not."""
    return float(said.consistent)


@implements(works=["videmo"])
def _tree(truth: FaceReason, said: FaceReason) -> float:
    """How alike the affective trees are, by their edit distance."""
    return tree_similarity(truth=truth.tree(), prediction=said.tree())


REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        "format": _format,
        "emotion": _emotion,
        "units": _units,
        "attributes": _attributes,
        "consistent": _consistent,
        "tree": _tree,
    }
)
"""Name -> the reward of what is said, given what is true."""


def reward(weights: Mapping[str, float], *, truth: FaceReason, said: FaceReason | None) -> float:
    """The weighted sum of rewards.

    Args:
        weights: Name of a reward -> its weight.
        truth: What is true.
        said: What was said; `None` if it could not be read.

    Raises:
        UnknownNameError: There is no reward of a name; the nearest is given.
    """
    for name in weights:
        if name not in REWARDS:
            raise UnknownNameError("reward", name, REWARDS)
    return 0.0 if said is None else sum(weight * REWARDS[name](truth, said) for name, weight in weights.items())
