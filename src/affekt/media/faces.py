"""Faces in pictures: found, set upright, told apart from frame to frame, and judged for whether they can be read.

Faces are found by OpenCV's cascades of Haar-like features (Viola and Jones 2001): of the front, then of the profile
where no front is seen. What they find is upright within about 15° and at least `SMALLEST` pixels wide in the picture
that is searched; half-hidden faces, faces from above and masks are mostly missed, and a pattern may be taken for a
face. Pictures in which nothing is found upright are turned by a half and by quarters.

People are told apart by where their faces are and by what they look like. That says that two faces are probably of one
person within a recording, and never who that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import ModelError
from affekt.extras import need

__all__ = ["CROP", "SMALLEST", "Face", "FaceFinder", "People", "Quality", "crop_of", "quality_of"]

SMALLEST = 28
"""Pixels of the side of the smallest face that is looked for."""

CROP = 96
"""Pixels of the side of a face that was cut out and set upright."""

_EYES_APART = (0.25, 0.65)  # of the width of the face
_STEEPEST = 30.0  # degrees between the eyes that are believed
_SEARCH = 0.6  # of the width of a face, on each side, where it is looked for again
_KNOWN = 56  # pixels of a known face where it is looked for again
_COARSE = 320  # pixels of the longer side of a frame that is searched whole
_ANEW = 1.0  # seconds from one search of the whole picture to the next
_TURNS = (2, 1, 3)  # quarter turns that are tried where nothing is found upright
_TURN_AGAIN = 5.0  # seconds until turning is tried again
_SAME_PLACE, _SAME_LOOK, _LOOK_ALONE = 0.2, 0.35, 0.6
_FORGOTTEN = 2.0  # seconds after which a face that was not seen is looked for by its look alone
_MOST_PEOPLE = 64


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes:
        x: Its left edge in pixels of that picture.
        y: Its top edge.
        width: Its width.
        height: Its height.
        quarters: Quarter turns, counter-clockwise, that set the picture upright for it.
        tilt: Degrees by which the line between its eyes rises from left to right once it is upright by quarters; 0
            where the eyes were not found.
        front: Whether it is seen from the front, and not in profile.
        eyes: Whether both eyes were found.
    """

    x: int
    y: int
    width: int
    height: int
    quarters: int = 0
    tilt: float = 0.0
    front: bool = True
    eyes: bool = False

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height."""
        return self.x, self.y, self.width, self.height


class FaceFinder:
    """Finds faces; in frames of a video, where they were before that.

    Args:
        smallest: Pixels of the side of the smallest face.
        profiles: Whether profiles are looked for where no front is found.
        turns: Whether pictures in which no face is found are turned.

    Raises:
        MissingExtraError: OpenCV is not installed.
        ModelError: This OpenCV has no cascades.
    """

    def __init__(self, *, smallest: int = SMALLEST, profiles: bool = True, turns: bool = True) -> None:
        self._cv2: Any = need("cv2", extra="video")
        self._front = self._cascade("frontalface_alt2")
        self._profile = self._cascade("profileface") if profiles else None
        self._eye = self._cascade("eye")
        self._smallest = smallest
        self._turns = turns
        self._known: list[Face] = []
        self.forget()

    def _cascade(self, name: str) -> Any:
        folder = getattr(getattr(self._cv2, "data", None), "haarcascades", "")
        file = Path(folder) / f"haarcascade_{name}.xml"
        cascade = self._cv2.CascadeClassifier(str(file)) if file.is_file() else None
        if cascade is None or cascade.empty():
            raise ModelError(
                f"This OpenCV has no cascade for faces ({file.name})",
                hint="Install one that has: pip install 'opencv-python-headless>=4.12,<5'",
            )
        return cascade

    def forget(self) -> None:
        """Begin another video."""
        self._searched = self._turned = -math.inf
        self._quarters = 0
        self._known = []

    def find(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """All faces of a picture, the largest first.

        Args:
            pixels: uint8, shape (height, width, 3) in red, green, blue, or (height, width).
        """
        grey = self._grey(pixels)
        small, scale = self._shrunk(grey, 2 * _COARSE / max(grey.shape))
        found = [_scaled(face, 1 / scale) for face in self._upright(small)]
        if scale < 1:  # and the small ones of a large picture
            known = [face.box for face in found]
            found += [face for face in self._fronts(grey) if all(overlap(face.box, box) < 0.2 for box in known)]
        for quarters in _TURNS if self._turns and not found else ():
            # Profiles are not looked for there: they are mistaken for too much.
            turned = np.ascontiguousarray(np.rot90(grey, quarters))
            if found := [_turned_back(face, quarters, grey.shape) for face in self._fronts(turned)]:
                break
        return sorted(found, key=lambda face: -face.width * face.height)

    def follow(self, time: float, pixels: NDArray[np.uint8]) -> list[Face]:
        """The faces of the next frame of a video: the whole of it is searched once a second, else around known ones.

        Args:
            time: Its time in seconds, which grows from call to call.
            pixels: As for `find`.
        """
        grey = self._grey(pixels)
        again = time - self._searched >= _ANEW - 1e-6
        found = [] if again else self._near(grey)
        if again or len(found) < len(self._known):
            self._searched = time
            turned = np.ascontiguousarray(np.rot90(grey, self._quarters))
            upright = self._coarse(turned) or self._fronts(turned)
            found = [_turned_back(face, self._quarters, grey.shape) for face in upright]
            if not found and self._turns and time - self._turned >= _TURN_AGAIN:
                self._turned = time
                for quarters in (0, *_TURNS):
                    turned = np.ascontiguousarray(np.rot90(grey, quarters))
                    if fronts := self._fronts(turned):
                        found = [_turned_back(face, quarters, grey.shape) for face in fronts]
                        self._quarters = quarters
                        break
        self._known = sorted(found, key=lambda face: -face.width * face.height)
        return self._known

    def _grey(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if pixels.ndim == 2:
            return np.ascontiguousarray(pixels)
        grey: NDArray[np.uint8] = self._cv2.cvtColor(np.ascontiguousarray(pixels), self._cv2.COLOR_RGB2GRAY)
        return grey

    def _near(self, grey: NDArray[np.uint8]) -> list[Face]:
        found: list[Face] = []
        for face in self._known:
            wide, tall = round(face.width * _SEARCH), round(face.height * _SEARCH)
            left, top = max(face.x - wide, 0), max(face.y - tall, 0)
            part = grey[top : face.y + face.height + tall, left : face.x + face.width + wide]
            turned = np.ascontiguousarray(np.rot90(part, face.quarters))
            small, scale = self._shrunk(turned, _KNOWN / face.width)
            sizes = round(0.75 * scale * face.width), round(1.33 * scale * face.width)
            close = self._fronts(small, *sizes) if face.front else self._profiles(small, *sizes)
            close = [_turned_back(_scaled(one, 1 / scale), face.quarters, part.shape) for one in close]
            close = [replace(one, x=one.x + left, y=one.y + top) for one in close]
            close = [one for one in close if all(overlap(one.box, other.box) < 0.3 for other in found)]
            if close:
                found.append(max(close, key=lambda one: overlap(one.box, face.box)))
        return found

    def _coarse(self, grey: NDArray[np.uint8]) -> list[Face]:
        """Faces of twice the smallest size, for a quarter of the time."""
        small, scale = self._shrunk(grey, _COARSE / max(grey.shape))
        return [_scaled(face, 1 / scale) for face in self._upright(small)]

    def _shrunk(self, grey: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], float]:
        """The picture on a smaller scale, and that scale; as it is where it would not be smaller."""
        if scale >= 1:
            return grey, 1.0
        small: NDArray[np.uint8] = self._cv2.resize(grey, None, fx=scale, fy=scale, interpolation=self._cv2.INTER_AREA)
        return small, scale

    def _upright(self, grey: NDArray[np.uint8]) -> list[Face]:
        return self._fronts(grey) or self._profiles(grey)

    def _fronts(self, grey: NDArray[np.uint8], least: int = 0, most: int = 0) -> list[Face]:
        boxes = self._detect(self._front, grey, least, most, agree=5)
        return [self._with_eyes(grey, Face(int(x), int(y), int(w), int(h))) for x, y, w, h in boxes]

    def _profiles(self, grey: NDArray[np.uint8], least: int = 0, most: int = 0) -> list[Face]:
        """Faces that look to the left or, in the mirrored picture, to the right."""
        if self._profile is None:
            return []
        boxes = self._detect(self._profile, grey, least, most, agree=8)
        found = [Face(int(x), int(y), int(w), int(h), front=False) for x, y, w, h in boxes]
        mirrored = np.ascontiguousarray(grey[:, ::-1])
        for x, y, w, h in self._detect(self._profile, mirrored, least, most, agree=8):
            face = Face(grey.shape[1] - int(x) - int(w), int(y), int(w), int(h), front=False)
            if all(overlap(face.box, other.box) < 0.3 for other in found):
                found.append(face)
        return found

    def _detect(self, cascade: Any, grey: NDArray[np.uint8], least: int, most: int, *, agree: int) -> Iterable[Any]:
        least = max(least, self._smallest)
        if min(grey.shape) < least:
            return ()
        size = {"minSize": (least, least)} | ({"maxSize": (most, most)} if most else {})
        found: Iterable[Any] = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=agree, **size)
        return found

    def _with_eyes(self, grey: NDArray[np.uint8], face: Face) -> Face:
        """The face with the line between its eyes, where a likely pair of eyes is found."""
        top = grey[face.y + face.height // 6 : face.y + round(0.58 * face.height), face.x : face.x + face.width]
        if min(top.shape) < 12:
            return face
        scale = 96 / face.width  # the cascade looks for eyes of 20 pixels
        top = self._cv2.resize(
            top, None, fx=scale, fy=scale, interpolation=self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_LINEAR
        )
        least = round(0.16 * face.width * scale)
        eyes = self._eye.detectMultiScale(top, scaleFactor=1.1, minNeighbors=4, minSize=(least, least))
        places = [((x + w / 2) / scale, (y + h / 2) / scale, w / scale) for x, y, w, h in eyes]
        best: tuple[float, float] | None = None
        for left in places:
            for right in places:
                wide, rise = right[0] - left[0], left[1] - right[1]
                sides = left[0] < 0.5 * face.width < right[0]
                if not sides or not _EYES_APART[0] < wide / face.width < _EYES_APART[1]:
                    continue
                tilt = math.degrees(math.atan2(rise, wide))
                unlike = abs(math.log(left[2] / right[2])) + abs(wide / face.width - 0.42) + abs(tilt) / 60
                if abs(tilt) <= _STEEPEST and (best is None or unlike < best[0]):
                    best = unlike, tilt
        return face if best is None else replace(face, tilt=best[1], eyes=True)


def _scaled(face: Face, by: float) -> Face:
    x, y, w, h = (round(by * value) for value in face.box)
    return replace(face, x=x, y=y, width=max(w, 1), height=max(h, 1))


def _turned_back(face: Face, quarters: int, shape: Sequence[int]) -> Face:
    """A face of a picture that was turned by quarters, in the picture of this shape as it was before."""
    tall, wide = shape[0], shape[1]
    x, y, w, h = face.box
    if quarters == 1:
        x, y, w, h = wide - y - h, x, h, w
    elif quarters == 2:
        x, y = wide - x - w, tall - y - h
    elif quarters == 3:
        x, y, w, h = y, tall - x - w, h, w
    return replace(face, x=x, y=y, width=w, height=h, quarters=quarters)


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (left, top, width, height), 0..1."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    tall = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(wide, 0.0) * max(tall, 0.0)
    return both / (a[2] * a[3] + b[2] * b[3] - both) if both else 0.0


def crop_of(pixels: NDArray[np.uint8], face: Face, *, size: int = CROP) -> NDArray[np.uint8]:
    """A face cut out, set upright by its eyes and scaled.

    Args:
        pixels: The picture, uint8, shape (height, width, 3) or (height, width).
        face: A face of it.
        size: Pixels of the side.

    Returns:
        uint8, shape (size, size, 3) or (size, size). What lies outside of the picture repeats its edge.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2: Any = need("cv2", extra="video")
    centre = (face.x + face.width / 2, face.y + face.height / 2)
    # Counter-clockwise turns are positive in OpenCV; eyes that rise to the right are turned down.
    turn = 90.0 * face.quarters - face.tilt
    matrix = cv2.getRotationMatrix2D(centre, turn, size / max(face.width, face.height))
    matrix[:, 2] += size / 2 - np.asarray(centre)
    shrunk = cv2.INTER_AREA if face.width > size else cv2.INTER_LINEAR
    out: NDArray[np.uint8] = cv2.warpAffine(
        np.ascontiguousarray(pixels), matrix, (size, size), flags=shrunk, borderMode=cv2.BORDER_REPLICATE
    )
    return out


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a face can be read.

    Attributes:
        size: Pixels of its width as the file has it.
        sharpness: Share of its contrast that is in fine detail, 0..1: about 0.02 and above for a sharp face.
        brightness: Mean brightness, 0..1.
        contrast: Standard deviation of its brightness, 0..1.
        front: Whether it is seen from the front.
    """

    size: float
    sharpness: float
    brightness: float
    contrast: float
    front: bool

    @property
    def problem(self) -> str | None:
        """Why it cannot be read, as `kind: details`; `None` where it can."""
        if self.size < 24:
            return f"face too small: {self.size:.0f} pixels wide, 24 are needed"
        if self.contrast < 0.04:
            return f"face too dark or too bright: its brightness varies by {self.contrast:.3f} only"
        if self.sharpness < 0.004:
            return f"face blurred: {self.sharpness:.4f} of its contrast is detail, 0.004 is needed"
        return None

    @property
    def weight(self) -> float:
        """How much it counts among the faces of one person, 0..1; 0 where it cannot be read."""
        if self.problem is not None:
            return 0.0
        return min(self.size / 64, 1.0) * min(self.sharpness / 0.02, 1.0) * (1.0 if self.front else 0.25)


def quality_of(crop: NDArray[np.uint8], *, size: float, front: bool = True) -> Quality:
    """Judge a face that was cut out by `crop_of`.

    Args:
        crop: uint8, shape (side, side, 3) or (side, side).
        size: Pixels of its width as the file has it.
        front: Whether it is seen from the front.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2: Any = need("cv2", extra="video")
    grey = crop if crop.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
    # On one small scale, so that a large face is not blurred beside a small one.
    small = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    contrast = float(small.std())
    detail = small - cv2.GaussianBlur(small, (0, 0), 1.5)
    sharpness = float(detail.var() / max(small.var(), 1e-9))
    return Quality(float(size), sharpness, float(small.mean()), contrast, front)


