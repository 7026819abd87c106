"""Turns of a recording: from its transcript, or from the sound itself.

Without a transcript, stretches of speech are the turns. Who speaks is told by grouping stretches that sound alike, by
any function that gives the vector of a stretch. Means and spreads of MFCC and pitch tell clearly different voices
apart, not every pair of them, and strong emotion changes a voice too; a vector made for speakers does better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.media.sound import Sound

__all__ = ["Describe", "Transcriber", "speakers_of", "transcribed", "turns_of", "ward"]

Transcriber: TypeAlias = Callable[[Sound], Iterable[tuple[float, float, str]]]
"""From a stretch of sound to what is said in it: start and end in seconds from its first sample, words."""

Describe: TypeAlias = Callable[[Sound], ArrayLike]
"""From a stretch of sound to a vector of fixed length; NaN where something is undefined."""

# Mean silhouette from which groups are believed; halves of one actor's emotional sentences reach about 0.35.
_CLEAR = 0.5
_MOST_SPEAKERS = 8


def transcribed(stretches: Iterable[Sound], transcriber: Transcriber) -> Iterator[Clip]:
    """What is said in each stretch of sound, as turns with the places in the recording.

    Args:
        stretches: Sounds, such as `affekt.media.speech.spoken` gives.
        transcriber: Any recogniser of words.

    Yields:
        Turns, in order; a stretch in which no words are found gives none.

    Raises:
        InputError: The transcriber gives times that are not possible.
    """
    number = 0
    for sound in stretches:
        for start, end, words in transcriber(sound):
            text = " ".join(words.split())
            # Recognisers round their times; what leaves the stretch by more than a second is another thing.
            if not (0 <= start <= end <= sound.duration + 1.0):
                raise InputError(
                    f"The transcriber gives words from {start} s to {end} s of a stretch of {sound.duration:.2f} s",
                    where=sound.source,
                    hint="Times count from the first sample of the stretch, in seconds.",
                )
            if text:
                number += 1
                yield _clip(number, sound.start + start, min(sound.start + end, sound.end), sound.source, text=text)


def turns_of(
    stretches: Iterable[Sound], *, describe: Describe | None = None, speakers: int | None = None, pause: float = 1.0
) -> list[Clip]:
    """Stretches of speech as turns, each with its speaker.

    Args:
        stretches: Sounds, such as `affekt.media.speech.spoken` gives; each is held only until it is described.
        describe: The vector of a stretch; without it nobody is told apart and every stretch is a turn.
        speakers: How many there are; default as many as stand apart clearly, at most 8.
        pause: Seconds of silence within the turn of one speaker.

    Returns:
        Turns in order; speakers are called `speaker 1`, `speaker 2`, ... in the order in which they begin.

    Raises:
        ValueError: The vectors have different lengths, or `speakers` is below 1.
    """
    places: list[tuple[float, float]] = []
    vectors: list[NDArray[np.float64]] = []
    source: str | None = None
    for sound in stretches:
        source = sound.source
        places.append((sound.start, sound.end))
        if describe is not None:
            vectors.append(np.asarray(describe(sound), dtype=np.float64).ravel())
    if describe is None:
        return [_clip(n, start, end, source) for n, (start, end) in enumerate(places, start=1)]
    if len({len(v) for v in vectors}) > 1:
        raise ValueError("the vectors of stretches have to be of one length")
    groups = speakers_of(np.array(vectors), speakers=speakers) if vectors else []
    turns: list[tuple[float, float, int]] = []
    for group, members in groupby(zip(places, groups, strict=True), key=lambda item: item[1]):
        for (start, end), _ in members:
            if turns and turns[-1][2] == group and start - turns[-1][1] <= pause:
                turns[-1] = (turns[-1][0], end, group)
            else:
                turns.append((start, end, group))
    return [
        _clip(n, start, end, source, speaker=f"speaker {group + 1}")
        for n, (start, end, group) in enumerate(turns, start=1)
    ]


def _clip(
    number: int, start: float, end: float, source: str | None, *, speaker: str | None = None, text: str | None = None
) -> Clip:
    return Clip(id=str(number), start=start, end=end, speaker=speaker, text=text, source=source, turn=number - 1)


def speakers_of(vectors: ArrayLike, *, speakers: int | None = None, standardise: bool = True) -> list[int]:
    """Group stretches of speech by voice: agglomerative clustering of their vectors (Ward 1963).

    The number of groups, where it is not given, is that with the highest mean silhouette (Rousseeuw 1987) if it reaches
    0.5, else one: give the number where it is known.

    Args:
        vectors: Shape (stretches, values); NaN is taken as the mean of its column.
        speakers: Number of groups.
        standardise: Whether all values count alike; `False` for vectors that were made for speakers.

    Returns:
        The group of each stretch, counted from 0 in the order of their first stretch.

    Raises:
        ValueError: `vectors` has another shape, or `speakers` is below 1.
    """
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"vectors have the shape (stretches, values), not {values.shape}")
    if speakers is not None and speakers < 1:
        raise ValueError(f"there cannot be {speakers} speakers")
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(counts, 1)
    spread = np.sqrt(np.where(known, (filled - mean) ** 2, 0.0).sum(axis=0) / np.maximum(counts, 1))
    unit = np.where(spread > 0, spread, 1.0) if standardise else 1.0
    standard = np.where(known & (spread > 0), (filled - mean) / unit, 0.0)
    squares = (standard**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * standard @ standard.T, 0.0))
    np.fill_diagonal(distances, 0.0)
    levels = ward(distances, most=max(speakers or 0, _MOST_SPEAKERS))
    if speakers is not None:
        return levels[min(speakers, max(levels, default=1))] if levels else []
    best = max((k for k in levels if k > 1), key=lambda k: _silhouette(distances, levels[k]), default=None)
    if best is None or _silhouette(distances, levels[best]) < _CLEAR:
        return [0] * len(values)
    return levels[best]


def ward(distances: NDArray[np.float64], *, most: int) -> dict[int, list[int]]:
    """Ward's clustering, least squares within groups: number of groups -> group of each item, for 1 to `most` groups.

    Args:
        distances: Euclidean distances, shape (items, items), symmetric.
        most: Largest number of groups that is kept.

    Returns:
        Groups are counted from 0 in the order of their first item; no entry for more groups than items.
    """
    n = len(distances)
    between = np.square(np.asarray(distances, dtype=np.float64))
    np.fill_diagonal(between, np.inf)
    sizes = np.ones(n)
    group = np.arange(n)
    nearest = between.argmin(axis=1) if n else np.zeros(0, int)
    levels: dict[int, list[int]] = {}
    for left in range(n, 0, -1):
        if left <= most:
            levels[left] = _in_order(group.tolist())
        if left == 1:
            break
        a = int(np.argmin(between[np.arange(n), nearest]))
        b = int(nearest[a])
        a, b = min(a, b), max(a, b)
        # Lance and Williams 1967: the squared distance to a union from those to its parts.
        merged = (sizes[a] + sizes) * between[a] + (sizes[b] + sizes) * between[b] - sizes * between[a, b]
        merged /= sizes[a] + sizes[b] + sizes
        merged[[a, b]] = np.inf
        between[a], between[:, a] = merged, merged
        between[b], between[:, b] = np.inf, np.inf
        sizes[a] += sizes[b]
        group[group == b] = a
        # Only rows that pointed to one of the two, or are now nearer to the union, have another neighbour.
        stale = np.flatnonzero((nearest == a) | (nearest == b))
        for row in {a, *stale.tolist()}:
            nearest[row] = int(between[row].argmin())
        closer = merged < between[np.arange(n), nearest]
        nearest[closer] = a
    return levels


def _in_order(groups: Sequence[int]) -> list[int]:
    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [names[group] for group in groups]


def _silhouette(distances: NDArray[np.float64], groups: Sequence[int]) -> float:
    """Mean silhouette, -1..1; an item that is alone in its group counts 0."""
    labels = np.asarray(groups)
    kinds = int(labels.max()) + 1
    member = np.eye(kinds)[labels]
    sizes = member.sum(axis=0)
    sums = distances @ member
    own = sums[np.arange(len(labels)), labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[np.arange(len(labels)), labels] = np.inf
    nearest = others.min(axis=1)
    widest = np.maximum(own, nearest)
    values = np.where((sizes[labels] > 1) & (widest > 0), (nearest - own) / np.where(widest > 0, widest, 1.0), 0.0)
    return float(values.mean())
