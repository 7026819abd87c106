"""Reading emotion in voices: recordings, heard stretch by stretch, then judged beside each speaker's own manner.

That manner is known only when a recording is over. So it is gone through twice: first each stretch is heard, of which a
vector of a few kB is kept, then all are judged. What comes in live is judged at once, beside the manner so far.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affekt.analysis import Analyzer, Block, Reading, followed
from affekt.conversing import Conversing
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.features.measures import Measure, measures
from affekt.media.recording import RecordingSource, Stretch
from affekt.media.speech import has_speech
from affekt.media.text import Read
from affekt.models.choice import Choice, Way, ways_of
from affekt.opening import Input, refuse_bad

if TYPE_CHECKING:
    from pathlib import Path

    from affekt.core.prediction import Prediction
    from affekt.core.protocols import Recogniser
    from affekt.core.row import Row
    from affekt.explain.voice import Examined
    from affekt.features import Departure
    from affekt.media.sound import Sound
    from affekt.models.choice import Licence
    from affekt.models.voice import Baseline, VoiceRecogniser

    # What was kept of a stretch to explain it, and how it departs from its speaker's others; `None` where not asked.
    Explained = tuple[Examined, list[Departure]] | None

__all__ = ["Heard", "Listener", "apart", "measured"]

# Seconds between two signs of life while a recording is heard.
_TICK = 30.0
# Stretches of a speaker that make the manner in live sound: about the last half an hour of speech, 2 MB.
_RECENT = 500
# Stretches that one is compared with in live sound, where it is to be explained.
_COMPARED = 60


@dataclass(frozen=True, slots=True)
class Heard(Block):
    """All stretches of a recording, with what was kept of each."""

    vectors: list[NDArray[np.float32] | None] = field(default_factory=list)
    baselines: dict[str | None, Baseline | None] = field(default_factory=dict)
    explained: list[Explained] = field(default_factory=list)


class Listener(Analyzer):
    """What `Analyzer` is for texts, for recordings: same arguments, same spaces, policies and licences.

    Where no transcript says who speaks, all stretches of a recording are taken for one speaker's, or told apart by
    voice where it is said how many speakers there are. A recording in which nobody speaks gives one row that says so.
    `explain` says how each stretch departs from the speaker's others, and which parts of it moved the label.
    """

    def _find_ways(
        self,
        model: Recogniser | VoiceRecogniser | Path | str | None,
        *,
        space: str | None,
        licence: Licence,
        jobs: int | None,
    ) -> list[Way]:
        return ways_of(model, space=space, licence=licence, jobs=jobs, voice=True)

    def blocks(
        self,
        source: Input,
        *,
        strict: bool = False,
        done: int = 0,
        number: int = 0,
        earlier: Iterable[Row] = (),
    ) -> Iterator[Block]:
        """One block a recording, and empty ones while it is heard, which say how far that is; live, one a stretch.

        Args:
            source: The recordings.
            strict: Whether the first stretch or recording that cannot be read is an error.
            done: Not needed: rows and recordings that are done are the same here.
            number: Number of recordings to pass over.
            earlier: Not needed.

        Raises:
            InputError: The only recording cannot be read; of several, such a one becomes a row with its reason.
        """
        recordings = [file for file in source.files if isinstance(file, RecordingSource)]
        heard = 0.0
        for recording in recordings[number:]:
            yield from self._one(recording, source, strict=strict, several=len(recordings) > 1, before=heard)
            heard += recording.heard

    def _one(
        self, recording: RecordingSource, source: Input, *, strict: bool, several: bool, before: float
    ) -> Iterator[Block]:
        """The blocks of one recording; `before` are the seconds of those before it."""
        if recording.live:
            yield from self._live(recording, strict=strict, several=several)
            return
        taken = measures(recording.options.measures)
        reads: list[Read] = []
        vectors: list[NDArray[np.float32] | None] = []
        examined: list[Examined | None] = []
        said = 0.0
        try:
            for stretch in self._stretches(recording):
                reads.append(measured(stretch, taken))
                vectors.append(self._heard(recording, stretch.sound))
                examined.append(self._examine(stretch.sound, vectors[-1]))
                if recording.heard >= said + _TICK:
                    said = recording.heard
                    yield Block([], [], source.fraction, before + said)
        except InputError as err:
            if strict or not several:
                raise
            reads, vectors, examined = [_whole(recording, f"cannot be read: {err.what}")], [None], [None]
        if strict:
            reads = list(refuse_bad(reads))
        choices = [self._choice(read) for read in reads]
        if not reads:
            reads, vectors, examined = [_whole(recording)], [None], [None]
            choices = [_NOBODY]
        reads = self._told_apart(recording, reads, vectors)
        if several:
            reads = [apart(read, recording) for read in reads]
        baselines, explained = self._baselines(reads, vectors), self._beside_others(reads, examined)
        heard = before + recording.heard
        yield Heard(reads, choices, source.fraction, heard, Conversing(), vectors, baselines, explained)

    @staticmethod
    def _told_apart(
        recording: RecordingSource, reads: list[Read], vectors: list[NDArray[np.float32] | None]
    ) -> list[Read]:
        """Stretches with their speakers by their voices, where it is said how many there are."""
        if recording.options.speakers is None or recording.transcript is not None:
            return reads
        from affekt.models.speakers import tell_apart

        names = tell_apart(vectors, speakers=recording.options.speakers)
        return [replace(r, clip=replace(r.clip, speaker=who)) for r, who in zip(reads, names, strict=True)]

    def _live(self, recording: RecordingSource, *, strict: bool, several: bool) -> Iterator[Block]:
        """Each stretch as soon as it is over, beside the speaker's manner in the stretches so far."""
        voice = self._way.voice
        recent: dict[str | None, deque[NDArray[np.float32]]] = defaultdict(lambda: deque(maxlen=_RECENT))
        compared: dict[str | None, deque[Examined]] = defaultdict(lambda: deque(maxlen=_COMPARED))
        silent, talk = True, Conversing()
        taken = measures(recording.options.measures)
        for stretch in self._stretches(recording):
            silent = False
            clip, sound = stretch.clip, stretch.sound
            read = measured(stretch, taken)
            if strict:
                (read,) = refuse_bad([read])
            vector = self._heard(recording, sound)
            if vector is not None:
                recent[clip.speaker].append(vector)
            own = recent[clip.speaker]
            manner = voice.baseline(list(own)) if own else None
            shown = apart(read, recording) if several else read
            explained: list[Explained] = []
            if (examined := self._examine(sound, vector)) is not None:
                compared[clip.speaker].append(replace(examined, parts=()))
                explained = [(examined, self._departures(list(compared[clip.speaker]))[-1])]
            own_manner = {clip.speaker: manner}
            choice = self._choice(read)
            yield Heard([shown], [choice], None, recording.heard, talk, [vector], own_manner, explained)
        if silent:
            yield Heard([_whole(recording)], [_NOBODY], None, recording.heard, vectors=[None])

    def _stretches(self, recording: RecordingSource) -> Iterator[Stretch]:
        """The stretches, cut where the expression changes if that is asked for."""
        voice = self._way.voice
        found = recording.stretches(longest=voice.longest, cut=voice.cut)
        return _cut_at_changes(found, voice) if recording.options.changes else found

    def _heard(self, recording: RecordingSource, sound: Sound | None) -> NDArray[np.float32] | None:
        """What is kept of a stretch; nothing of a turn of a transcript in which nobody speaks."""
        if sound is None or (recording.transcript is not None and not has_speech(sound)):
            return None
        return self._way.voice.hear(sound)

    def answer(self, block: Block) -> list[Reading]:
        """Judge the stretches of a recording."""
        if not isinstance(block, Heard):
            return []
        out = []
        explained = block.explained or [None] * len(block.reads)
        for read, choice, vector, why in zip(block.reads, block.choices, block.vectors, explained, strict=True):
            if choice.reason is not None:
                out.append(Reading(read.clip, self._refused(read, choice)))
                continue
            prediction = self._judge(read.clip, vector, why, block.baselines.get(read.clip.speaker))
            if choice.language is not None:
                prediction = replace(prediction, language=choice.language)
            out.append(Reading(read.clip, self._told(prediction)))
        return followed(out, block.talk)

    def _judge(
        self, clip: Clip, vector: NDArray[np.float32] | None, why: Explained, baseline: Baseline | None
    ) -> Prediction:
        """A stretch beside its speaker's manner, in the asked space, with its evidence."""
        way = self._way
        judged = way.voice.judge(clip, vector, baseline=baseline, space=way.head)
        prediction = self._sure(way, judged)
        if why is not None:
            from affekt.explain.voice import cues_of, moved_by

            examined, departs = why
            evidence = cues_of(clip, departs)
            if prediction.abstained is None:
                evidence += moved_by(way.voice, clip, examined, prediction, baseline=baseline)
            prediction = replace(prediction, evidence=tuple(evidence))
        return prediction if way.map is None else prediction.to(way.map)

    @property
    def _way(self) -> Way:
        (way,) = self.ways
        return way

    def _choice(self, read: Read) -> Choice:
        # The language of a voice is not found out, but counts where it is said.
        if read.problem is None and self.language is None:
            return Choice()
        return super()._choice(read)

    def _examine(self, sound: Sound | None, vector: NDArray[np.float32] | None) -> Examined | None:
        if not self.explain or sound is None or vector is None:
            return None
        from affekt.explain.voice import examine

        return examine(self._way.voice, sound)

    def _beside_others(self, reads: list[Read], examined: list[Examined | None]) -> list[Explained]:
        """What was examined, with how each stretch departs from its speaker's others."""
        by: dict[str | None, list[tuple[int, Examined]]] = defaultdict(list)
        for i, (read, kept) in enumerate(zip(reads, examined, strict=True)):
            if kept is not None:
                by[read.clip.speaker].append((i, kept))
        out: list[Explained] = [None] * len(reads)
        for own in by.values():
            for (i, kept), departs in zip(own, self._departures([kept for _, kept in own]), strict=True):
                out[i] = kept, departs
        return out

    def _departures(self, examined: list[Examined]) -> list[list[Departure]]:
        from affekt.explain.voice import manners

        return manners(examined)

    def _baselines(
        self, reads: list[Read], vectors: list[NDArray[np.float32] | None]
    ) -> dict[str | None, Baseline | None]:
        own: dict[str | None, list[NDArray[np.float32]]] = defaultdict(list)
        for read, vector in zip(reads, vectors, strict=True):
            if vector is not None:
                own[read.clip.speaker].append(vector)
        return {speaker: self._way.voice.baseline(kept) for speaker, kept in own.items()}


