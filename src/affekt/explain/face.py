"""Which part of a face moved its label: the part is covered, and the face read again.

Regions are places of the crop, where mouths, eyes and brows lie in faces that were cut out upright; nothing is looked
for. A region that matters says where the network looked, and not which muscle moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.spaces import space as catalogue_space
from affekt.core.prediction import Evidence
from affekt.models.face import grey_square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.models.face import FaceRecogniser

__all__ = ["REGIONS", "Box", "blurred", "covered", "face_evidence", "falls_of", "occlusion_map"]

Box = tuple[float, float, float, float]

REGIONS: dict[str, Box] = {
    "brows": (0.16, 0.30, 0.14, 0.86),
    "eyes": (0.30, 0.46, 0.14, 0.86),
    "nose and cheeks": (0.46, 0.65, 0.14, 0.86),
    "mouth": (0.65, 0.88, 0.20, 0.80),
}
"""Region -> top, bottom, left and right as shares of the side of a crop; read off the mean of FER2013's train split."""

_MOVED = 0.02  # of the label's probability: less is noise of the reading, as for words and voices


def _inside(side: int, box: Box) -> tuple[slice, slice]:
    top, bottom, left, right = (round(side * share) for share in box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def covered(crop: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The crop with a box in its mean grey, as it was covered in training.

    Args:
        crop: Shape (side, side).
        box: Top, bottom, left and right as shares of the side.
    """
    out = crop.copy()
    out[_inside(len(crop), box)] = round(float(crop.mean()))
    return out


def blurred(crop: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The crop with what is within a box averaged over an eighth of the side, so that its light stays."""
    side = len(crop)
    reach = max(side // 16, 1)
    padded = np.pad(crop.astype(np.float64), reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1,) * 2)
    out = crop.copy()
    out[_inside(side, box)] = np.rint(windows.mean((2, 3)))[_inside(side, box)].astype(np.uint8)
    return out


def falls_of(
    eye: FaceRecogniser, pictures: Sequence[NDArray[np.uint8]], label: int, *, space: str | None = None
) -> NDArray[np.float64]:
    """By how much the probability of a label falls from the first crop to each of the others."""
    scores = eye.scores(np.stack(pictures), space=space)[:, label]
    out: NDArray[np.float64] = scores[0] - scores[1:]
    return out


def occlusion_map(
    eye: FaceRecogniser, face: NDArray[np.uint8], label: str, *, cells: int = 6, space: str | None = None
) -> NDArray[np.float64]:
    """How much each place of a face speaks for a label: the fall of its probability where the place is covered.

    After Zeiler and Fergus (2014), in steps of a cell and with squares of two cells a side.

    Args:
        eye: The model.
        face: As for `FaceRecogniser.predict`.
        label: The label.
        cells: Cells a side.
        space: Label space; its own or none.

    Returns:
        Shape (cells, cells), from -1 to 1; what is covered around a cell is twice as wide as the cell.
    """
    crop = grey_square(face, eye.face.size)
    half, centres = 1 / cells, (np.arange(cells) + 0.5) / cells
    low, high = np.clip(centres - half, 0, 1), np.clip(centres + half, 0, 1)
    boxes = [(low[i], high[i], low[j], high[j]) for i in range(cells) for j in range(cells)]
    number = _number(eye, label, space)
    return falls_of(eye, [crop, *(covered(crop, box) for box in boxes)], number, space=space).reshape(cells, cells)


def face_evidence(
    eye: FaceRecogniser,
    faces: Sequence[NDArray[np.uint8]],
    *,
    times: Sequence[float] | None = None,
    labels: Sequence[str] | None = None,
    space: str | None = None,
) -> list[tuple[Evidence, ...]]:
    """The regions of each face that moved its label, the strongest first.

    Args:
        eye: The model.
        faces: As for `FaceRecogniser.predict`.
        times: When each is seen, in seconds; default 0, as in a picture.
        labels: The label of each that is asked about; default its own top label.
        space: Label space; its own or none.

    Returns:
        For each face its evidence: `cue` is such as "the region of the mouth", with the time where there is one;
        `weight` the fall of the probability of the label where the region is covered, negative where it rises. Falls of
        less than 0.02 are left out, and a face that got no answer has none.
    """
    found: list[tuple[Evidence, ...]] = []
    seen = [0.0] * len(faces) if times is None else list(times)
    asked = [None] * len(faces) if labels is None else list(labels)
    for face, reading, time, label in zip(faces, eye.predict(faces, space=space), seen, asked, strict=True):
        label = label or reading.top
        if label is None or reading.top is None:
            found.append(())
            continue
        when = "" if times is None else f" at {time:.1f} s"
        crop = grey_square(face, eye.face.size)
        pictures = [crop, *(covered(crop, box) for box in REGIONS.values())]
        falls = falls_of(eye, pictures, _number(eye, label, space), space=space)
        moved = [
            Evidence("face", f"the region of the {region}{when}", time, time, float(fall), label)
            for region, fall in zip(REGIONS, falls, strict=True)
            if abs(fall) >= _MOVED
        ]
        found.append(tuple(sorted(moved, key=lambda each: -abs(each.weight))))
    return found


def _number(eye: FaceRecogniser, label: str, space: str | None) -> int:
    return catalogue_space(space or eye.card.main).labels.index(label)
