"""Speech that is made, with valence, arousal, intensity and the votes of listeners known.

Sentences without feeling are spoken by espeak-ng, a program of its own, in voices of three languages. How high, wide,
fast and loud follows from valence and arousal, in the directions that reviews of the expression of emotion in speech
agree on (Juslin and Laukka 2003, table 7; Schroeder 2006, "Expressing degree of activation in synthetic speech"):
arousal raises all four, valence mostly the width. Where each emotion lies is how people rated its name
(`goemotions_to_concept-va`). It is no speech of people, and figures on it say what a method does with what it is given.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.maps import centroids
from affekt.core.errors import InputError, MissingExtraError
from affekt.core.works import implements
from affekt.media.sound import Sound, sound_of

__all__ = ["EMOTIONS", "LEVELS", "VOICES", "Spoken", "express", "say", "spoken"]

EMOTIONS = (
    "anger", "curiosity", "disappointment", "excitement", "fear", "gratitude", "joy", "love", "nervousness", "relief",
    "remorse", "sadness",
)  # fmt: skip
LEVELS = 3
"""An intensity is from 1, weak, to this."""

VOICES = (
    "en-us+m1", "en-us+m3", "en-us+m7", "en-us+f1", "en-us+f2", "en-us+f4",
    "de+m2", "de+m4", "de+f3", "de+f5", "es+m6", "es+f1",
)  # fmt: skip
"""Language and voice of each speaker."""

_SENTENCES = {
    "en": (
        "The letter came this morning.",
        "They will be here at nine.",
        "She put the box on the table.",
        "We are going to the station now.",
    ),
    "de": (
        "Der Brief kam heute Morgen.",
        "Sie werden um neun hier sein.",
        "Sie hat die Kiste auf den Tisch gestellt.",
        "Wir gehen jetzt zum Bahnhof.",
    ),
    "es": (
        "La carta ha llegado esta mañana.",
        "Van a estar aquí a las nueve.",
        "Ella puso la caja sobre la mesa.",
        "Ahora vamos a la estación.",
    ),
}
_LISTENERS = 6
_SECONDS = 30.0  # that the program may take for a sentence


@dataclass(frozen=True)
class Spoken:
    """A sentence that was spoken.

    Attributes:
        sound: Mono at 16 kHz.
        speaker: Which of `VOICES`.
        emotion: Which of `EMOTIONS` was meant.
        level: How strongly, 1 to `LEVELS`.
        valence: From -1 to 1, as it was given to the rules.
        arousal: Likewise.
        votes: How many listeners heard each of `EMOTIONS`, shape (emotions,).
        intensities: What each listener said of each emotion, 0 to `LEVELS`, shape (listeners, emotions).
    """

    sound: Sound
    speaker: str
    emotion: str
    level: int
    valence: float
    arousal: float
    votes: NDArray[np.int64]
    intensities: NDArray[np.float64]

    @property
    def language(self) -> str:
        """ISO 639-1 code."""
        return self.speaker[:2]


def say(text: str, *, voice: str, pitch: float, width: float, rate: float, loudness: float) -> Sound:
    """Have espeak-ng speak a sentence.

    Args:
        text: The sentence.
        voice: Its voice, such as `en-us+f1`.
        pitch: 0 to 99, where 50 is the voice's own.
        width: Range of the pitch, 1 being the voice's own.
        rate: Words a minute.
        loudness: 0 to 200, where 100 is usual.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        InputError: It did not speak.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingExtraError("This needs espeak-ng, which is not installed", hint="apt-get install espeak-ng")
    marked = f'<speak><prosody range="{100 * width:.0f}%">{escape(text)}</prosody></speak>'
    settings = {"-v": voice, "-p": round(pitch), "-s": round(rate), "-a": round(loudness)}
    line = [program, "--stdout", "-m", *(str(part) for pair in settings.items() for part in pair), marked]
    try:
        content = subprocess.run(line, capture_output=True, timeout=_SECONDS, check=True).stdout
    except subprocess.SubprocessError as err:
        raise InputError(
            "espeak-ng did not speak", where=voice, hint="Try it by itself: espeak-ng -v VOICE TEXT"
        ) from err
    # A stream has no length in its header, so that the head is read and all the rest are samples.
    (found,) = struct.unpack_from("<I", content, 24)
    return sound_of(np.frombuffer(content[44 : len(content) // 2 * 2], "<i2"), rate=found)


def express(
    text: str, voice: str, valence: float, arousal: float, *, habit: NDArray[np.float64], chance: NDArray[np.float64]
) -> Sound:
    """Have a voice say a sentence with a feeling.

    Args:
        text: The sentence.
        voice: Which of `VOICES`.
        valence: From -1 to 1.
        arousal: Likewise.
        habit: The speaker's own pitch, width, rate and loudness, of about -2 to 2 each, shape (4,).
        chance: What varies from one sentence to the next, likewise.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        InputError: It did not speak.
    """
    width = 1 + 0.5 * arousal + 0.5 * valence + 0.1 * habit[1] + 0.1 * chance[1]
    return say(
        text,
        voice=voice,
        pitch=float(np.clip(50 + 25 * arousal + 8 * valence + 5 * habit[0] + 2 * chance[0], 5, 95)),
        width=float(np.clip(width, 0.1, 3)),
        rate=float(165 + 55 * arousal + 8 * habit[2] + 5 * chance[2]),
        loudness=float(np.clip(100 + 60 * arousal + 10 * habit[3] + 5 * chance[3], 20, 200)),
    )


def _listened(
    valence: float, arousal: float, places: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Votes and intensities of listeners who each hear something a little different.

    An emotion is a line from the middle of all, where nothing is felt, to its place; a listener votes for the line that
    lies nearest, so that what is weak divides them.
    """
    heard = np.array([valence, arousal]) + rng.normal(0, 0.12, (_LISTENERS, 2))
    square = (places**2).sum(1)
    share = np.clip(heard @ places.T / square, 0, 1)  # how far along each line, shape (listeners, emotions)
    apart = np.linalg.norm(heard[:, None] - share[:, :, None] * places, axis=2)
    votes = np.bincount((apart + rng.uniform(0, 1e-6, apart.shape)).argmin(1), minlength=len(places))
    return votes, np.rint(LEVELS * share * np.exp(-((apart / 0.35) ** 2)))


@implements(works=["emonet-voice", "label-variance-ser"])
def spoken(*, seed: int = 1, sentences: int = 1) -> Iterator[Spoken]:
    """Every voice with every emotion at every level.

    Args:
        seed: Seed of what varies from clip to clip, of the speakers' habits and of the listeners.
        sentences: How many sentences of each, at most 4.

    Raises:
        MissingExtraError: espeak-ng or PyAV is not installed.
    """
    where = centroids("goemotions", "concept-va")
    places = np.array([[where.points[e].mean[d] for d in ("valence", "arousal")] for e in EMOTIONS])
    rng = np.random.default_rng(seed)
    for voice in VOICES:
        habit = rng.normal(0, 1, 4)  # of pitch, width, rate and loudness
        for k, emotion in enumerate(EMOTIONS):
            for level in range(1, LEVELS + 1):
                for text in rng.permutation(_SENTENCES[voice[:2]])[:sentences]:
                    valence, arousal = np.clip(places[k] * level / LEVELS + rng.normal(0, 0.06, 2), -1, 1)
                    chance = rng.normal(0, 1, 4)
                    sound = express(str(text), voice, float(valence), float(arousal), habit=habit, chance=chance)
                    votes, intensities = _listened(float(valence), float(arousal), places, rng)
                    yield Spoken(sound, voice, emotion, level, float(valence), float(arousal), votes, intensities)
