"""How channels are weighed against one another where they are read side by side: what was fitted, and on what."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

__all__ = ["Fusion", "Gate", "fusion"]


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a channel is read and weighed.

    Attributes:
        temperature: What its log probabilities are divided by; above 1 where it is surer than right.
        bias: Its weight before anything is looked at.
        sure: What being sure adds to the weight, from 0 for probabilities that are all alike to 1.
        neutral: What the probability of the neutral label adds.
        fitted: Whether these were fitted; a channel that was never measured beside others has plain ones.
    """

    temperature: float = 1.0
    bias: float = 0.0
    sure: float = 0.0
    neutral: float = 0.0
    fitted: bool = True


class Disagreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From how far two channels are apart to the probability that they do not carry the same emotion.

    A logistic function of the Jensen-Shannon divergence in bits, of the probability that two draws differ, and of how
    far the two are apart in the probability of the neutral label.
    """

    bias: float
    divergence: float
    differs: float
    neutral: float


class Fusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of it.

    Attributes:
        version: Changes when a number does.
        space: The space that all channels are carried to.
        places: Dimensional space in which the labels of that space were measured.
        note: What it was fitted on.
        channels: Channel -> its gate.
        disagreement: How conflict is told.
    """

    version: str
    space: str
    places: str
    note: str
    channels: dict[str, Gate]
    disagreement: Disagreement


@cache
def fusion() -> Fusion:
    """What the package weighs channels by."""
    file = resources.files("affekt.catalog") / "fusion.toml"
    return msgspec.toml.decode(file.read_bytes(), type=Fusion)
