"""Conversations from a domain, a course of emotion and two speakers, and those that a filter keeps."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.dialogues import domain, talk
from affekt.catalog.maps import centroids
from affekt.core.errors import InputError
from affekt.core.works import implements
from affekt.media.sound import RATE, Sound
from affekt.train.converse.courses import course
from affekt.train.converse.speakers import Said, Speaker
from affekt.train.converse.thread import held_together
from affekt.train.voice.spoken import VOICES, express

__all__ = ["Talk", "Turn", "kept", "talks", "voiced", "write_talks"]

_PEOPLE = ("A", "B")


@dataclass(frozen=True)
class Turn:
    """A turn of a conversation.

    Attributes:
        text: What is said.
        emotion: In which emotion.
        by: Name of the speaker that was asked.
    """

    text: str
    emotion: str
    by: str


@dataclass(frozen=True)
class Talk:
    """A conversation.

    Attributes:
        id: Its name.
        domain: What is spoken of.
        turns: Its turns, of two people in turn.
    """

    id: str
    domain: str
    turns: tuple[Turn, ...]

    @property
    def held(self) -> float:
        """How probably it hangs together, as the filter says, 0 to 1."""
        return held_together([turn.text for turn in self.turns])


@implements(works=["deepdialogue"])
def talks(
    pairs: Sequence[tuple[Speaker, Speaker]],
    *,
    turns: int = 8,
    domains: Sequence[str] = (),
    start: str | None = None,
    seed: int = 1,
) -> Iterator[Talk]:
    """Conversations without end: of each pair in turn, in a domain that is drawn, along a course that is drawn.

    Args:
        pairs: Who speaks with whom; the first begins.
        turns: Turns of each, 2 or more.
        domains: Names of domains to draw from; default all.
        start: Emotion of the first turn; default drawn.
        seed: Seed of all that is drawn.

    Raises:
        UnknownNameError: There is no such domain or emotion.
        ModelError: A language model does not answer.
    """
    names = tuple(domains) or tuple(talk().domains)
    entries = {name: domain(name) for name in names}
    number = 0
    while True:
        for pair in pairs:
            rng = np.random.default_rng([seed, number])
            about = str(rng.choice(names))
            said: list[Turn] = []
            for k, emotion in enumerate(course(turns, rng, start=start)):
                speaker = pair[k % 2]
                text = speaker.say(Said(entries[about], emotion, [turn.text for turn in said]), rng)
                said.append(Turn(text, emotion, speaker.name))
            yield Talk(f"talk-{number:05d}", about, tuple(said))
            number += 1


def kept(found: Sequence[Talk], share: float = 0.5) -> NDArray[np.bool_]:
    """Which conversations the filter keeps: the share of them that hang together best, shape (conversations,)."""
    held = np.array([one.held for one in found])
    out = np.zeros(len(found), bool)
    out[np.argsort(-held, kind="stable")[: round(share * len(found))]] = True
    return out


@implements(works=["deepdialogue"])
def voiced(one: Talk, *, seed: int = 1, flat: bool = False) -> Iterator[tuple[str, Sound]]:
    """Every turn of a conversation in a voice of its speaker's, with the feeling of its emotion.

    Args:
        one: The conversation.
        seed: Seed of the voices, their habits and what varies.
        flat: Whether all turns are said without feeling.

    Yields:
        The voice (`affekt.train.voice.spoken.VOICES`), and the sound, mono at 16 kHz.

    Raises:
        MissingExtraError: espeak-ng is not installed.
    """
    rng = np.random.default_rng([seed, *one.id.encode()])
    places = centroids("goemotions", "concept-va").points
    english = [voice for voice in VOICES if voice.startswith("en")]
    voices = rng.choice(english, len(_PEOPLE), replace=False)
    habits = rng.normal(0, 1, (len(_PEOPLE), 4))
    for k, turn in enumerate(one.turns):
        # Where nothing is felt lies in the middle.
        mean = {} if flat or turn.emotion not in places else places[turn.emotion].mean
        valence, arousal = np.clip([mean.get(d, 0.0) + rng.normal(0, 0.06) for d in ("valence", "arousal")], -1, 1)
        voice, habit = str(voices[k % 2]), habits[k % 2]
        yield (
            voice,
            express(turn.text, voice, float(valence), float(arousal), habit=habit, chance=rng.normal(0, 1, 4)),
        )


def write_talks(
    out: Path,
    pairs: Sequence[tuple[Speaker, Speaker]],
    *,
    count: int,
    turns: int = 8,
    domains: Sequence[str] = (),
    start: str | None = None,
    keep: float = 0.5,
    sound: bool = False,
    seed: int = 1,
) -> dict[str, int]:
    """Make conversations, keep the better ones, and write a row for each of their turns: `turns.jsonl` in `out`.

    Args:
        out: Folder to write; it must be empty or not there.
        pairs: As for `talks`.
        count: How many conversations are made.
        turns: As for `talks`.
        domains: As for `talks`.
        start: As for `talks`.
        keep: Share of them that is kept.
        sound: Whether each turn is spoken too, to 16 bit WAV.
        seed: Seed of all that is drawn.

    Returns:
        What -> how many: conversations `made`, those `kept`, `turns`.

    Raises:
        InputError: The folder is not empty, or there are fewer than two turns.
        UnknownNameError: As `talks`.
        MissingExtraError: espeak-ng is not installed, where turns are spoken.
    """
    if turns < 2:
        raise InputError("A conversation has two turns or more", where=f"turns {turns}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("The folder is not empty", where=str(out), hint="Name another one.")
    found = list(islice(talks(pairs, turns=turns, domains=domains, start=start, seed=seed), count))
    stays = [one for one, good in zip(found, kept(found, keep), strict=True) if good]
    out.mkdir(parents=True, exist_ok=True)
    rows = 0
    with (out / "turns.jsonl").open("w", encoding="utf-8") as file:
        for one in stays:
            spoken = list(voiced(one, seed=seed)) if sound else []
            for k, turn in enumerate(one.turns):
                row = {
                    "id": f"{one.id}-{k}",
                    "dialogue": one.id,
                    "turn": k,
                    "speaker": _PEOPLE[k % 2],
                    "text": turn.text,
                    "emotion": turn.emotion,
                    "domain": one.domain,
                    "by": turn.by,
                    "held": round(one.held, 4),
                }
                if sound:
                    row |= {"voice": spoken[k][0], "file": f"{one.id}-{k}.wav"}
                    _write_wave(out / f"{one.id}-{k}.wav", spoken[k][1])
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                rows += 1
    return {"made": len(found), "kept": len(stays), "turns": rows}


def _write_wave(file: Path, sound: Sound) -> None:
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(np.rint(np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes())
