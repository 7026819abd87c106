"""Transcripts that lie beside a recording: who said what, when, as turns.

Formats with times are read by `affekt.media.timed`, JSON of recognisers by `affekt.media.recognised`. What is added
here are usages that the formats themselves do not know: a speaker's name before the words of a caption, and tiers of
forced aligners.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.timeline import Segment, Timeline
from affekt.media import timed
from affekt.media.encoding import clean, encoding_of

__all__ = ["KINDS", "beside", "captioned", "read_transcript"]

KINDS = (".eaf", ".textgrid", ".vtt", ".srt", ".json", ".rttm")
"""Extensions, in small letters; those that know more come first."""

_LARGEST = 64 << 20
# `[SPEAKER_00]: Hello`, as recognisers write it, and `ANNA: Hello` in capitals, as captions have it.
_SAID_BY = re.compile(
    r"(?:\[([^\[\]]{1,60})\]"
    r"|(?=[^:]*[^\W\d_])([^\Wa-z][^\Wa-z]+(?:[ .'-]+[^\Wa-z]+){0,3}))"
    r":\s+(?=\S)"
)
# Tiers of what is smaller than a word, as forced aligners write them, hold no turns.
_SMALLER = {"phone", "phones", "phoneme", "phonemes", "segment", "segments", "syllable", "syllables", "mau", "sampa"}
# Tiers that are named by what they hold and not by who speaks.
_CONTENT = {"word", "words", "text", "transcript", "transcription", "utterance", "utterances", "sentence", "sentences",
            "ort", "orthography", "turn", "turns"}  # fmt: skip


def read_transcript(path: str | Path, *, recording: str | None = None) -> list[Clip]:
    """The turns of a transcript, by their start.

    Args:
        path: A file of one of `KINDS`.
        recording: Which recording, where the file (RTTM) is about several.

    Returns:
        Clips with start and end in seconds, speaker and text where the transcript has them; `turn` counts them.

    Raises:
        InputError: It cannot be read, or is not what its extension says.
        UnknownNameError: The extension or the recording is unknown.
    """
    path = Path(path)
    where = clean(str(path))[0]
    kind = path.suffix.casefold()
    if kind not in KINDS:
        raise UnknownNameError("kind of transcript", path.suffix, KINDS, where=where)
    try:
        if path.is_dir():
            raise InputError("This is a folder, not a file", where=where, hint="Name the transcript in it.")
        if path.stat().st_size == 0:
            raise InputError("There is nothing in it", where=where)
        timelines = [_json(path, where)] if kind == ".json" else timed.read(path)
    except FileNotFoundError as err:
        raise InputError("There is no such file", where=where, hint="Check the path.") from err
    except OSError as err:
        raise InputError(f"It cannot be read: {err.strerror or err}", where=where) from err
    segments = list(_one(timelines, recording, where))
    if kind == ".srt":
        segments = [captioned(s) for s in segments]
    if kind == ".textgrid":
        segments = [s for s in map(_tiered, segments) if s is not None]
    return [
        Clip(
            id=str(number),
            text=s.text,
            start=s.start,
            end=s.end,
            speaker=s.speaker,
            source=where,
            dialogue=path.stem,
            turn=number - 1,
        )
        for number, s in enumerate(segments, start=1)
    ]


def beside(recording: str | Path) -> list[Path]:
    """Transcripts that lie beside a recording under its name (`call.wav`: `call.srt`), those that know more first."""
    recording = Path(recording)
    if not recording.parent.is_dir():
        return []
    found = [p for p in recording.parent.iterdir() if p.stem == recording.stem and p.suffix.casefold() in KINDS]
    return sorted((p for p in found if p != recording), key=lambda p: (KINDS.index(p.suffix.casefold()), p.name))


def _json(path: Path, where: str) -> Timeline:
    from affekt.media.recognised import parse

    with path.open("rb") as stream:
        raw = stream.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise InputError(f"A transcript of more than {_LARGEST:,} bytes is not read", where=where)
    try:
        return parse(raw.decode(encoding_of(raw[: 1 << 16], where)), where=where)
    except UnicodeDecodeError as err:
        raise InputError(f"It is not UTF-8 from byte {err.start} on", where=where, hint="Save it as UTF-8.") from err


def _one(timelines: list[Timeline], recording: str | None, where: str) -> Timeline:
    if len(timelines) < 2:
        return timelines[0] if timelines else Timeline()
    named = {str(timeline.source): timeline for timeline in timelines}
    if recording is None:
        known = ", ".join(list(named)[:5])
        raise InputError(f"It is about {len(named)} recordings ({known})", where=where, hint="Name one of them.")
    if recording not in named:
        raise UnknownNameError("recording", recording, named, where=where)
    return named[recording]


def captioned(s: Segment) -> Segment:
    """A caption; one whose text begins with a name (`ANNA: Hello`, `[Speaker 1]: Hello`) has it as its speaker."""
    found = _SAID_BY.match(s.text) if s.text is not None and s.speaker is None else None
    if found is None or s.text is None:
        return s
    return replace(s, speaker=(found[1] or found[2]).strip(), text=s.text[found.end() :])


def _tiered(s: Segment) -> Segment | None:
    """A turn of a tier such as `Anna - words`; `None` for what is smaller than a word."""
    who, _, what = (s.speaker or "").rpartition(" - ")
    if what.strip().casefold() in _SMALLER:
        return None
    if what.strip().casefold() in _CONTENT:
        return replace(s, speaker=who.strip() or None)
    return s
