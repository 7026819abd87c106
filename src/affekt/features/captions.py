"""What can be said of a voice in four captions: who speaks, how, with which emotion, and all of it together.

The facets are those of EmotionTalk (Sun et al. 2025); words and templates are data (`catalog/captions.toml`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from affekt.core.works import implements

__all__ = ["FACETS", "Captions", "captions", "written"]

FACETS = ("speaker", "style", "emotion", "overall")
"""The four captions, in their order."""

_MARKED = 0.5  # standard deviations from the speaker's manner from which a property is named
_WOMAN = 165.0  # Hz: between the usual medians of men and of women


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    speaker: str
    style: str
    emotion: str
    neutral: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    said: _Said
    words: dict[str, tuple[str, str, str]]
    emotions: dict[str, str]
    written: dict[str, dict[str, tuple[str, ...]]]


@cache
def _table() -> _Table:
    return msgspec.toml.decode((resources.files("affekt.catalog") / "captions.toml").read_bytes(), type=_Table)


@dataclass(frozen=True)
class Captions:
    """Four captions of an utterance.

    Attributes:
        speaker: Who speaks.
        style: How.
        emotion: With which emotion.
        overall: All of it.
    """

    speaker: str
    style: str
    emotion: str

    @property
    def overall(self) -> str:
        """All three, one after another."""
        return f"{self.speaker} {self.style} {self.emotion}"


@implements(works=["emotiontalk"])
def captions(*, pitch: float, departures: Mapping[str, float], emotion: str) -> Captions:
    """Say what was measured of an utterance.

    Args:
        pitch: Median pitch of the speaker in Hz, by which a voice is called that of a woman or of a man; many are
            neither.
        departures: `pitch`, `loudness` and `rate` (`affekt.features.cues`) -> standard deviations from the speaker's
            manner; NaN is not known, and said to be medium.
        emotion: Its emotion, of Ekman's six and neutral.

    Raises:
        KeyError: A property or an emotion has no words.
    """
    table = _table()
    named = {}
    for name, words in table.words.items():
        z = departures[name]
        named[name] = words[2 if z > _MARKED else 0 if z < -_MARKED else 1]
    said = table.said
    felt = said.neutral if emotion == "neutral" else said.emotion.format(emotion=table.emotions[emotion])
    return Captions(said.speaker.format(who="woman" if pitch > _WOMAN else "man"), said.style.format(**named), felt)


def written(*, woman: bool, arousal: float, emotion: str, way: tuple[int, int, int]) -> Captions:
    """What somebody might write of a voice that was made, from how it was made.

    Args:
        woman: Whose voice it is.
        arousal: With how much arousal it was spoken, -1 to 1.
        emotion: In which emotion.
        way: Which of three ways of saying it, for each facet, 0 to 2.
    """
    of = _table().written
    style = "stirred" if arousal > 0.2 else "calm" if arousal < -0.1 else "plain"
    return Captions(
        of["speaker"]["woman" if woman else "man"][way[0]], of["style"][style][way[1]], of["emotion"][emotion][way[2]]
    )
