"""Reading emotion in videos and pictures: what each face, the voice and the words say, segment by segment.

A video is gone through twice. First its sound is heard, as `affekt.listening` does; the stretches of speech, or the
turns of a transcript, are its segments, and what lies between them is cut where another shot begins and after ten
seconds. Then its pictures are looked at, four a second: whose faces there are, and what each looks like. Of a frame a
few numbers are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affekt.analysis import Block, Reading, followed
from affekt.catalog.fusion import fusion
from affekt.catalog.maps import space_map
from affekt.catalog.spaces import space
from affekt.conversing import Conversing
from affekt.core.clip import Clip
from affekt.core.errors import AffektError, InputError, MissingExtraError, ModelError
from affekt.core.prediction import Evidence, Prediction
from affekt.core.space import Dimension
from affekt.explain.conflict import conflict_of
from affekt.explain.face import face_evidence
from affekt.extras import need
from affekt.features.measures import measures
from affekt.features.scene import scene_cues
from affekt.listening import Listener, apart, measured
from affekt.looking import MOST_FACES, FaceReader, FacesInTurn, Scan, Segment, Shown, tell_departures
from affekt.media.faces import FaceFinder
from affekt.media.landmarks import LandmarkFinder
from affekt.media.recording import RecordingSource
from affekt.media.text import Read
from affekt.media.watched import ImageSource, VideoSource
from affekt.models.choice import Choice, Chooser, Way, check_licence
from affekt.models.face import FaceRecogniser
from affekt.models.fusion import fuse
from affekt.opening import Input, refuse_bad

if TYPE_CHECKING:
    from affekt.core.protocols import Recogniser
    from affekt.explain.voice import Examined
    from affekt.listening import Explained
    from affekt.models.choice import Licence
    from affekt.models.voice import Baseline, VoiceRecogniser

__all__ = ["RATE", "Seen", "Watcher", "watcher_for"]

RATE = 4.0
"""Frames a second that are looked at."""

_TICK = 30.0  # seconds of video between two signs of life
_PRESENT = 0.25  # of the frames of a segment with the person seen most: less is somebody who comes or goes
_MOVED, _MOST = 0.02, 4  # as in `affekt.explain.voice`


@dataclass(frozen=True, slots=True)
class _Part:
    """What a row is read from: a face, a voice, words; each `None` where there is none."""

    face: Shown | None = None
    heard: bool = False
    vector: NDArray[np.float32] | None = None
    explained: Explained = None
    scene: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen(Block):
    """All rows of a video or picture, with what was kept of each."""

    parts: list[_Part] = field(default_factory=list)
    baselines: dict[str | None, Baseline | None] = field(default_factory=dict)


class Watcher(Listener):
    """What `Listener` is for recordings, for videos and still pictures; recordings without pictures are heard as ever.

    Args:
        face: Model of faces; default the bundled one.
        asked: As for `affekt.analysis.Analyzer`. `model` may be one of faces or of voices. `space` is that in
            which channels meet (`affekt.catalog.fusion`) unless another is asked for, to which a map leads from there.

    Raises:
        ModelError: There is no model of faces, or none may be used.
    """

    def __init__(self, *, face: FaceReader | None = None, **asked: Any) -> None:
        self._given = face
        super().__init__(**asked)
        every = self.policy.languages == "any"
        self._words = Chooser(self._texts, every=every, language=self.language) if self._texts else None

    def _find_ways(
        self,
        model: Recogniser | VoiceRecogniser | Path | str | None,
        *,
        space: str | None,
        licence: Licence,
        jobs: int | None,
    ) -> list[Way]:
        from affekt.models.choice import ways_of
        from affekt.models.registry import VOICE, model_folder

        meeting, face = fusion().space, self._given or _face_model(model)
        self._carry = space_map(meeting, space) if space is not None and space != meeting else None
        if face is None:
            raise ModelError("No model of faces is bundled", hint="Name one with --model (model=).")
        voice = None if isinstance(model, str | Path) and face == model_folder(model) else model

        def way(model: Any) -> Way:
            found = Way(model, space=meeting, jobs=jobs)
            if (why := check_licence(found.spec, licence)) is not None:
                found.refused = f"licence of the model restricts its use: {found.spec.name}, {why}"
            return found

        self._reads_faces = face
        self._faces = way(face)
        self._voices = way(model_folder(voice or VOICE) if isinstance(voice, str | Path | None) else voice)
        try:
            self._texts = ways_of(None, space=meeting, licence=licence, jobs=jobs)
        except (InputError, ModelError):
            self._texts = []  # no words are read
        ways = [self._faces, self._voices, *self._texts]
        for each in ways:
            each.space = self._carry.target if self._carry is not None else each.space
        if all(each.refused for each in ways):
            raise ModelError(self._faces.refused or "No model", hint="Leave --licence out (licence= in Python).")
        return ways

    def ranges(self, ways: Iterable[Way]) -> list[Dimension]:
        """Those of the places at which labels stand once channels are put together."""
        return list(space(fusion().places).dimensions)

    @property
    def _way(self) -> Way:
        return self._voices

    @cached_property
    def _face(self) -> FaceReader:
        if not isinstance(self._reads_faces, Path):
            return self._reads_faces
        from affekt.models.registry import load_face

        return load_face(self._reads_faces, jobs=self._jobs)

    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder()

    @property
    def _explained(self) -> FaceRecogniser | None:
        """The model whose readings are explained by covering regions of the face, where that is asked for."""
        return self._face if self.explain and isinstance(self._face, FaceRecogniser) else None

    def _reader(self) -> FacesInTurn:
        eye = self._explained
        return FacesInTurn(self._face, side=eye.face.size if eye is not None else 0, landmarks=self._landmarks)

    @cached_property
    def _landmarks(self) -> LandmarkFinder | None:
        """What finds landmarks, to explain a face; `None` where that is not asked for or not installed."""
        if not self.explain:
            return None
        try:
            return LandmarkFinder()
        except MissingExtraError:
            return None

    # --- Blocks -------------------------------------------------------------------------------------------------------

    def _one(
        self, recording: RecordingSource, source: Input, *, strict: bool, several: bool, before: float
    ) -> Iterator[Block]:
        if isinstance(recording, ImageSource):
            yield self._still(recording, source, strict=strict, several=several, before=before)
        elif isinstance(recording, VideoSource):
            yield from self._video(recording, source, strict=strict, several=several, before=before)
        else:
            yield from super()._one(recording, source, strict=strict, several=several, before=before)

    def _still(self, picture: ImageSource, source: Input, *, strict: bool, several: bool, before: float) -> Block:
        """The faces of a picture, the largest first."""
        whole = Read(Clip(id="1", source=picture.name))
        shown: list[Shown] = []
        try:
            frame = picture.frame()
        except InputError as err:
            if strict or not several:
                raise
            whole = replace(whole, problem=f"cannot be read: {err.what}")
        else:
            faces = self._finder.find(frame.pixels)[:MOST_FACES]
            shown = [Shown() for _ in faces]
            reading = self._reader()
            for kept, face in zip(shown, faces, strict=True):
                reading.take(frame, face, [kept])
            reading.flush()
            for kept in shown:
                tell_departures([kept])
        reads, parts = [whole], [_Part()]
        if shown:
            named = enumerate(shown, 1)
            reads = [
                Read(Clip(id=str(k), source=picture.name, person=f"person {k}", faces=tuple(kept.boxes)))
                for k, kept in named
            ]
            parts = [_Part(face=kept) for kept in shown]
        choices = [Choice(reason=read.problem or (None if shown else _NO_FACE)) for read in reads]
        if several:
            reads = [apart(read, picture) for read in reads]
        return Seen(reads, choices, source.fraction, before, None, parts)

    def _video(
        self, video: VideoSource, source: Input, *, strict: bool, several: bool, before: float
    ) -> Iterator[Block]:
        segments: list[Segment] = []
        examined: list[Examined | None] = []
        silent: InputError | None = None
        said = 0.0
        try:
            taken = measures(video.options.measures)
            for stretch in self._stretches(video):
                clip = stretch.clip
                assert clip.start is not None and clip.end is not None
                vector = self._heard(video, stretch.sound)
                segments.append(Segment(clip.start, clip.end, measured(stretch, taken), vector))
                examined.append(self._examine(stretch.sound, vector))
                if video.heard >= said + _TICK:
                    said = video.heard
                    yield Block([], [], source.fraction, before)
        except InputError as err:
            silent, segments, examined = err, [], []
        reads = [segment.read for segment in segments if segment.read is not None]
        if strict:
            reads = list(refuse_bad(reads))
        vectors = [segment.vector for segment in segments]
        reads = self._told_apart(video, reads, vectors)
        for segment, read, why in zip(segments, reads, self._beside_others(reads, examined), strict=True):
            segment.read, segment.explained = read, why
        notes, said = video.notes, 0.0
        scan = Scan(self._finder, self._reader(), segments)
        try:
            for frame in video.frames(RATE):
                scan.take(frame)
                if video.seen >= said + _TICK:
                    said = video.seen
                    yield Block([], [], source.fraction, before + said)
            if silent is not None:
                header = video.video.header
                quiet = header is not None and not header.sound
                video.notes = ("It has no sound." if quiet else f"Its sound was not read: {silent.what}.", *video.notes)
        except InputError as err:
            if silent is not None:
                if strict or not several:
                    raise err from silent
                problem = Read(Clip(id="1", source=video.name), f"cannot be read: {err.what}")
                yield Seen(
                    [apart(problem, video)], [Choice(reason=problem.problem)], source.fraction, before, None, [_Part()]
                )
                return
            video.notes = (*notes, f"Its pictures were not read: {err.what}.")
        found = scan.end(video.seen)
        people: dict[str, list[Shown]] = {}
        for segment in found:
            for person, kept in segment.people.items():
                people.setdefault(person, []).append(kept)
        for shown in people.values():
            tell_departures(shown, step=1 / RATE)
        baselines = self._baselines(reads, vectors)
        rows, parts = self._rows(found, video)
        choices = [self._choice(read) for read in rows]
        if not rows:
            rows = [Read(Clip(id="1", start=0.0, end=round(max(video.seen, video.heard), 3), source=video.name))]
            parts, choices = [_Part()], [Choice(reason=_NOBODY)]
        if several:
            rows = [apart(read, video) for read in rows]
        video.heard = max(video.heard, video.seen)
        yield Seen(rows, choices, source.fraction, before + video.heard, Conversing(), parts, baselines)

    def _rows(self, segments: Sequence[Segment], video: VideoSource) -> tuple[list[Read], list[_Part]]:
        """A row for each segment and person. What is said is of the only person to be seen, else of nobody's face."""
        cues = scene_cues([(s.start, s.end, s.scene) for s in segments]) if self.explain else [[]] * len(segments)
        measure = "scene" in video.options.measures
        rows: list[Read] = []
        parts: list[_Part] = []
        for segment, scene in zip(segments, cues, strict=True):
            read = segment.read
            most = max((len(kept.boxes) for kept in segment.people.values()), default=0)
            people = {who: kept for who, kept in segment.people.items() if len(kept.boxes) >= _PRESENT * most}
            own = read.clip if read is not None else Clip(id="", source=video.name)
            start, end = (own.start, own.end) if read is not None else (segment.start, segment.end)
            clip = replace(own, start=start, end=end)
            if measure:
                clip = replace(clip, measures={**clip.measures, **segment.scene})
            spoken = _Part(None, read is not None, segment.vector, segment.explained, tuple(scene))
            alone = next(iter(people)) if len(people) == 1 else None
            problem = read.problem if read is not None else None
            if read is not None and alone is None:
                rows.append(Read(clip, problem))
                parts.append(spoken)
            for person, kept in sorted(people.items(), key=lambda item: int(item[0].split()[-1])):
                part = replace(spoken, face=kept) if person == alone else _Part(kept, scene=tuple(scene))
                seen = clip if person == alone else replace(clip, text=None, speaker=None, dialogue=None, turn=None)
                rows.append(Read(replace(seen, person=person, faces=tuple(kept.boxes)), problem if alone else None))
                parts.append(part)
        rows = [replace(read, clip=replace(read.clip, id=str(k))) for k, read in enumerate(rows, 1)]
        return rows, parts

    def _choice(self, read: Read) -> Choice:
        return Choice(reason=read.problem)

    # --- Answers ------------------------------------------------------------------------------------------------------

    def answer(self, block: Block) -> list[Reading]:
        """Judge what was kept of a video or picture."""
        if not isinstance(block, Seen):
            heard = super().answer(block)
            finished = [(clip, p, self._finished({"voice": p}, ())) for clip, p in heard]
            return [Reading(clip, replace(done, shift=p.shift)) for clip, p, done in finished]
        said = self._said(block)
        out = []
        for i, (read, choice, part) in enumerate(zip(block.reads, block.choices, block.parts, strict=True)):
            if choice.reason is not None:
                out.append(Reading(read.clip, self._refused(read, choice)))
                continue
            channels: dict[str, Prediction] = {}
            if i in said:
                channels["text"] = said[i]
            if part.heard:
                channels["voice"] = self._judged(read.clip, part, block.baselines.get(read.clip.speaker))
            if part.face is not None:
                channels["face"] = self._faced(read.clip, part.face)
            out.append(Reading(read.clip, self._finished(channels, part.scene)))
        return followed(out, block.talk)

    def _finished(self, channels: Mapping[str, Prediction], scene: Sequence[Evidence]) -> Prediction:
        """The reading of a row, explained if that is asked for, in the asked space."""
        prediction = self._told(_together(channels, scene))
        return prediction if self._carry is None or not prediction.scores else prediction.to(self._carry)

    def _said(self, block: Seen) -> dict[int, Prediction]:
        """What the words of rows say, by the number of the row."""
        if self._words is None:
            return {}
        out: dict[int, Prediction] = {}
        by_way: dict[int, list[int]] = {}
        for i, (read, part) in enumerate(zip(block.reads, block.parts, strict=True)):
            if read.problem is None and part.heard and (read.clip.text or "").strip():
                choice = self._words(read.clip)
                if choice.reason is not None:
                    space = self._texts[choice.way].space.id
                    out[i] = Prediction(read.clip.id, space, abstained=choice.reason, language=choice.language)
                    continue
                by_way.setdefault(choice.way, []).append(i)
        for number, at in by_way.items():
            clips = [block.reads[i].clip for i in at]
            out |= dict(zip(at, self._read(self._texts[number], clips), strict=True))
        return out

    def _judged(self, clip: Clip, part: _Part, baseline: Baseline | None) -> Prediction:
        """What the voice says."""
        if self._voices.refused is not None:
            return Prediction(clip.id, self._voices.space.id, abstained=self._voices.refused)
        return self._judge(clip, part.vector, part.explained, baseline)

    def _faced(self, clip: Clip, shown: Shown) -> Prediction:
        """What a face says over the frames of a segment: their mean, each counting as well as it can be seen."""
        way, spec = self._faces, self._faces.spec
        if way.refused is not None:
            return Prediction(clip.id, way.space.id, abstained=way.refused)
        if not shown.times:
            reason = shown.first[shown.reasons.most_common(1)[0][0]] if shown.reasons else "face not read"
            return Prediction(clip.id, way.space.id, abstained=reason, model=spec.name)
        labels, names = self._face_labels, spec.dimensions
        weights = np.array(shown.weights, dtype=np.float64)
        weights /= weights.sum()
        table = np.stack(shown.scores).astype(np.float64)
        scores = dict(zip(labels, map(float, weights @ table), strict=True))
        dimensions = dict(zip(names, map(float, weights @ np.stack(shown.dimensions)), strict=True)) if names else {}
        prediction = Prediction(
            clip.id,
            spec.space,
            scores,
            (max(scores, key=scores.__getitem__),),
            {k: v for k, v in dimensions.items() if v == v},
            confidence=float(weights @ np.array(shown.confidences)),
            model=spec.name,
        )
        prediction = self._sure(way, prediction)
        if self.explain and prediction.abstained is None:
            evidence = _moments(shown, labels, weights, table, scores) + self._regions(clip, shown, scores)
            if not any(e.weight > 0 for e in evidence):
                evidence = (_look(shown, scores), *evidence)
            prediction = replace(prediction, evidence=evidence + shown.departs)
        return prediction if way.map is None else prediction.to(way.map)

    def _regions(self, clip: Clip, shown: Shown, scores: Mapping[str, float]) -> tuple[Evidence, ...]:
        """The regions of the face that moved its label, in the one frame that speaks most for that label."""
        eye, top = self._explained, max(scores, key=scores.__getitem__)
        telling = shown.telling.get(self._face_labels.index(top))
        if eye is None or telling is None:
            return ()
        times = None if clip.start is None else [telling.time]
        (found,) = face_evidence(eye, [telling.crop], times=times, labels=[top])
        return found

    @cached_property
    def _face_labels(self) -> tuple[str, ...]:
        return space(self._faces.spec.space).labels


