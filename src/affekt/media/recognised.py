"""JSON as speech recognisers write it.

The shapes are a table: where the list of turns stands, and what its times, speaker and words are called. Where a
recogniser gives only words with times, neighbouring words of one speaker become a turn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from affekt.core.errors import InputError
from affekt.core.timeline import Segment, Timeline

__all__ = ["parse"]

_PAUSE = 1.0  # seconds between words that end a turn


@dataclass(frozen=True, slots=True)
class _Shape:
    """One way in which turns are written.

    Attributes:
        of: Who writes so.
        path: Names (or places in lists) that lead to the list.
        start: Names that lead to the start of one turn.
        end: The same for its end.
        text: Its words.
        speaker: Its speaker.
        unit: Seconds of one unit of time; `None` where it has to be found out (whole milliseconds or seconds).
        words: Whether an item is a single word.
    """

    of: str
    path: tuple[str | int, ...]
    start: tuple[str | int, ...] = ("start",)
    end: tuple[str | int, ...] = ("end",)
    text: tuple[str, ...] = ("text",)
    speaker: tuple[str, ...] = ("speaker",)
    unit: float | None = 1.0
    words: bool = False


# The first that fits is taken, so whole turns stand before words.
_SHAPES = (
    _Shape("a list of turns", ()),
    _Shape("Whisper, WhisperX, faster-whisper, OpenAI", ("segments",)),
    _Shape("Deepgram", ("results", "utterances"), text=("transcript",)),
    _Shape("AssemblyAI", ("utterances",), unit=None),
    _Shape("Amazon Transcribe", ("results", "audio_segments"), ("start_time",), ("end_time",), ("transcript",),
           ("speaker_label",)),
    _Shape("Transformers", ("chunks",), ("timestamp", 0), ("timestamp", 1)),
    _Shape("whisper.cpp", ("transcription",), ("offsets", "from"), ("offsets", "to"), unit=0.001),
    _Shape("pyannote", ("diarization",)),
    _Shape("pyannote", ("output", "diarization")),
    _Shape("Deepgram", ("results", "channels", 0, "alternatives", 0, "words"), text=("punctuated_word", "word"),
           words=True),
    _Shape("AssemblyAI", ("words",), unit=None, words=True),
    _Shape("Vosk", ("result",), text=("word",), words=True),
)  # fmt: skip


def parse(text: str, *, where: str = "JSON") -> Timeline:
    """Read the turns of a recogniser's JSON.

    Args:
        text: The content.
        where: The file's name, for messages.

    Raises:
        InputError: It is no JSON, has none of the known shapes, or a turn of it is broken.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(f"This is no complete JSON: {err}", where=where) from err
    for shape in _SHAPES:
        items = _at(document, shape.path)
        if isinstance(items, list) and items and all(_at(item, shape.start) is not None for item in items):
            turns = list(_turns(items, shape, where))
            return Timeline(tuple(_joined(turns) if shape.words else turns))
    if any(_at(document, shape.path) == [] for shape in _SHAPES):
        return Timeline()
    known = ", ".join(dict.fromkeys(shape.of for shape in _SHAPES))
    raise InputError("No turns with times are in it", where=where, hint=f"Read are: {known}.")


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def _turns(items: list[Any], shape: _Shape, where: str) -> Iterator[Segment]:
    times = []
    for number, item in enumerate(items, start=1):
        start, end = (_number(_at(item, path)) for path in (shape.start, shape.end))
        if start is None or end is None:
            raise InputError(f"Turn {number} has no start or no end", where=where, hint="Recognise it with times.")
        times.append((start, end))
    unit = shape.unit
    if unit is None:
        whole = all(start.is_integer() and end.is_integer() for start, end in times)
        unit = 0.001 if whole and median(end - start for start, end in times) >= 50 else 1.0
    for number, (item, (start, end)) in enumerate(zip(items, times, strict=True), start=1):
        said = next((str(item[name]).strip() for name in shape.text if item.get(name) is not None), None)
        speaker = next((str(item[name]).strip() for name in shape.speaker if item.get(name) is not None), None)
        if said == "" and not shape.words:
            continue
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
            raise InputError(f"Turn {number} goes from {start:g} to {end:g}", where=where, hint="Mend its times.")
        yield Segment(start * unit, end * unit, speaker=speaker or None, text=said or None)


def _number(value: Any) -> float | None:
    """A time; some write numbers as texts."""
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _joined(words: list[Segment]) -> list[Segment]:
    """Neighbouring words of one speaker as one turn."""
    turns: list[Segment] = []
    for word in words:
        last = turns[-1] if turns else None
        if last is not None and last.speaker == word.speaker and word.start - last.end <= _PAUSE:
            text = " ".join(filter(None, (last.text, word.text))) or None
            turns[-1] = replace(last, end=max(last.end, word.end), text=text)
        else:
            turns.append(word)
    return turns
