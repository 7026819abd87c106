"""Recordings in which the expression changes at a place that is known, joined from recordings of one expression each.

The four orders are those of Wang, Ravanelli and Yacoubi (2023, section 3): neutral and emotional, the same with neutral
speech behind it, emotional and neutral, and emotional alone. All that a recording holds is one speaker's.
"""

from __future__ import annotations

import csv
import wave
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, DataError, InputError
from affekt.core.timeline import Segment
from affekt.core.works import implements
from affekt.corpora import read
from affekt.corpora.files import data_folder
from affekt.media.sound import RATE, Sound, read_sound
from affekt.media.speech import trimmed
from affekt.models.changes import levelled

__all__ = ["FADE", "Joined", "join", "joined", "write_joined"]

FADE = 0.04
"""Seconds in which one piece fades into the next."""

_LEAST = 0.5  # seconds of the shortest piece
_ORDERS = ("ne", "nen", "en", "e")


@dataclass(frozen=True)
class Joined:
    """A recording that was joined.

    Attributes:
        id: Its name: speaker, emotion and order.
        speaker: Who speaks, with the corpus in front.
        split: The split of the speaker.
        sound: Mono at 16 kHz.
        segments: What is expressed when, without gaps; the neutral pieces are among them.
    """

    id: str
    speaker: str
    split: str
    sound: Sound
    segments: tuple[Segment, ...]


def join(pieces: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], list[float]]:
    """Pieces one after the other, at one level, each fading into the next.

    Args:
        pieces: Samples at 16 kHz, each longer than two fades.

    Returns:
        The samples, and the seconds of the places where one piece is as loud as the next.
    """
    n = round(FADE * RATE)
    rising = np.sin(np.linspace(0, np.pi / 2, n, dtype=np.float32))  # of equal power, as pieces have nothing in common
    out = np.zeros(0, np.float32)
    places = []
    for piece in pieces:
        piece = levelled(piece)
        if len(out):
            places.append((len(out) - n / 2) / RATE)
            fading = out[-n:] * rising[::-1] + piece[:n] * rising
            out = np.concatenate([out[:-n], fading, piece[n:]])
        else:
            out = piece
    return np.clip(out, -1, 1), places


@implements(works=["speech-emotion-diarization"])
def joined(
    name: str, *, data: str | Path | None = None, seed: int = 1, progress: Callable[[int], None] | None = None
) -> Iterator[Joined]:
    """Of each speaker of a corpus, each emotion in each of the four orders.

    Args:
        name: Id of a corpus whose rows are files with one label, in a space with a neutral one.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        seed: Seed of what is drawn: which recordings of a speaker meet.
        progress: Called with the number of recordings read.

    Raises:
        CatalogError: The corpus' rows are not files, or its space has no neutral label.
        DataError: A file is missing, or a speaker has nothing neutral.
    """
    entry = corpus(name)
    neutral = space(entry.space).neutral
    if neutral is None or entry.layout != "files":
        raise CatalogError(f"The corpus {name} is not one of files with a neutral label", hint="ravdess is one.")
    folder = data_folder(data) / entry.folder
    found: dict[tuple[str, str], dict[str, list[NDArray[np.float32]]]] = defaultdict(lambda: defaultdict(list))
    for split in entry.splits:
        for clip, target in read(entry, split=split, data=data):
            samples = trimmed(read_sound(folder / clip.facts["file"])).samples
            if len(samples) >= _LEAST * RATE:
                found[split, clip.speaker or ""][target.labels[0]].append(samples)
            if progress:
                progress(1)
    for (split, speaker), own in sorted(found.items(), key=lambda item: item[0][1]):
        if neutral not in own:
            raise DataError(f"The speaker {speaker} of {name} has nothing neutral")
        rng = np.random.default_rng([seed, *speaker.encode()])
        for emotion in (label for label in space(entry.space).labels if label != neutral and label in own):
            for order in _ORDERS:
                labels = [emotion if letter == "e" else neutral for letter in order]
                # Two neutral pieces of a recording are two recordings, where there are two.
                calm = rng.permutation(len(own[neutral]))
                at = iter([int(calm[k % len(calm)]) for k in range(len(order))])
                pieces = [
                    own[label][next(at) if label == neutral else int(rng.integers(len(own[label])))] for label in labels
                ]
                samples, places = join(pieces)
                ends = [*places, len(samples) / RATE]
                segments = tuple(
                    Segment(start, end, (label,))
                    for start, end, label in zip([0.0, *places], ends, labels, strict=True)
                )
                yield Joined(f"{speaker}-{emotion}-{order}", f"{name} {speaker}", split, Sound(samples, RATE), segments)


def write_joined(
    name: str,
    out: Path,
    *,
    data: str | Path | None = None,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """Write such recordings as 16 bit WAV, and `segments.csv` with a row for each segment.

    Args:
        name: As for `joined`.
        out: Folder to write; it must be empty or not there.
        data: As for `joined`.
        seed: As for `joined`.
        progress: As for `joined`.

    Returns:
        Split -> segments.

    Raises:
        InputError: The folder is not empty.
        CatalogError: As `joined`.
        DataError: As `joined`.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError("The folder is not empty", where=str(out), hint="Name another one.")
    out.mkdir(parents=True, exist_ok=True)
    counted: dict[str, int] = defaultdict(int)
    with (out / "segments.csv").open("w", newline="", encoding="utf-8") as file:
        writing = csv.writer(file)
        writing.writerow(("id", "recording", "duration", "start", "end", "emotion", "speaker", "split"))
        for one in joined(name, data=data, seed=seed, progress=progress):
            with wave.open(str(out / f"{one.id}.wav"), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(RATE)
                sound.writeframes(np.rint(one.sound.samples * 32767).astype("<i2").tobytes())
            for k, s in enumerate(one.segments, 1):
                times = (f"{t:.6f}" for t in (one.sound.duration, s.start, s.end))
                speaker = one.speaker.partition(" ")[2]
                writing.writerow((f"{one.id}-{k}", f"{one.id}.wav", *times, s.labels[0], speaker, one.split))
                counted[one.split] += 1
    return dict(counted)