_NOBODY = Choice(reason="no speech: nobody speaks in the recording")


def _cut_at_changes(stretches: Iterable[Stretch], voice: VoiceRecogniser) -> Iterator[Stretch]:
    """Stretches of one expression each, numbered anew; words stand with the first of what was one stretch."""
    number = 0
    for stretch in stretches:
        clip, sound = stretch.clip, stretch.sound
        cuts = voice.changes(sound) if sound is not None else []
        ends = [*(round(cut, 3) for cut in cuts), clip.end]
        start = clip.start
        for k, end in enumerate(ends):
            number += 1
            part = replace(clip, id=str(number), start=start, end=end, text=clip.text if k == 0 else None)
            cut_out = sound.cut(start, end) if cuts and sound is not None and start is not None and end else sound
            yield stretch._replace(clip=part, sound=cut_out)
            start = end


def measured(stretch: Stretch, taken: Sequence[Measure]) -> Read:
    """A stretch with what is measured of it."""
    clip = stretch.clip
    if taken and stretch.sound is not None and len(stretch.sound):
        clip = replace(clip, measures={k: v for each in taken for k, v in each.of(stretch).items()})
    return Read(clip, stretch.problem)


def apart(read: Read, recording: RecordingSource) -> Read:
    """A stretch of one of several recordings: numbers alone would repeat."""
    return replace(read, clip=replace(read.clip, id=f"{recording.name}:{read.clip.id}"))


def _whole(recording: RecordingSource, problem: str | None = None) -> Read:
    """A recording as one row."""
    return Read(Clip(id="1", start=0.0, end=round(recording.heard, 3), source=recording.name), problem)
