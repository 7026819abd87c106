"""Looking at a video: its frames into segments, and whose faces there are in each with what they look like.

Segments are the stretches of speech; what lies between them is cut where another shot begins and after ten seconds. Of
a frame a few numbers are kept.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt.core.channel import FaceBox
from affekt.core.prediction import Evidence, Prediction, kind_of
from affekt.explain.face_cues import face_departures, usual_look
from affekt.features.landmarks import face_cue_values
from affekt.features.scene import Look, LookMeter, scene_of
from affekt.media.faces import CROP, Face, FaceFinder, People, crop_of, quality_of
from affekt.media.text import Read
from affekt.models.face import grey_square

if TYPE_CHECKING:
    from affekt.core.protocols import RecogniserSpec
    from affekt.listening import Explained
    from affekt.media.landmarks import LandmarkFinder
    from affekt.media.video import Frame

__all__ = ["MOST_FACES", "FaceReader", "FacesInTurn", "Scan", "Segment", "Shown", "Telling", "tell_departures"]

_PIECE = 10.0  # seconds of the longest segment in which nobody speaks
_LEAST = 1.0  # seconds of the shortest one
_BATCH = 32  # faces that are read at once
MOST_FACES = 16  # of a frame, the largest
_CHANCE = 2  # frames in which somebody is seen: what is seen in fewer of a video is taken for a mistake


class FaceReader(Protocol):
    """What is needed of a model of faces."""

    @property
    def spec(self) -> RecogniserSpec:
        """What it is."""
        ...

    def predict(self, faces: Sequence[NDArray[np.uint8]], *, ids: Sequence[str] | None = None) -> list[Prediction]:
        """Read faces that were cut out and set upright."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """A frame that speaks for a label.

    Attributes:
        share: The probability of the label in it times what the frame counts.
        time: Its time in seconds.
        crop: The face in grey, uint8, shape (side, side).
    """

    share: float
    time: float
    crop: NDArray[np.uint8]


@dataclass(slots=True)
class Shown:
    """What is kept of one person's face in a segment.

    Attributes:
        boxes: Where it stands, in pixels of the picture as it is shown.
        times: Seconds of the frames in which it could be read.
        weights: What each of these counts.
        scores: What the model says of each, in the order of its labels.
        dimensions: Its dimensions of each.
        confidences: Its confidence in each.
        reasons: Why faces of other frames could not be read: kind -> how many.
        first: The first reason of each kind.
        telling: Of each label, by its number, the frame that speaks most for it, where such are kept.
        looked: Seconds of the frames in which its landmarks were measured.
        looks: What they were like, from `affekt.features.landmarks.face_cue_values`.
        departs: In what it departs from how this person usually looks.
    """

    boxes: list[FaceBox] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    scores: list[NDArray[np.float32]] = field(default_factory=list)
    dimensions: list[NDArray[np.float32]] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    telling: dict[int, Telling] = field(default_factory=dict)
    looked: list[float] = field(default_factory=list)
    looks: list[NDArray[np.float64]] = field(default_factory=list)
    departs: tuple[Evidence, ...] = ()

    def refuse(self, reason: str) -> None:
        """Count a face that cannot be read."""
        self.reasons[kind_of(reason)] += 1
        self.first.setdefault(kind_of(reason), reason)

    def keep(self, time: float, weight: float, scores: NDArray[np.float32], crop: NDArray[np.uint8]) -> None:
        """Keep a frame for the labels for which it speaks more than those before it."""
        for label, share in enumerate((weight * scores).tolist()):
            if label not in self.telling or share > self.telling[label].share:
                self.telling[label] = Telling(share, time, crop)


@dataclass(slots=True)
class Segment:
    """A stretch of a video.

    Attributes:
        start: Its start in seconds.
        end: Its end.
        read: What is said in it; `None` where nobody speaks.
        vector: What its voice is like, for the model of the voice.
        explained: Why its voice is read so, where that was asked.
        people: Who is seen in it.
        looks: What its frames are like, until it is closed.
        scene: Measures of the scene, once it is closed.
    """

    start: float
    end: float
    read: Read | None = None
    vector: NDArray[np.float32] | None = None
    explained: Explained = None
    people: dict[str, Shown] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    scene: Mapping[str, float] = field(default_factory=dict)

    def close(self, end: float | None = None) -> Segment:
        """Itself, ended here, with what its frames were like on the whole."""
        self.end = self.end if end is None else end
        self.scene, self.looks = scene_of(self.looks), []
        return self


class FacesInTurn:
    """Reads faces in batches, and puts what is said of each where it is kept.

    Args:
        face: The model.
        side: Pixels a side of the crops that are kept to explain a reading; 0 keeps none.
        landmarks: What finds landmarks; `None` where none are looked for.
    """

    def __init__(self, face: FaceReader, *, side: int = 0, landmarks: LandmarkFinder | None = None) -> None:
        self._face, self._side, self._landmarks = face, side, landmarks
        self._waiting: list[tuple[NDArray[np.uint8], float, float, list[Shown]]] = []

    def take(self, frame: Frame, face: Face, kept: Sequence[Shown]) -> None:
        """Take a face of a frame for those who keep it."""
        crop = crop_of(frame.pixels, face, size=CROP)
        quality = quality_of(crop, size=face.width * frame.scale, front=face.front)
        x, y, width, height = (round(frame.scale * value, 1) for value in face.box)
        for each in kept:
            each.boxes.append(FaceBox(round(frame.time, 3), x, y, width, height))
        if quality.problem is not None:
            for each in kept:
                each.refuse(quality.problem)
            return
        points = self._landmarks.find(frame.pixels, face) if self._landmarks is not None and face.front else None
        if points is not None:
            values = face_cue_values(points)
            for each in kept:
                each.looked.append(frame.time)
                each.looks.append(values)
        self._waiting.append((crop, frame.time, quality.weight, list(kept)))
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Read those that wait."""
        if not self._waiting:
            return
        names = [str(k) for k in range(len(self._waiting))]
        found = self._face.predict([crop for crop, *_ in self._waiting], ids=names)
        dimensions = self._face.spec.dimensions
        for (crop, time, weight, kept), p in zip(self._waiting, found, strict=True):
            small = grey_square(crop, self._side) if self._side else None
            for each in kept:
                if not p.scores:
                    each.refuse(p.abstained or "face not read")
                    continue
                each.times.append(time)
                each.weights.append(weight)
                each.scores.append(np.fromiter(p.scores.values(), np.float32))
                each.dimensions.append(np.array([p.dimensions.get(name, np.nan) for name in dimensions], np.float32))
                each.confidences.append(p.confidence or 0.0)
                if small is not None:
                    each.keep(time, weight, each.scores[-1], small)
        self._waiting.clear()