def watcher_for(source: Input, **asked: Any) -> Listener:
    """What reads videos and pictures: a `Watcher`, or a `Listener` of videos alone where there is nothing to look with.

    A video has a sound that can be heard all the same; its notes then say that its pictures were not read, and why.

    Args:
        source: What is read.
        asked: The arguments of `Watcher`.

    Raises:
        MissingExtraError: There are still pictures, and OpenCV is not installed.
        ModelError: There are still pictures, and no model of faces; or one that was named cannot be used.
    """
    missing: AffektError | None = None
    try:
        need("cv2", extra="video")
    except MissingExtraError as err:
        missing = err
    if missing is None and asked.get("face") is None and not _face_model(asked.get("model")):
        missing = ModelError("No model of faces is bundled", hint="Name one with --model (model=).")
    if missing is None:
        return Watcher(**asked)
    if any(isinstance(file, ImageSource) for file in source.files):
        raise missing
    for file in source.files:
        if isinstance(file, VideoSource):
            file.unseen = f"Its pictures were not read: {missing.what}. {missing.hint}"
    return Listener(**{name: value for name, value in asked.items() if name != "face"})


def _face_model(named: object) -> Path | None:
    """The folder of a model of faces: the one that is named, else the bundled one; `None` where there is none."""
    from affekt.models.registry import FACE, bundled, model_folder

    if isinstance(named, str | PathLike):
        folder = model_folder(named if isinstance(named, str) else Path(fspath(named)))
        if Way(folder, space=None, jobs=None).card.get("face"):
            return folder
    return bundled().get(FACE)


