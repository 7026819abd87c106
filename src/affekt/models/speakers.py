"""Telling speakers of a recording apart by the vectors that the bundled model of the voice keeps of its stretches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import ModelError
from affekt.media.turns import speakers_of

__all__ = ["speaker_vectors", "tell_apart"]


@cache
def _projection() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from safetensors.numpy import load

    held = load((resources.files("affekt.weights") / "speakers" / "projection.safetensors").read_bytes())
    return held["mean"], held["weight"]


def speaker_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1 in which the same speaker lies near, whatever is expressed.

    Args:
        vectors: What the bundled model kept of stretches (`affekt.models.voice.VoiceRecogniser.hear`), shape
            (stretches, width).

    Returns:
        Shape (stretches, 20).

    Raises:
        ModelError: They are another model's.
    """
    mean, weight = _projection()
    if vectors.shape[1:] != mean.shape:
        raise ModelError(
            f"Speakers are told apart by vectors of {len(mean)} values, and this model gives {vectors.shape[1:]}",
            hint="Leave out --speakers, or --model.",
        )
    found = (vectors - mean) @ weight
    out: NDArray[np.float32] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return out


def tell_apart(vectors: Sequence[NDArray[np.float32] | None], *, speakers: int) -> list[str | None]:
    """Who speaks in each stretch of a recording, of so many speakers (Ward's clustering of `speaker_vectors`).

    Args:
        vectors: Of each stretch what the bundled model kept of it; `None` where that is nothing.
        speakers: How many there are.

    Returns:
        `speaker 1`, `speaker 2`, ... in the order in which they begin; `None` where nothing was kept.

    Raises:
        ModelError: The vectors are another model's.
        ValueError: `speakers` is below 1.
    """
    some = [i for i, vector in enumerate(vectors) if vector is not None]
    out: list[str | None] = [None] * len(vectors)
    if some:
        table = np.stack([vector for vector in vectors if vector is not None])
        groups = speakers_of(speaker_vectors(table), speakers=speakers, standardise=False)
        for i, group in zip(some, groups, strict=True):
            out[i] = f"speaker {group + 1}"
    return out
