"""A recording as stretches to be heard: the turns of its transcript where there is one, else what is spoken in it.

It is a file, sound in memory, or sound that comes in while it is made. Nothing is held but the sound of the stretch
that is due, so an hour costs the memory of a minute.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.timeline import clock
from affekt.media.columns import Columns
from affekt.media.encoding import clean
from affekt.media.kinds import Kind, cannot_read
from affekt.media.live import Incoming, live_sound
from affekt.media.sound import Sound, stream_sound
from affekt.media.speech import FRAME, SpeechOptions, levels, spoken
from affekt.media.text import ReadOptions
from affekt.media.transcript import beside, read_transcript

__all__ = ["RecordingSource", "SoundSource", "Stretch", "from_standard_input"]

# Seconds that are decoded at a time, and that are waited for where sound comes in live.
_BLOCK, _LIVE_BLOCK = 10.0, 0.1
# Seconds on both sides of a stretch whose levels tell what is noise, and seconds whose levels are kept for it.
_NEAR, _KEPT = 5.0, 60.0


class Stretch(NamedTuple):
    """What is heard at once.

    Attributes:
        clip: Its place, speaker and words.
        sound: Its sound; `None` where the recording has none there.
        problem: Why it cannot be heard, `None` where it can: `kind: details`.
        around: Level of each 32 ms of it and of the 5 s on both sides, as far as they are decoded, in dB of full scale.
    """

    clip: Clip
    sound: Sound | None
    problem: str | None = None
    around: tuple[float, ...] = ()


class RecordingSource:
    """A file of sound, or of video with sound, and its transcript.

    Opening it reads the transcript; whether the file holds sound shows when it is heard.

    Args:
        path: The file.
        options: `transcript` counts; there are no columns.

    Attributes:
        name: How messages and `Clip.source` call it.
        kind: Always `sound`.
        chosen: Always empty: there are no columns.
        transcript: The file of its turns; `None` where stretches of speech are looked for.
        turns: What stands there.
        live: Whether it comes in while it is made, so that its end is not waited for.
        heard: Seconds that have been decoded so far.
        notes: What was wrong with the file although it could be read; known at its end.
        overhear: Called with each block of sound as it is decoded, where set.
        conversation: Always `None`: each stretch is heard by itself.

    Raises:
        InputError: It is not there, its transcript cannot be read, or options of texts are given.
    """

    kind: Kind = "sound"
    live = False
    conversation: None = None

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        self._begin(clean(str(path))[0], path, options)
        if path.is_dir():
            raise InputError("This is a folder, not a file", where=self.name, hint="Name the files in it.")
        if not path.exists():
            raise cannot_read(path, self.name, FileNotFoundError())
        if self.options.encoding or self.options.rate or self.options.channels:
            raise InputError(
                "A recording says its encoding, rate and channels itself", where=self.name, hint="Leave them out."
            )
        self.transcript, self.turns = self._transcript()

    def _begin(self, name: str, path: Path | None, options: ReadOptions | None) -> None:
        self.name = name
        self.path = path
        self.options = options or ReadOptions()
        self.chosen: dict[str, str] = {}
        self.heard = 0.0
        self.notes: tuple[str, ...] = ()
        self.overhear: Callable[[Sound], None] | None = None
        self._declared: float | None = None
        self._levels: deque[tuple[float, NDArray[np.float32]]] = deque()  # first second of a block -> its levels
        if self.options.columns != Columns() or self.options.whole:
            raise InputError("A recording has no columns and no lines", where=self.name, hint="Leave them out.")

    @property
    def fraction(self) -> float | None:
        """Share of the recording that has been decoded, 0..1; `None` where its header does not say its length."""
        if not self.heard:
            return 0.0
        return min(self.heard / self._declared, 1.0) if self._declared else None

    def _transcript(self) -> tuple[Path | None, list[Clip]]:
        asked = self.options.transcript
        found = [asked] if isinstance(asked, Path) else beside(self.path) if asked and self.path else []
        if not found:
            return None, []
        file = found[0]
        try:
            turns = read_transcript(file, recording=self.path.stem if self.path else None)
            if not turns:
                raise InputError("There is no turn in it", where=clean(str(file))[0])
        except InputError as err:
            if isinstance(asked, Path):
                raise
            raise InputError(
                err.what,
                where=err.where,
                hint="It lies beside the recording and was taken for its transcript; --no-transcript leaves it out "
                "(ReadOptions(transcript=False) in Python).",
            ) from err
        return file, turns

    def stretches(self, *, longest: float, cut: SpeechOptions | None = None) -> Iterator[Stretch]:
        """The stretches in the order of their starts, each as soon as its sound is there.

        Turns of a transcript that are longer than `longest` are heard in equal parts, whose words stand with the first
        one. Speech without a transcript is cut where it is quietest. Where nobody speaks, there is no stretch.

        Args:
            longest: Seconds of the longest stretch, at least 1.
            cut: What counts as a stretch of speech where there is no transcript; its `longest` does not count.

        Raises:
            InputError: There is no sound that can be read, or a limit is passed.
            MissingExtraError: PyAV is not installed.
        """
        self.heard, self.notes = 0.0, ()
        self._levels.clear()
        if self.transcript is not None:
            for stretch in _cut(list(_parts(self.turns, longest)), self._blocks(), self.name):
                yield stretch._replace(around=self._around(stretch.clip))
            return
        options = replace(cut or SpeechOptions(), longest=longest)
        for number, sound in enumerate(spoken(self._blocks(), options=options), 1):
            start, end = _milliseconds(sound.start), _milliseconds(sound.end)
            clip = Clip(id=str(number), start=start, end=end, source=self.name)
            yield Stretch(clip, sound, around=self._around(clip))

    def _blocks(self) -> Iterator[Sound]:
        for block in self._sound():
            self._declared = block.declared
            self._levels.append((block.start, levels(block.samples)))
            while self._levels[0][0] < block.start - _KEPT:
                self._levels.popleft()
            if self.overhear is not None:
                self.overhear(block)
            yield block
            self.heard, self.notes = block.end, block.notes

    def _sound(self) -> Iterable[Sound]:
        assert self.path is not None
        return stream_sound(self.path, seconds=_BLOCK)

    def _around(self, clip: Clip) -> tuple[float, ...]:
        """Levels of the frames of a stretch and of what is near it."""
        assert clip.start is not None and clip.end is not None
        found = []
        for start, frames in self._levels:
            first, last = (math.floor((at - start) / FRAME) for at in (clip.start - _NEAR, clip.end + _NEAR))
            found.append(frames[max(first, 0) : max(last, 0)])
        return tuple(np.concatenate(found).tolist()) if found else ()

    def end(self) -> None:
        """Take what has come in live for all; made to be called by a signal handler of the thread that reads."""


class SoundSource(RecordingSource):
    """Sound that is no file: blocks in memory, or blocks that come in.

    Args:
        blocks: Sound at 16 kHz, each block beginning where the one before ended; a single `Sound` is one block. They
            are gone through once.
        options: `transcript` counts, where it names a file.
        live: Whether blocks come in while they are made, so that their end is not waited for.
        name: How messages and `Clip.source` call it; default the source of its first block, where that is in memory.
        incoming: Where the blocks come from, if that can be told to end.

    Raises:
        InputError: Its transcript cannot be read, or options of texts are given.
    """

    def __init__(
        self,
        blocks: Sound | Iterable[Sound],
        options: ReadOptions | None = None,
        *,
        live: bool = False,
        name: str = "sound",
        incoming: Incoming | None = None,
    ) -> None:
        self._begin(name, None, options)
        self.live = live
        self._given: Iterable[Sound] = (blocks,) if isinstance(blocks, Sound) else blocks
        self._incoming = incoming
        self.transcript, self.turns = self._transcript()

    def _sound(self) -> Iterable[Sound]:
        return self._given

    def end(self) -> None:
        """Take what has come in for all."""
        if self._incoming is not None:
            self._incoming.end()


def from_standard_input(options: ReadOptions | None = None) -> SoundSource:
    """What comes in through standard input: a WAV stream, or raw samples as `options` say (see `live_sound`).

    Raises:
        InputError: Its transcript cannot be read, or options of texts are given.
        UnknownNameError: There is no such encoding.
    """
    options = options or ReadOptions()
    incoming = Incoming()
    blocks = live_sound(
        incoming, rate=options.rate, channels=options.channels, encoding=options.encoding, seconds=_LIVE_BLOCK
    )
    return SoundSource(blocks, options, live=True, name=incoming.name, incoming=incoming)


def _milliseconds(seconds: float) -> float:
    return round(seconds, 3)


def _parts(turns: Iterable[Clip], longest: float) -> Iterator[Clip]:
    number = 0
    for turn in turns:
        assert turn.start is not None and turn.end is not None
        count = max(math.ceil((turn.end - turn.start) / longest), 1)
        step = (turn.end - turn.start) / count
        for part in range(count):
            number += 1
            start = turn.start + part * step
            end = turn.end if part == count - 1 else start + step
            yield replace(
                turn,
                id=str(number),
                start=_milliseconds(start),
                end=_milliseconds(end),
                text=turn.text if part == 0 else None,
            )


def _cut(parts: list[Clip], blocks: Iterable[Sound], source: str) -> Iterator[Stretch]:
    """The sound of parts that are in the order of their starts."""
    kept: deque[Sound] = deque()
    waiting = deque(replace(part, source=source) for part in parts)
    end = 0.0
    for block in blocks:
        kept.append(block)
        end = block.end
        while waiting and (waiting[0].end or 0.0) <= end:
            yield _heard(waiting.popleft(), kept, end)
        # All parts that are still to come begin where the first one does, or later.
        while kept and (not waiting or kept[0].end <= (waiting[0].start or 0.0)):
            kept.popleft()
    for part in waiting:
        yield _heard(part, kept, end)


def _heard(part: Clip, kept: Iterable[Sound], recorded: float) -> Stretch:
    assert part.start is not None and part.end is not None
    if part.start >= recorded:
        return Stretch(part, None, f"outside the recording: it ends at {clock(recorded)}")
    pieces = [block.cut(part.start, part.end) for block in kept if block.start < part.end and block.end > part.start]
    if not pieces:  # a turn of no length
        return Stretch(part, None)
    return Stretch(part, replace(pieces[0], samples=np.concatenate([piece.samples for piece in pieces])))