_NO_FACE = "no face: none was found in the picture"
_NOBODY = "no face and no speech: nobody is seen and nobody speaks"


def _together(channels: Mapping[str, Prediction], scene: Sequence[Evidence]) -> Prediction:
    """One reading of what the channels say, with how far they disagree and what the scene is like."""
    if len(channels) == 1:
        (alone,) = channels.values()
        if alone.abstained is not None:
            return alone
    prediction = fuse(channels)
    if prediction.abstained is not None:
        return prediction
    conflict = conflict_of(prediction.channels)
    return replace(prediction, evidence=(*prediction.evidence, *scene), conflict=conflict)


def _moments(
    shown: Shown,
    labels: Sequence[str],
    weights: NDArray[np.float64],
    table: NDArray[np.float64],
    scores: Mapping[str, float],
) -> tuple[Evidence, ...]:
    """The times that moved the label of a face: by how much the mean would be lower without these frames."""
    top = max(scores, key=scores.__getitem__)
    column = table[:, labels.index(top)]
    runs: list[list[int]] = []
    for k, best in enumerate(table.argmax(axis=1)):
        for_it = labels[best] == top
        if runs and (labels[int(table[runs[-1][-1]].argmax())] == top) == for_it:
            runs[-1].append(k)
        else:
            runs.append([k])
    out = []
    for run in runs if len(runs) > 1 else ():
        left = np.delete(np.arange(len(column)), run)
        rest = float(weights[left] @ column[left] / weights[left].sum())
        start, end = shown.times[run[0]], shown.times[run[-1]] + 1 / RATE
        out.append(Evidence("face", f"{start:.1f} to {end:.1f} s", start, end, scores[top] - rest, top))
    return tuple(sorted((e for e in out if abs(e.weight) >= _MOVED), key=lambda e: -abs(e.weight))[:_MOST])


def _look(shown: Shown, scores: Mapping[str, float]) -> Evidence:
    """Where no time and no region speaks for the label: all frames together moved it away from chance."""
    top = max(scores, key=scores.__getitem__)
    start, end = shown.times[0], shown.times[-1] + (1 / RATE if len(shown.times) > 1 else 0.0)
    cue = "the look throughout" if len(shown.times) > 1 else "the look"
    return Evidence("face", cue, start, end, scores[top] - 1 / len(scores), top)
