"""Whether the part of a stretch that an explanation names is what moved the label: take it out and see.

The part that is named is the one whose loss costs the label most where it is cut out and what is left is joined. To
take it out the same way would only repeat that, so it is taken out another way too (noise in its place); beside it,
parts of the same length that begin anywhere, and the part that was found to matter least.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.clip import Clip
from affekt.explain.voice import cut_out, hushed, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.media.sound import Sound
    from affekt.models.voice import VoiceRecogniser

__all__ = ["ORDERS", "VoiceFaithfulness", "check_voice"]

WAYS = {"cut out": cut_out, "hushed": hushed}
ORDERS = ("named", "random", "least")

Numbers = tuple[float, float, float]


@dataclass(frozen=True)
class VoiceFaithfulness:
    """Result of the check.

    Attributes:
        falls: Way of taking out -> which part -> (mean, low, high) of the fall of the probability of the top label,
            with a 95 % interval from drawing speakers anew.
        gains: Way of taking out -> (mean, low, high) of named minus random, paired by stretch.
        rows: Stretches that were measured: those long enough for two parts or more.
        speakers: Who spoke them.
    """

    falls: dict[str, dict[str, Numbers]]
    gains: dict[str, Numbers]
    rows: int
    speakers: int


def check_voice(
    ear: VoiceRecogniser,
    stretches: Iterable[tuple[Sound, str]],
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> VoiceFaithfulness:
    """Measure how faithful the parts that are named are for the top label of each stretch.

    Args:
        ear: The model.
        stretches: Stretches of speech and who spoke them; a speaker's own manner is taken from all of them.
        seed: Seed of the random parts and of the intervals.
        progress: Called with the number of stretches heard.
    """
    rng = np.random.default_rng(seed)
    whole: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    heard: list[tuple[str, NDArray[np.float32], dict[tuple[str, str], list[NDArray[np.float32] | None]]]] = []
    for number, (sound, speaker) in enumerate(stretches, 1):
        vector = ear.hear(sound)
        parts = parts_of(sound.duration)
        if vector is not None:
            whole[speaker].append(vector)
        if vector is not None and parts:
            length = parts[0][1] - parts[0][0]
            start = float(rng.uniform(0, sound.duration - length))
            random = (start, start + length)
            kept = {(way, "parts"): [ear.hear(take(sound, part)) for part in parts] for way, take in WAYS.items()}
            kept |= {(way, "random"): [ear.hear(take(sound, random))] for way, take in WAYS.items()}
            heard.append((speaker, vector, kept))
        if progress:
            progress(number)
    manner = {speaker: ear.baseline(vectors) for speaker, vectors in whole.items()}
    falls: dict[tuple[str, str], list[float]] = {(way, order): [] for way in WAYS for order in ORDERS}
    speakers = []
    clip = Clip("1")
    for speaker, vector, kept in heard:
        reading = ear.judge(clip, vector, baseline=manner[speaker])
        top = reading.top
        if top is None:
            continue

        def fall(
            left: NDArray[np.float32] | None, speaker: str = speaker, top: str = top, full: float = reading.scores[top]
        ) -> float:
            # What is too short to be heard has lost the label altogether.
            return full - ear.judge(clip, left, baseline=manner[speaker]).scores.get(top, 0.0)

        found = {way: [fall(left) for left in kept[way, "parts"]] for way in WAYS}
        order = np.argsort(found["cut out"])
        for way in WAYS:
            falls[way, "named"].append(found[way][int(order[-1])])
            falls[way, "least"].append(found[way][int(order[0])])
            falls[way, "random"].append(fall(kept[way, "random"][0]))
        speakers.append(speaker)
    table = {key: np.array(values) for key, values in falls.items()}
    groups = np.unique(np.array(speakers, dtype=str), return_inverse=True)[1]
    return VoiceFaithfulness(
        falls={way: {order: _interval(table[way, order], groups, seed) for order in ORDERS} for way in WAYS},
        gains={way: _interval(table[way, "named"] - table[way, "random"], groups, seed) for way in WAYS},
        rows=len(speakers),
        speakers=len(set(speakers)),
    )


def _interval(values: NDArray[np.float64], groups: NDArray[np.intp], seed: int) -> Numbers:
    """Mean, and its interval from drawing whole speakers anew."""
    if not len(values):
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    drawn = rng.integers(len(counts), size=(1000, len(counts)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return float(values.mean()), float(low), float(high)