class Scan:
    """Frames of a video into segments and people."""

    def __init__(self, finder: FaceFinder, reader: FacesInTurn, spoken: Sequence[Segment]) -> None:
        finder.forget()
        self._finder, self._people, self._reader = finder, People(), reader
        self._meter = LookMeter()
        self._waiting = deque(sorted(spoken, key=lambda segment: segment.start))
        self._active: list[Segment] = []
        self._gap: Segment | None = None
        self._done: list[Segment] = []
        self._times: Counter[str] = Counter()
        self._frames = 0
        self._last: tuple[Frame, Look, list[tuple[str, Face]]] | None = None

    def take(self, frame: Frame) -> None:
        """The next frame."""
        look = self._meter.take(frame)
        faces = self._finder.follow(frame.time, frame.pixels)[:MOST_FACES]
        names = self._people.tell(frame.time, faces, frame.pixels)
        found = list(zip(names, faces, strict=True))
        self._times.update(names)
        self._frames += 1
        self._open(frame.time)
        if self._active or (self._gap is not None and (look.cut or frame.time - self._gap.start >= _PIECE - 1e-6)):
            self._leave(frame.time)
        if not self._active and self._gap is None:
            self._gap = Segment(frame.time, frame.time)
        self._put(frame, look, found, self._active or [self._gap] if self._gap else self._active)
        self._last = frame, look, found

    def _open(self, time: float) -> None:
        """Segments of speech up to a time. The frame before it stands until then, and is theirs too."""
        while self._waiting and self._waiting[0].start <= time:
            segment = self._waiting.popleft()
            if self._last is not None and segment.start < time:
                self._put(*self._last, [segment])
            self._active.append(segment)
        for segment in [each for each in self._active if each.end <= time]:
            self._active.remove(segment)
            self._done.append(segment.close())

    def _leave(self, time: float) -> None:
        if self._gap is not None:
            self._done.append(self._gap.close(max(time, self._gap.start)))
            self._gap = None

    def _put(self, frame: Frame, look: Look, found: Sequence[tuple[str, Face]], here: Sequence[Segment]) -> None:
        for segment in here:
            segment.looks.append(look)
        for name, face in found:
            self._reader.take(frame, face, [segment.people.setdefault(name, Shown()) for segment in here])

    def end(self, seconds: float) -> list[Segment]:
        """All segments in order, those in silence without anybody left out, and so are faces seen by chance."""
        self._open(seconds)
        self._leave(seconds)
        self._reader.flush()
        self._done += [segment.close() for segment in (*self._active, *self._waiting)]
        if self._frames > 2 * _CHANCE:
            for segment in self._done:
                chance = [name for name in segment.people if self._times[name] < _CHANCE]
                for name in chance:
                    del segment.people[name]
        long = [s for s in self._done if s.read is not None or s.end - s.start >= _LEAST]
        kept = long or self._done
        return sorted(
            (s for s in kept if s.read is not None or s.people), key=lambda segment: (segment.start, segment.end)
        )


def tell_departures(shown: Sequence[Shown], *, step: float = 0.0) -> None:
    """Say of each stretch of one person in what the face departs from how it is in all of them.

    Args:
        shown: What was kept of the person in each stretch.
        step: Seconds from one frame to the next; 0 in a picture.
    """
    frames = {time: values for each in shown for time, values in zip(each.looked, each.looks, strict=True)}
    usual = usual_look(list(frames.values()))
    for each in shown:
        each.departs = face_departures(each.looked, each.looks, usual, step=step)
