"""What each channel of a clip says by itself, where they disagree, and the explanation that rests on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Channel", "Conflict", "FaceBox", "Statement"]


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel (text, voice, face) says of a clip.

    Attributes:
        scores: Label -> calibrated probability, in the space of the reading that it is part of.
        weight: Its share in that reading, between 0 and 1; the weights of all channels sum to 1.
    """

    scores: Mapping[str, float]
    weight: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """How much the channels of a clip disagree.

    Attributes:
        score: Probability that they do not carry the same emotion.
        between: The two channels that are furthest apart.
    """

    score: float
    between: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an explanation.

    Attributes:
        sentence: The sentence.
        evidence: Places, counted from 0, of what it rests on in the evidence of the same reading; never empty.
    """

    sentence: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FaceBox:
    """Where a face stands in a frame.

    Attributes:
        time: When, in seconds; 0 in a picture.
        x: Left edge in pixels of the upright frame, from its left.
        y: Upper edge, from its top.
        width: Width in pixels.
        height: Height in pixels.
    """

    time: float
    x: float
    y: float
    width: float
    height: float