@dataclass(slots=True)
class _Person:
    name: str
    box: tuple[float, float, float, float]
    look: NDArray[np.float32]
    seen: float
    times: int = 1
    speed: tuple[float, float] = field(default=(0.0, 0.0))


class People:
    """Tells the people of a video apart, frame by frame.

    A face is of the person whose face was last where it is now and looks like it; one that nobody had there, as after
    a cut, is of the person whom it looks very much like, else of somebody new. Two people who look alike, or one in
    two lights, may be confused. At most 64 are told apart.
    """

    def __init__(self) -> None:
        self._people: list[_Person] = []

    def tell(self, time: float, faces: Sequence[Face], pixels: NDArray[np.uint8]) -> list[str]:
        """Names of the people of a frame: `person 1`, `person 2`, ... in the order in which they are first seen.

        Args:
            time: Seconds; grows from call to call.
            faces: The faces of the frame.
            pixels: The frame, uint8, shape (height, width, 3).

        Returns:
            One name for each face, none twice.

        Raises:
            MissingExtraError: OpenCV is not installed.
        """
        looks = [look_of(pixels, face) for face in faces]
        likeness = np.zeros((len(faces), len(self._people)))
        for i, (face, look) in enumerate(zip(faces, looks, strict=True)):
            for k, person in enumerate(self._people):
                same = float(look @ person.look)
                near = overlap(face.box, person.box) if time - person.seen <= _FORGOTTEN else 0.0
                if same >= (_SAME_LOOK if near >= _SAME_PLACE else _LOOK_ALONE):
                    likeness[i, k] = near + 2 * same  # a cut puts others into the same place
        names: list[str | None] = [None] * len(faces)
        while likeness.size and likeness.max() > 0:
            i, k = divmod(int(likeness.argmax()), likeness.shape[1])
            person = self._people[k]
            person.look = _unit(0.8 * person.look + 0.2 * looks[i])
            person.box, person.seen, person.times = faces[i].box, time, person.times + 1
            names[i] = person.name
            likeness[i, :] = likeness[:, k] = 0
        for i, name in enumerate(names):
            if name is None:
                names[i] = self._new(time, faces[i], looks[i], taken=names)
        return [name for name in names if name is not None]

    def _new(self, time: float, face: Face, look: NDArray[np.float32], *, taken: Sequence[str | None]) -> str:
        if len(self._people) >= _MOST_PEOPLE:
            free = [p for p in self._people if p.name not in taken]
            nearest = max(free, key=lambda person: float(look @ person.look))
            nearest.box, nearest.seen = face.box, time
            return nearest.name
        name = f"person {len(self._people) + 1}"
        self._people.append(_Person(name, face.box, look, time))
        return name


