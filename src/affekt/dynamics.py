"""How feelings move in conversations: measures of each speaker and pair, and the network of labels, from rows."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from affekt.core.errors import InputError
from affekt.core.row import Row, value_of
from affekt.metrics.dynamics import (
    Influence,
    Transitions,
    cross_influence,
    inertia,
    instability,
    transitions,
    variability,
)

__all__ = ["Dynamics", "Pair", "Speaker", "dynamics"]

_FAR = 3.0  # times the median: a gap between turns that counts as irregular


@dataclass(frozen=True, slots=True)
class Speaker:
    """How one speaker's feeling moves, over all their dialogues.

    Attributes:
        name: The speaker.
        turns: Their turns that were read.
        dialogues: Dialogues that they speak in.
        mean: Mean value, on the native range.
        sd: Standard deviation (`affekt.metrics.dynamics.variability`).
        mssd: Mean square of successive differences (`instability`).
        inertia: Lag-1 autoregression from one of their turns to the next (`inertia`).
        gap: Median seconds between their turns; `None` where times are not known.
        irregular: Share of gaps above three times the median; where it is high, a lag of one turn is no one lag in
            time.
    """

    name: str
    turns: int
    dialogues: int
    mean: float
    sd: float
    mssd: float
    inertia: float
    gap: float | None
    irregular: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """How a partner's last turn goes with a speaker's next one.

    Attributes:
        speaker: Whose change it is.
        partner: Whose last turn it is set beside.
        influence: The regression.
    """

    speaker: str
    partner: str
    influence: Influence


@dataclass(frozen=True, slots=True)
class Dynamics:
    """What was found.

    Attributes:
        dimension: Dimension of the measures.
        turns: Turns that were read, of all speakers.
        dialogues: Dialogues.
        speakers: Those with at least two turns, those with most first.
        pairs: Ordered pairs who speak in turn, those with most turns first.
        transitions: The network of labels, from each turn that was read to the next one of its dialogue.
    """

    dimension: str
    turns: int
    dialogues: int
    speakers: tuple[Speaker, ...]
    pairs: tuple[Pair, ...]
    transitions: Transitions


class _Track:
    """One dialogue as it comes."""

    def __init__(self) -> None:
        self.own: dict[str, list[float]] = defaultdict(list)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.last: dict[str, float] = {}
        self.labels: list[str] = []
        self.pairs: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)

    def add(self, speaker: str | None, value: float | None, label: str | None, time: float | None) -> None:
        if label is not None:
            self.labels.append(label)
        if speaker is None or value is None:
            return
        # One's own last turn, and the last turn of whoever spoke last before this one.
        other = next((who for who in reversed(self.last) if who != speaker), None)
        if speaker in self.last and other is not None:
            self.pairs[speaker, other].append((self.last[speaker], self.last[other], value))
        self.own[speaker].append(value)
        if time is not None:
            self.times[speaker].append(time)
        self.last.pop(speaker, None)  # the last one to speak stands last
        self.last[speaker] = value


def dynamics(
    rows: Iterable[Row], *, dimension: str = "valence", most: int = 50, samples: int = 1000, seed: int = 0
) -> Dynamics:
    """Measure how feelings move in conversations.

    Args:
        rows: Rows of turns, in order; dialogues may be mixed. What was not read is passed over.
        dimension: Which dimension is measured.
        most: Most speakers, and most pairs, those with most turns.
        samples: Resamples, permutations and shuffled orders.
        seed: Seed of these.

    Raises:
        InputError: No row is a turn that was read.
    """
    tracks: dict[str, _Track] = defaultdict(_Track)
    known: dict[str, None] = {}
    turns = 0
    for row in rows:
        if row.dialogue is None or row.abstained is not None:
            continue
        turns += 1
        label = max(row.scores, key=row.scores.__getitem__) if row.scores else None
        known.update(dict.fromkeys(row.scores or ()))
        tracks[row.dialogue].add(row.speaker, value_of(row, dimension), label, _moment(row))
    if not turns:
        raise InputError(
            "No turn of a conversation was read in it", hint="Read one first: affekt analyze chat.json -o rows.jsonl"
        )
    counted: Counter[str] = Counter()
    for track in tracks.values():
        counted.update({who: len(values) for who, values in track.own.items()})
    speakers = [_speaker(name, tracks.values()) for name, n in counted.most_common(most) if n > 1]
    paired: Counter[tuple[str, str]] = Counter()
    for track in tracks.values():
        paired.update({pair: len(found) for pair, found in track.pairs.items()})
    pairs = []
    for speaker, partner in (pair for pair, _ in paired.most_common(most)):
        found = [track.pairs[speaker, partner] for track in tracks.values() if (speaker, partner) in track.pairs]
        before, other, after = ([[turn[i] for turn in turns] for turns in found] for i in range(3))
        influence = cross_influence(before=before, partner=other, after=after, samples=samples, seed=seed)
        pairs.append(Pair(speaker, partner, influence))
    seen = {label for track in tracks.values() for label in track.labels}
    network = transitions(
        [track.labels for track in tracks.values()],
        labels=[label for label in known if label in seen],
        samples=samples,
        seed=seed,
    )
    return Dynamics(dimension, turns, len(tracks), tuple(speakers), tuple(pairs), network)


def _speaker(name: str, tracks: Iterable[_Track]) -> Speaker:
    own = [track for track in tracks if name in track.own]
    series = [track.own[name] for track in own]
    values = [value for s in series for value in s]
    gaps = [b - a for t in own for a, b in zip(t.times[name], t.times[name][1:], strict=False) if b >= a]
    middle = median(gaps) if gaps else None
    irregular = None if middle is None else sum(gap > _FAR * middle for gap in gaps) / len(gaps)
    return Speaker(
        name,
        len(values),
        len(series),
        math.fsum(values) / len(values),
        variability(series),
        instability(series),
        inertia(series),
        middle,
        irregular,
    )


def _moment(row: Row) -> float | None:
    """When a turn begins, in seconds of its recording or of the calendar."""
    if row.start is not None:
        return row.start
    try:
        return datetime.fromisoformat(row.time).timestamp() if row.time else None
    except ValueError:
        return None