def look_of(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    """What somebody looks like: a vector of length 1; of two, the product says how alike they are, at most 1.

    The structure of the face in 12 x 12 points, the colours of skin and hair, and, with half their weight, those of the
    clothes beneath an upright face.
    """
    cv2: Any = need("cv2", extra="video")
    crop = crop_of(pixels, face, size=24)
    grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    points = cv2.resize(grey, (12, 12), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    parts = [_unit(points - points.mean())]
    if pixels.ndim == 3:
        parts.append(_colours(cv2, crop_of(pixels, face, size=48)[:, 6:42]))
        below = pixels[face.y + face.height + face.height // 4 : face.y + 2 * face.height, face.x : face.x + face.width]
        clothes = _colours(cv2, below) if face.quarters == 0 and min(below.shape[:2]) > 3 else None
        parts.append(np.float32(0.5) * clothes if clothes is not None else np.zeros_like(parts[1]))
    return _unit(np.concatenate(parts))


def _colours(cv2: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB)
    histogram = cv2.calcHist([lab], [0, 1, 2], None, [6, 6, 6], [0, 256, 104, 164, 104, 164]).ravel()
    root = np.sqrt(histogram / max(float(histogram.sum()), 1.0)).astype(np.float32)
    return _unit(root - root.mean())


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return out
